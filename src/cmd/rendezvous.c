/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd/allow.h"
#include "cmd/commands.h"
#include "cmd/endpoint.h"
#include "cmd/options.h"
#include "cmd/stop.h"
#include "net/forwarder.h"
#include "net/streams_listen.h"
#include "net/system.h"
#include "net/tls.h"

#define ALT_DEFAULT     16
#define DESCRIPTORS_OWN 64 /* the loop, files, listeners */
#define ALT_MAX         32 /* bits of the mask in a cookie message */

static const char help[] =
	"Usage: eyelet rendezvous [OPTION]...\n"
	"Tells hosts and guests where the other is. Runs on a machine that both can "
	"reach.\n"
	"\n"
	"      --listen ADDR:PORT    where to listen (0.0.0.0:3478 and [::]:3478); up to "
	"8\n"
	"      --public ADDR[:PORT]  an address it goes by that is not its own; up to 8\n"
	"      --alt N               further ports to answer on, from the first + 1 "
	"(16)\n"
	"      --no-tcp              do not listen at the same ports by TCP\n"
	"      --tls CERT KEY        listen by TLS with this certificate and key (PEM); "
	"SIGHUP\n"
	"                            reads them again\n"
	"      --tls-listen ADDR:PORT  where (0.0.0.0:443 and [::]:443); up to 8\n"
	"      --max-connections N   by TCP and TLS, in all (4096)\n"
	"      --max-connections-per-network N\n"
	"                            of them, of one /24 or (IPv6) /56 (256)\n"
	"      --no-stun             do not answer plain STUN\n"
	"      --no-relay            do not pass traffic on for those who find no direct "
	"path\n"
	"      --relay-rate KB       kilobytes a second for one session at most (1250)\n"
	"      --relay-rate-all KB   and for all together (125000)\n"
	"      --relay-max N         sessions at once (16384)\n"
	"      --allow FILE          take the services of this list only; SIGHUP reads "
	"it again\n"
	"      --max-services N      services at once (1000000)\n"
	"  -v, --verbose             log details\n"
	"  -q, --quiet               log errors only\n"
	"  -h, --help                this\n";

enum {
	OPTION_LISTEN = OPTION_LONG,
	OPTION_PUBLIC,
	OPTION_ALT,
	OPTION_NO_STUN,
	OPTION_NO_TCP,
	OPTION_TLS,
	OPTION_TLS_LISTEN,
	OPTION_MAX_CONNECTIONS,
	OPTION_MAX_NETWORK,
	OPTION_NO_RELAY,
	OPTION_RELAY_RATE,
	OPTION_RELAY_RATE_ALL,
	OPTION_RELAY_MAX,
	OPTION_ALLOW,
	OPTION_MAX_SERVICES,
};

static const struct option longs[] = {
	{"listen", required_argument, NULL, OPTION_LISTEN},
	{"public", required_argument, NULL, OPTION_PUBLIC},
	{"alt", required_argument, NULL, OPTION_ALT},
	{"no-tcp", no_argument, NULL, OPTION_NO_TCP},
	{"tls", required_argument, NULL, OPTION_TLS},
	{"tls-listen", required_argument, NULL, OPTION_TLS_LISTEN},
	{"max-connections", required_argument, NULL, OPTION_MAX_CONNECTIONS},
	{"max-connections-per-network", required_argument, NULL, OPTION_MAX_NETWORK},
	{"no-stun", no_argument, NULL, OPTION_NO_STUN},
	{"no-relay", no_argument, NULL, OPTION_NO_RELAY},
	{"relay-rate", required_argument, NULL, OPTION_RELAY_RATE},
	{"relay-rate-all", required_argument, NULL, OPTION_RELAY_RATE_ALL},
	{"relay-max", required_argument, NULL, OPTION_RELAY_MAX},
	{"allow", required_argument, NULL, OPTION_ALLOW},
	{"max-services", required_argument, NULL, OPTION_MAX_SERVICES},
	OPTIONS_COMMON,
};

