/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/exit.h"
#include "cmd/log.h"
#include "cmd/options.h"

#ifndef EYELET_VERSION
#define EYELET_VERSION "unknown"
#endif

static const char help[] =
	"Usage: eyelet COMMAND [OPTION]... [ARGUMENT]...\n"
	"Punches a path through the NATs between two machines and runs UDP through it.\n"
	"\n"
	"  eyelet rendezvous              on a public machine: tells both where the "
	"other is\n"
	"  eyelet serve TARGET -r HOST    beside the server: prints the ticket for "
	"guests\n"
	"  eyelet connect LISTEN TICKET   beside the client: brings the server to "
	"LISTEN\n"
	"  eyelet netcheck -r HOST        tells what this network does to UDP\n"
	"  eyelet keygen                  prints a key, for those who want no ticket\n"
	"\n"
	"  eyelet COMMAND --help          what a command takes\n"
	"  eyelet --version               the version\n"
	"\n"
	"TARGET and LISTEN are PORT (on this machine), HOST:PORT or [V6]:PORT.\n"
	"The manual is eyelet(1).\n";

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"rendezvous", rendezvous_main},
	{"serve", serve_main},
	{"connect", connect_main},
	{"netcheck", netcheck_main},
	{"keygen", keygen_main},
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

/* Else a socket would become the standard output, and the ticket a datagram. */
static void open_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	const struct command *command;

	open_standard_files();
	/* A reader of the ticket that has gone must not take the tunnel with it. */
	signal(SIGPIPE, SIG_IGN);
	log_init(LOG_NORMAL);
	if (argc < 2) {
		fputs(help, stderr);
		return EXIT_USAGE;
	}
	command = find_command(argv[1]);
	if (command != NULL)
		return command->run(argc - 1, argv + 1);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		strcmp(argv[1], "help") == 0)
		return options_print(help);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		return options_print("eyelet " EYELET_VERSION "\n");
	log_error("there is no command \"%s\"; \"eyelet --help\" lists them", argv[1]);
	return EXIT_USAGE;
}
