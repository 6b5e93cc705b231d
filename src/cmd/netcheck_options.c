/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "cmd/endpoint.h"
#include "cmd/netcheck.h"
#include "cmd/ticket_argument.h"

static const char help[] =
	"Usage: eyelet netcheck [-r RENDEZVOUS]... [-s stun:HOST[:PORT]]... [OPTION]...\n"
	"       eyelet netcheck TICKET [OPTION]...\n"
	"       eyelet netcheck -r RENDEZVOUS... -k KEY [OPTION]...\n"
	"Tells what this network does to UDP, how likely a direct path to each kind of "
	"peer\n"
	"is, and what would help. With a ticket or key, asks the host as well where it "
	"is,\n"
	"without connecting, and tells what to expect of that pair.\n"
	"\n"
	"  -r, --rendezvous HOST[:PORT]   a rendezvous to ask; two at different "
	"addresses\n"
	"                                 tell more than one\n"
	"  -s, --server stun:HOST[:PORT]  an RFC 5780 STUN server to ask, up to 4\n"
	"  -k, --key KEY                  the key of the host that is to be asked\n"
	"      --key-file FILE            the same, from a file's first line\n"
	"      --long                     measure how long the NAT remembers, too: up to "
	"5\n"
	"                                 minutes more\n"
	"      --no-port-mapping          ask no router to forward a port\n"
	"      --json                     print one object instead of the table\n"
	"  -v, --verbose                  log details\n"
	"  -q, --quiet                    log errors only\n"
	"  -h, --help                     this\n"
	"\n"
	"EYELET_RENDEZVOUS (separated by commas) stands in for -r and -s.\n"
	"Exit status: 1 failed, 2 usage, 3 no such service, 5 no server answered: UDP "
	"may "
	"be\n"
	"blocked, 6 the host did not answer.\n";

enum {
	OPTION_LONG_TIME = OPTION_LONG,
	OPTION_JSON,
	OPTION_KEY_FILE,
	OPTION_NO_PORT_MAPPING
};

static const struct option longs[] = {
	{"rendezvous", required_argument, NULL, 'r'},
	{"server", required_argument, NULL, 's'},
	{"key", required_argument, NULL, 'k'},
	{"key-file", required_argument, NULL, OPTION_KEY_FILE},
	{"no-port-mapping", no_argument, NULL, OPTION_NO_PORT_MAPPING},
	{"long", no_argument, NULL, OPTION_LONG_TIME},
	{"json", no_argument, NULL, OPTION_JSON},
	OPTIONS_COMMON,
};

static bool add_rendezvous(
	struct netcheck_options *c, struct options *o, const char *text)
{
	const char *why = servers_add(&c->rendezvous, text);

	if (why != NULL)
		options_error(o, "the rendezvous \"%s\" cannot be: %s", text, why);
	return why == NULL;
}

static bool add_stun(struct netcheck_options *c, struct options *o, const char *text)
{
	const char *why;

	if (strncmp(text, "stun:", 5) != 0) {
		options_error(o, "-s is stun:HOST or stun:HOST:PORT, not \"%s\"", text);
		return false;
	}
	if (c->stun_count == NETCHECK_STUNS_MAX) {
		options_error(o, "-s can be given %d times", NETCHECK_STUNS_MAX);
		return false;
	}
	why = endpoint_check_server(text + 5);
	if (why != NULL)
		options_error(o, "the server \"%s\" cannot be: %s", text, why);
	else
		c->stuns[c->stun_count++] = text + 5;
	return why == NULL;
}

static bool take(struct netcheck_options *c, struct options *o, int option)
{
	switch (option) {
	case 'r': return add_rendezvous(c, o, optarg);
	case 's': return add_stun(c, o, optarg);
	case 'k': return key_from_option(o, &c->key, optarg);
	case OPTION_KEY_FILE: return key_from_file(o, &c->key, optarg);
	case OPTION_LONG_TIME: c->lifetime = true; return true;
	case OPTION_NO_PORT_MAPPING: c->no_port_mapping = true; return true;
	case OPTION_JSON: c->json = true; return true;
	default: return false;
	}
}

static bool set_ticket(struct netcheck_options *c, struct options *o, char *text)
{
	if (c->key.given || c->rendezvous.text[0] != '\0') {
		options_error(o, "a ticket has it all: leave -r and -k out");
		return false;
	}
	c->ticketed = true;
	return ticket_argument(o, &c->ticket, text) &&
	       add_rendezvous(c, o, c->ticket.servers);
}

bool netcheck_parse(struct netcheck_options *c, struct options *o, int argc, char **argv)
{
	const char *servers = getenv("EYELET_RENDEZVOUS");
	int option;

	*o = (struct options){.command = "netcheck",
		.help = help,
		.letters = ":r:s:k:" OPTIONS_COMMON_LETTERS,
		.longs = longs,
		.argc = argc,
		.argv = argv};
	while ((option = options_next(o)) >= 0)
		if (!take(c, o, option))
			return false;
	if (option == OPTIONS_STOP || !options_arguments(o, 0, 1, ""))
		return false;
	if (optind < argc)
		return set_ticket(c, o, argv[optind]);
	if (c->rendezvous.text[0] != '\0' || (c->stun_count > 0 && !c->key.given))
		return true;
	if (servers != NULL && *servers != '\0')
		return add_rendezvous(c, o, servers);
	options_error(o, "somebody to ask is wanted (-r, -s or EYELET_RENDEZVOUS)");
	return false;
}