struct meeting {
	struct rendezvous_driver_config config;
	bool default_listens;
	const char *publics[RENDEZVOUS_PUBLICS_MAX]; /* as given: their port may be a
							listen's */
	size_t public_count;
	const char *allow;      /* file, or NULL */
	const char *cert, *key; /* files, or NULL */
	struct rendezvous_driver *driver;
};

static bool add_listen(struct options *o, const char *name, struct addr *addrs,
	size_t *count, uint16_t default_port)
{
	struct addr *addr = &addrs[*count];

	if (*count == FORWARDER_LISTENS_MAX)
		return options_error(o, "%s can be given %d times", name,
			       FORWARDER_LISTENS_MAX),
		       false;
	if (!addr_parse(addr, optarg, default_port) || addr_is_multicast(addr))
		return options_error(o, "%s is ADDR:PORT or [V6]:PORT, not \"%s\"", name,
			       optarg),
		       false;
	(*count)++;
	return true;
}

/* Takes a second argument, which getopt does not know of. */
static bool take_tls(struct meeting *m, struct options *o)
{
	if (optind >= o->argc || o->argv[optind][0] == '-')
		return options_error(o, "--tls wants two files: CERT and KEY"), false;
	m->cert = optarg;
	m->key = o->argv[optind++];
	return true;
}

static bool take_streams(struct meeting *m, struct options *o, int option)
{
	struct rendezvous_driver_config *config = &m->config;

	switch (option) {
	case OPTION_NO_TCP: config->tcp = false; return true;
	case OPTION_TLS: return take_tls(m, o);
	case OPTION_TLS_LISTEN:
		return add_listen(o, "--tls-listen", config->tls_listens,
			&config->tls_listen_count, TLS_PORT);
	case OPTION_MAX_CONNECTIONS:
		return options_number(
			o, "--max-connections", 1, 1000000, &config->streams_max);
	case OPTION_MAX_NETWORK:
		return options_number(o, "--max-connections-per-network", 1, 1000000,
			&config->streams_network_max);
	default: return false;
	}
}

static bool add_public(struct meeting *m, struct options *o)
{
	struct addr unused;

	if (m->public_count == RENDEZVOUS_PUBLICS_MAX)
		return options_error(o, "--public can be given %d times",
			       RENDEZVOUS_PUBLICS_MAX),
		       false;
	if (!endpoint_public(&unused, optarg, RENDEZVOUS_PORT))
		return options_error(o,
			       "--public is ADDR, ADDR:PORT or [V6]:PORT as others see "
			       "it, not "
			       "\"%s\"",
			       optarg),
		       false;
	m->publics[m->public_count++] = optarg;
	return true;
}

/* Given in kilobytes; a datagram of the largest size has to pass at once. */
static bool take_rate(struct options *o, const char *name, uint32_t *bytes)
{
	uint32_t kilobytes;

	if (!options_number(o, name, 2, 4000000, &kilobytes))
		return false;
	*bytes = kilobytes * 1000;
	return true;
}

static bool take_relay(struct relay_limits *relay, struct options *o, int option)
{
	switch (option) {
	case OPTION_NO_RELAY: relay->max = 0; return true;
	case OPTION_RELAY_RATE: return take_rate(o, "--relay-rate", &relay->rate);
	case OPTION_RELAY_RATE_ALL:
		return take_rate(o, "--relay-rate-all", &relay->rate_all);
	case OPTION_RELAY_MAX:
		return options_number(o, "--relay-max", 1, 1000000, &relay->max);
	default: return false;
	}
}

static bool take(struct meeting *m, struct options *o, int option)
{
	uint32_t alt;

	switch (option) {
	case OPTION_LISTEN:
		return add_listen(o, "--listen", m->config.listens,
			&m->config.listen_count, RENDEZVOUS_PORT);
	case OPTION_NO_TCP:
	case OPTION_TLS:
	case OPTION_TLS_LISTEN:
	case OPTION_MAX_CONNECTIONS:
	case OPTION_MAX_NETWORK: return take_streams(m, o, option);
	case OPTION_PUBLIC: return add_public(m, o);
	case OPTION_ALT:
		if (!options_number(o, "--alt", 0, ALT_MAX, &alt))
			return false;
		m->config.alt = alt;
		return true;
	case OPTION_NO_STUN: m->config.core.stun = false; return true;
	case OPTION_ALLOW: m->allow = optarg; return true;
	case OPTION_MAX_SERVICES:
		return options_number(
			o, "--max-services", 1, 1000000000, &m->config.core.services_max);
	default: return take_relay(&m->config.core.relay, o, option);
	}
}

