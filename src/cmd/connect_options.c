/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "cmd/connect.h"
#include "cmd/ticket_argument.h"

static const char help[] =
	"Usage: eyelet connect LISTEN TICKET [OPTION]... [-- COMMAND [ARG]...]\n"
	"       eyelet connect LISTEN -r RENDEZVOUS... -k KEY [OPTION]... [-- COMMAND "
	"[ARG]...]\n"
	"Brings the UDP server of a host to LISTEN on this machine. Once connected, it "
	"runs\n"
	"COMMAND, with {}, {host} and {port} replaced by what LISTEN is, and exits with "
	"it.\n"
	"\n"
	"LISTEN is PORT (127.0.0.1 and [::1]), HOST:PORT or [V6]:PORT. TICKET is what "
	"\"eyelet\n"
	"serve\" printed, @FILE to read it from a file, or - to read it from stdin.\n"
	"\n"
	"  -r, --rendezvous HOST[:PORT]  where to ask for the service of the key\n"
	"  -k, --key KEY                 the key, instead of a ticket\n"
	"      --key-file FILE           the same, from a file's first line\n"
	"      --timeout SECONDS         for the first connection (30)\n"
	"      --no-relay                only ever a direct path\n"
	"      --max-flows N             application sockets (256)\n"
	"      --busy-poll USEC          spin for so long before sleeping: less latency, "
	"a\n"
	"                                processor's time\n"
	"      --no-moderation           wake for each datagram, even at high rates\n"
	"      --effort low|normal|high  for a direct path: many ports at once or not "
	"(normal)\n"
	"      --no-port-mapping         ask no router to forward a port\n"
	"      --no-local-candidates     tell nobody the addresses of own interfaces\n"
	"      --ca FILE                 authorities for a rendezvous by TLS (the "
	"system's)\n"
	"      --json                    print what happens, one object a line\n"
	"  -v, --verbose                 log details\n"
	"  -q, --quiet                   log errors only\n"
	"  -h, --help                    this\n"
	"\n"
	"EYELET_RENDEZVOUS (separated by commas), EYELET_KEY and EYELET_CA stand in for "
	"-r,\n"
	"-k and --ca.\n"
	"Exit status: 1 failed, 2 usage, 3 no such service, 4 refused by the host,\n"
	"5 unreachable, 6 timed out; COMMAND's, if it ran. Once connected, it never "
	"gives\n"
	"up.\n";

enum {
	OPTION_KEY_FILE = OPTION_LONG,
	OPTION_TIMEOUT,
	OPTION_NO_RELAY,
	OPTION_MAX_FLOWS,
	OPTION_JSON,
	OPTION_CA,
	OPTION_NO_MODERATION,
	OPTION_BUSY_POLL,
	OPTION_EFFORT,
	OPTION_NO_PORT_MAPPING,
	OPTION_NO_LOCAL_CANDIDATES,
};

static const struct option longs[] = {
	{"rendezvous", required_argument, NULL, 'r'},
	{"key", required_argument, NULL, 'k'},
	{"key-file", required_argument, NULL, OPTION_KEY_FILE},
	{"timeout", required_argument, NULL, OPTION_TIMEOUT},
	{"no-relay", no_argument, NULL, OPTION_NO_RELAY},
	{"max-flows", required_argument, NULL, OPTION_MAX_FLOWS},
	{"ca", required_argument, NULL, OPTION_CA},
	{"json", no_argument, NULL, OPTION_JSON},
	{"no-moderation", no_argument, NULL, OPTION_NO_MODERATION},
	{"busy-poll", required_argument, NULL, OPTION_BUSY_POLL},
	{"effort", required_argument, NULL, OPTION_EFFORT},
	{"no-port-mapping", no_argument, NULL, OPTION_NO_PORT_MAPPING},
	{"no-local-candidates", no_argument, NULL, OPTION_NO_LOCAL_CANDIDATES},
	OPTIONS_COMMON,
};

static bool add_servers(struct connect *c, struct options *o, const char *text)
{
	const char *why = servers_add(&c->servers, text);

	if (why != NULL)
		options_error(o, "the rendezvous \"%s\" cannot be: %s", text, why);
	return why == NULL;
}

