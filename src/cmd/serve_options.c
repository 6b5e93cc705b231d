/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/serve.h"
#include "core/flow.h"

static const char help[] =
	"Usage: eyelet serve TARGET [-r RENDEZVOUS]... [OPTION]...\n"
	"Lets guests reach the UDP server at TARGET, and prints the ticket they need.\n"
	"\n"
	"TARGET is PORT (127.0.0.1, then [::1]), HOST:PORT or [V6]:PORT.\n"
	"\n"
	"  -r, --rendezvous HOST[:PORT]  where guests ask for it; more than one may be "
	"given;\n"
	"                                without any, it runs a rendezvous itself\n"
	"  -k, --key KEY                 guests use this key instead of a ticket\n"
	"      --key-file FILE           the same, from a file's first line\n"
	"      --weak-key                take a key that is easily guessed, too\n"
	"      --public ADDR:PORT        an address that a router forwards to this "
	"machine\n"
	"      --port PORT               the public UDP port (any; or --public's; or "
	"3478\n"
	"                                with the rendezvous inside)\n"
	"      --name NAME               what its secrets are kept under (derived from "
	"TARGET)\n"
	"      --guests FILE             whom to let in, by what name, at what address; "
	"SIGHUP\n"
	"                                reads it again\n"
	"      --max-guests N            guests connected at once (16384)\n"
	"      --max-guests-per-network N\n"
	"                                of them, of one /24 or (IPv6) /56 (1024)\n"
	"      --max-flows N             application sockets of one guest (256)\n"
	"      --max-sockets N           of all guests (by the limit of descriptors)\n"
	"      --max-half-open N         guests in the middle of a handshake (1024)\n"
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
	"The ticket is the only thing on stdout. It is a secret; the same each run.\n";

enum {
	OPTION_KEY_FILE = OPTION_LONG,
	OPTION_WEAK_KEY,
	OPTION_PUBLIC,
	OPTION_PORT,
	OPTION_NAME,
	OPTION_MAX_GUESTS,
	OPTION_MAX_NETWORK,
	OPTION_MAX_FLOWS,
	OPTION_MAX_SOCKETS,
	OPTION_MAX_HALF_OPEN,
	OPTION_JSON,
	OPTION_CA,
	OPTION_EFFORT,
	OPTION_NO_PORT_MAPPING,
	OPTION_NO_LOCAL_CANDIDATES,
	OPTION_GUESTS,
	OPTION_NO_MODERATION,
	OPTION_BUSY_POLL,
};

static const struct option longs[] = {
	{"rendezvous", required_argument, NULL, 'r'},
	{"key", required_argument, NULL, 'k'},
	{"key-file", required_argument, NULL, OPTION_KEY_FILE},
	{"weak-key", no_argument, NULL, OPTION_WEAK_KEY},
	{"public", required_argument, NULL, OPTION_PUBLIC},
	{"port", required_argument, NULL, OPTION_PORT},
	{"name", required_argument, NULL, OPTION_NAME},
	{"max-guests", required_argument, NULL, OPTION_MAX_GUESTS},
	{"max-guests-per-network", required_argument, NULL, OPTION_MAX_NETWORK},
	{"max-flows", required_argument, NULL, OPTION_MAX_FLOWS},
	{"max-sockets", required_argument, NULL, OPTION_MAX_SOCKETS},
	{"max-half-open", required_argument, NULL, OPTION_MAX_HALF_OPEN},
	{"ca", required_argument, NULL, OPTION_CA},
	{"json", no_argument, NULL, OPTION_JSON},
	{"effort", required_argument, NULL, OPTION_EFFORT},
	{"no-port-mapping", no_argument, NULL, OPTION_NO_PORT_MAPPING},
	{"no-local-candidates", no_argument, NULL, OPTION_NO_LOCAL_CANDIDATES},
	{"guests", required_argument, NULL, OPTION_GUESTS},
	{"no-moderation", no_argument, NULL, OPTION_NO_MODERATION},
	{"busy-poll", required_argument, NULL, OPTION_BUSY_POLL},
	OPTIONS_COMMON,
};

static bool add_server(struct options *o, struct servers *servers, const char *text)
{
	const char *why = servers_add(servers, text);

	if (why != NULL)
		options_error(o, "the rendezvous \"%s\" cannot be: %s", text, why);
	return why == NULL;
}

static bool add_public(struct options *o, struct serve_options *s)
{
	if (s->public_count == SERVE_PUBLICS_MAX) {
		options_error(o, "--public can be given %d times", SERVE_PUBLICS_MAX);
		return false;
	}
	if (!endpoint_public(&s->publics[s->public_count], optarg, 0)) {
		options_error(o,
			"--public is ADDR:PORT or [V6]:PORT as guests see it, not \"%s\"",
			optarg);
		return false;
	}
	s->public_count++;
	return true;
}