static void finish_config(struct meeting *m)
{
	struct rendezvous_driver_config *config = &m->config;

	m->default_listens = config->listen_count == 0;
	if (m->default_listens) {
		config->listens[0] = addr_v4(0, 0, 0, 0, RENDEZVOUS_PORT);
		config->listens[1] =
			(struct addr){.family = ADDR_V6, .port = RENDEZVOUS_PORT};
		config->listen_count = 2;
	}
	if (m->cert != NULL && config->tls_listen_count == 0) {
		config->tls_listens[0] = addr_v4(0, 0, 0, 0, TLS_PORT);
		config->tls_listens[1] =
			(struct addr){.family = ADDR_V6, .port = TLS_PORT};
		config->tls_listen_count = 2;
	}
	for (size_t i = 0; i < m->public_count; i++)
		endpoint_public(&config->core.publics[config->core.public_count++],
			m->publics[i],
			config->listens[0].port != 0 ? config->listens[0].port
						     : RENDEZVOUS_PORT);
	config->core.entropy = (struct entropy){random_fill, NULL};
	config->core.private = m->allow != NULL;
}

static bool parse(struct meeting *m, struct options *o, int argc, char **argv)
{
	int option;

	*o = (struct options){.command = "rendezvous",
		.help = help,
		.letters = ":" OPTIONS_COMMON_LETTERS,
		.longs = longs,
		.argc = argc,
		.argv = argv};
	rendezvous_config_init(&m->config.core);
	m->config.alt = ALT_DEFAULT;
	m->config.tcp = true;
	while ((option = options_next(o)) >= 0)
		if (!take(m, o, option))
			return false;
	if (option == OPTIONS_STOP || !options_arguments(o, 0, 0, ""))
		return false;
	if (m->cert == NULL && m->config.tls_listen_count > 0)
		return options_error(o, "--tls-listen wants --tls CERT KEY"), false;
	finish_config(m);
	return true;
}

/* Returns false with a sentence said; a certificate that was there before then stays. */
static bool load_tls(struct meeting *m)
{
	struct tls_context *before = m->config.tls;
	char why[TLS_WHY_MAX];

	m->config.tls = tls_server_new(m->cert, m->key, why);
	if (m->config.tls == NULL) {
		log_error("%s", why);
		m->config.tls = before;
		return false;
	}
	if (m->driver != NULL)
		rendezvous_driver_set_tls(m->driver, m->config.tls);
	tls_context_free(before);
	return true;
}

/* Returns false with a sentence said; what was allowed before then stays so. */
static bool load_allowed(struct meeting *m)
{
	struct rendezvous *core = rendezvous_driver_core(m->driver);
	struct allow list = {.count = 0};
	char why[512];
	bool ok = true;

	if (allow_read(&list, m->allow, why, sizeof(why)) < 0) {
		log_error("%s", why);
		return false;
	}
	rendezvous_forget_allowed(core);
	for (size_t i = 0; i < list.count && ok; i++)
		ok = rendezvous_allow(core, list.services[i]);
	if (ok)
		log_state("taking the %zu services listed in %s", list.count, m->allow);
	else
		log_error("out of memory for the services listed in %s", m->allow);
	allow_free(&list);
	return ok;
}

static void on_hangup(struct ev_loop *loop, ev_signal *w, int events)
{
	struct meeting *m = w->data;

	(void)loop;
	(void)events;
	if (m->allow == NULL && m->cert == NULL)
		log_state("SIGHUP: there is no --allow file to read again");
	if (m->allow != NULL && !load_allowed(m))
		log_state("the services allowed before stay allowed");
	if (m->cert != NULL && !load_tls(m))
		log_state("the certificate of before stays in use");
	else if (m->cert != NULL)
		log_state("the certificate in %s is in use from now on", m->cert);
}