static bool take(struct connect *c, struct options *o, int option)
{
	struct connect_options *co = &c->options;

	switch (option) {
	case 'r': return add_servers(c, o, optarg);
	case 'k': return key_from_option(o, &co->key, optarg);
	case OPTION_KEY_FILE: return key_from_file(o, &co->key, optarg);
	case OPTION_TIMEOUT:
		return options_number(o, "--timeout", 1, 86400, &co->timeout);
	case OPTION_NO_RELAY: co->no_relay = true; return true;
	case OPTION_MAX_FLOWS:
		return options_number(o, "--max-flows", 1, 65535, &co->flows_max);
	case OPTION_EFFORT: return options_effort(o, &co->effort);
	case OPTION_NO_PORT_MAPPING: co->no_port_mapping = true; return true;
	case OPTION_NO_LOCAL_CANDIDATES: co->no_local_candidates = true; return true;
	case OPTION_CA: co->ca = optarg; return true;
	case OPTION_JSON: c->feed.on = true; return true;
	case OPTION_NO_MODERATION: co->no_moderation = true; return true;
	case OPTION_BUSY_POLL:
		return options_number(o, "--busy-poll", 1, 10000, &co->busy_poll);
	default: return false;
	}
}

static bool set_listen(struct connect *c, struct options *o, const char *text)
{
	const char *why = endpoint_parse(&c->options.listen, text);

	if (why != NULL)
		options_error(o, "LISTEN \"%s\" cannot be: %s", text, why);
	return why == NULL;
}

static bool set_ticket(struct connect *c, struct options *o, char *text)
{
	if (c->options.key.given || c->servers.text[0] != '\0') {
		options_error(o, "a ticket has it all: leave -r and -k out");
		return false;
	}
	c->options.ticketed = true;
	return ticket_argument(o, &c->options.ticket, text) &&
	       add_servers(c, o, c->options.ticket.servers);
}

static bool set_key(struct connect *c, struct options *o)
{
	const char *servers = getenv("EYELET_RENDEZVOUS");

	if (!key_from_environment(o, &c->options.key))
		return false;
	if (c->servers.text[0] == '\0' && servers != NULL && *servers != '\0' &&
		!add_servers(c, o, servers))
		return false;
	if (!c->options.key.given) {
		options_error(
			o, "a TICKET is wanted, or a key (-k, --key-file, EYELET_KEY)");
		return false;
	}
	if (c->servers.text[0] == '\0') {
		options_error(
			o, "a key needs a rendezvous, too (-r or EYELET_RENDEZVOUS)");
		return false;
	}
	return true;
}

/* What follows "--" is the command's, whatever it looks like; getopt must not see it.
 * Returns the count of arguments before it, or -1 with a sentence said. */
static int cut_command(struct connect *c, struct options *o, int argc, char **argv)
{
	int count = 1;

	while (count < argc && strcmp(argv[count], "--") != 0)
		count++;
	if (count == argc)
		return argc;
	if (count + 1 == argc) {
		options_error(o, "a COMMAND is wanted behind --");
		return -1;
	}
	argv[count] = NULL;
	c->wrap.command = &argv[count + 1];
	return count;
}

bool connect_parse(struct connect *c, struct options *o, int argc, char **argv)
{
	int option;

	*o = (struct options){.command = "connect",
		.help = help,
		.letters = ":r:k:" OPTIONS_COMMON_LETTERS,
		.longs = longs,
		.argc = argc,
		.argv = argv};
	c->options.timeout = CONNECT_TIMEOUT;
	c->options.effort = EFFORT_NORMAL;
	o->argc = argc = cut_command(c, o, argc, argv);
	if (argc < 0)
		return false;
	while ((option = options_next(o)) >= 0)
		if (!take(c, o, option))
			return false;
	if (option == OPTIONS_STOP)
		return false;
	if (c->feed.on && c->wrap.command != NULL) {
		options_error(o, "the standard output is COMMAND's, or --json's");
		return false;
	}
	if (!options_arguments(o, 1, 2, "LISTEN") || !set_listen(c, o, argv[optind]))
		return false;
	return argc - optind == 2 ? set_ticket(c, o, argv[optind + 1]) : set_key(c, o);
}