static bool set_name(struct options *o, struct serve_options *s)
{
	if (!state_name_valid(optarg)) {
		options_error(o,
			"--name is at most %d letters, digits, dots, dashes and "
			"underscores",
			STATE_NAME_MAX - 1);
		return false;
	}
	snprintf(s->name, sizeof(s->name), "%s", optarg);
	return true;
}

static bool take_limit(struct serve_options *so, struct options *o, int option)
{
	switch (option) {
	case OPTION_MAX_GUESTS:
		return options_number(o, "--max-guests", 1, 1000000, &so->guests_max);
	case OPTION_MAX_NETWORK:
		return options_number(
			o, "--max-guests-per-network", 1, 1000000, &so->network_max);
	case OPTION_MAX_FLOWS:
		return options_number(o, "--max-flows", 1, 65535, &so->flows_max);
	case OPTION_MAX_SOCKETS:
		return options_number(o, "--max-sockets", 1, 10000000, &so->sockets_max);
	case OPTION_BUSY_POLL:
		return options_number(o, "--busy-poll", 1, 10000, &so->busy_poll);
	case OPTION_MAX_HALF_OPEN:
		return options_number(o, "--max-half-open", 1, 65535, &so->half_open_max);
	default: return false;
	}
}

static bool take(struct serve *s, struct key *key, struct options *o, int option)
{
	struct serve_options *so = &s->options;

	switch (option) {
	case 'r': return add_server(o, &s->servers, optarg);
	case 'k': return key_from_option(o, key, optarg);
	case OPTION_KEY_FILE: return key_from_file(o, key, optarg);
	case OPTION_WEAK_KEY: so->weak_key = true; return true;
	case OPTION_PUBLIC: return add_public(o, so);
	case OPTION_PORT: return options_number(o, "--port", 1, 65535, &so->port);
	case OPTION_NAME: return set_name(o, so);
	case OPTION_GUESTS: so->guests = optarg; return true;
	case OPTION_EFFORT: return options_effort(o, &so->effort);
	case OPTION_NO_PORT_MAPPING: so->no_port_mapping = true; return true;
	case OPTION_NO_LOCAL_CANDIDATES: so->no_local_candidates = true; return true;
	case OPTION_CA: so->ca = optarg; return true;
	case OPTION_JSON: s->feed.on = true; return true;
	case OPTION_NO_MODERATION: so->no_moderation = true; return true;
	default: return take_limit(so, o, option);
	}
}

static bool set_target(struct serve *s, struct options *o, const char *text)
{
	struct serve_options *so = &s->options;
	const char *why = endpoint_parse(&so->target, text);

	if (why == NULL && so->target.count > 0) {
		if (so->target.addrs[0].port == 0)
			why = "port 0 is no port to send to";
		else if (addr_is_unspecified(&so->target.addrs[0]))
			why = "no one address is meant by it";
	}
	if (why != NULL) {
		options_error(o, "TARGET \"%s\" cannot be: %s", text, why);
		return false;
	}
	if (so->name[0] == '\0')
		state_name_from(so->name, text);
	return true;
}

static bool take_environment(struct serve *s, struct key *key, struct options *o)
{
	const char *servers = getenv("EYELET_RENDEZVOUS");

	if (!key_from_environment(o, key))
		return false;
	if (s->servers.text[0] == '\0' && servers != NULL && *servers != '\0' &&
		!add_server(o, &s->servers, servers))
		return false;
	s->inside = s->servers.text[0] == '\0';
	s->keyed = key->given;
	return !key->given || s->options.weak_key || key_check_strength(o, key);
}

bool serve_parse(
	struct serve *s, struct key *key, struct options *o, int argc, char **argv)
{
	int option;

	*o = (struct options){.command = "serve",
		.help = help,
		.letters = ":r:k:" OPTIONS_COMMON_LETTERS,
		.longs = longs,
		.argc = argc,
		.argv = argv};
	s->options.effort = EFFORT_NORMAL;
	while ((option = options_next(o)) >= 0)
		if (!take(s, key, o, option))
			return false;
	if (option == OPTIONS_STOP)
		return false;
	if (!options_arguments(o, 1, 1, "TARGET") || !set_target(s, o, argv[optind]) ||
		!take_environment(s, key, o))
		return false;
	if (s->inside && s->options.no_local_candidates && s->options.public_count == 0) {
		options_error(o, "--no-local-candidates leaves guests nothing to ask at: "
				 "name a rendezvous by -r, or an address by --public");
		return false;
	}
	/* A forwarded port is of use only if it is ours; most routers forward to the
	 * same. */
	if (s->options.port == 0 && s->options.public_count > 0)
		s->options.port = s->options.publics[0].port;
	return true;
}