static void on_event(void *arg, const struct event *event)
{
	char text[ADDR_TEXT_MAX];

	(void)arg;
	if (event->type == EVENT_LIMIT_REACHED)
		log_warning("%s; %u times, the last time for %s", event->why,
			event->number, addr_format(text, &event->addr));
}

static void on_notice(void *arg, const char *text)
{
	(void)arg;
	log_warning("%s", text);
}

static void log_start(const struct meeting *m)
{
	struct addr bound[FORWARDER_LISTENS_MAX];
	char text[ENDPOINT_LIST_MAX];
	size_t count = 0, bytes = rendezvous_memory(&m->config.core);

	while (count < FORWARDER_LISTENS_MAX &&
		rendezvous_driver_listen(m->driver, count, &bound[count]))
		count++;
	log_state("rendezvous listening on %s%s", endpoint_list(text, bound, count),
		m->config.tcp ? ", by UDP and TCP" : "");
	if (m->config.tls_listen_count > 0)
		log_state("listening by TLS on %s",
			endpoint_list(
				text, m->config.tls_listens, m->config.tls_listen_count));
	if (m->config.alt > 0)
		log_state("answering on up to %u further ports, too, from port %u on",
			m->config.alt, bound[0].port + 1u);
	if (count < m->config.listen_count)
		log_state("of %zu addresses %zu cannot be had: this machine lacks the "
			  "family",
			m->config.listen_count, m->config.listen_count - count);
	log_state("room for %u services, which take %.1f MB when all are there",
		m->config.core.services_max, (double)bytes / 1e6);
}

static void log_end(const struct meeting *m)
{
	struct rendezvous_counts counts;

	rendezvous_get_counts(rendezvous_driver_core(m->driver), &counts);
	log_state("ending: %llu registrations, %llu asks and %llu introductions in this "
		  "run, %u "
		  "services at the end",
		(unsigned long long)counts.registrations, (unsigned long long)counts.asks,
		(unsigned long long)counts.introductions, counts.services);
}

static void run(struct meeting *m, struct ev_loop *loop)
{
	struct stop stop;
	ev_signal hangup;

	ev_signal_init(&hangup, on_hangup, SIGHUP);
	hangup.data = m;
	ev_signal_start(loop, &hangup);
	stop_start(&stop, loop);
	log_start(m);
	ev_run(loop, 0);
	stop_end(&stop, loop);
	ev_signal_stop(loop, &hangup);
	log_end(m);
}

/* Each takes a descriptor; some are for ourselves. */
static void limit_connections(struct rendezvous_driver_config *config, size_t descriptors)
{
	size_t own = config->listen_count * (1 + config->alt) + DESCRIPTORS_OWN;
	size_t most = descriptors > 2 * own ? descriptors - own : descriptors / 2 + 1;

	if (config->streams_max > most)
		log_warning("--max-connections %u is more than the system's limit of %zu "
			    "descriptors allows: %zu it is",
			config->streams_max, descriptors, most);
	if (config->streams_max > most ||
		(config->streams_max == 0 && most < STREAMS_MAX))
		config->streams_max = (unsigned)most;
}

int rendezvous_main(int argc, char **argv)
{
	const struct forwarder_hooks hooks = {on_event, on_notice, NULL};
	struct meeting m = {.allow = NULL};
	struct ev_loop *loop;
	struct options o;
	const char *why = "";

	if (!parse(&m, &o, argc, argv))
		return o.code;
	if (m.cert != NULL && !load_tls(&m))
		return EXIT_FAILED;
	limit_connections(&m.config, descriptors_raise());
	loop = ev_default_loop(EVFLAG_AUTO);
	m.driver = rendezvous_driver_new(loop, &m.config, &hooks, &why);
	if (m.driver == NULL) {
		log_error("%s", why);
		tls_context_free(m.config.tls);
		return EXIT_FAILED;
	}
	o.code = EXIT_DONE;
	if (m.allow != NULL && !load_allowed(&m))
		o.code = EXIT_FAILED;
	else
		run(&m, loop);
	rendezvous_driver_free(m.driver);
	tls_context_free(m.config.tls);
	return o.code;
}
