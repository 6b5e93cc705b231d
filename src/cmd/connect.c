/* SPDX-License-Identifier: MIT */
#include "cmd/connect.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/mapping.h"
#include "cmd/pacing.h"
#include "cmd/report.h"
#include "cmd/stop.h"
#include "cmd/ticket_argument.h"
#include "net/system.h"

#define OWN_MAX 8 /* own addresses looked at */

static void warn(const char *sentence)
{
	log_warning("%s", sentence);
}

/* How a rendezvous answered where none did by UDP, or NULL. */
static const char *only_by(const struct connect *c)
{
	if (c->heard == 0 || (c->heard & 1u << ADDR_UDP) != 0)
		return NULL;
	return (c->heard & 1u << ADDR_TCP) != 0 ? "TCP" : "TLS";
}

static void give_up(struct connect *c)
{
	const struct report_about about = {c->servers.text,
		(unsigned)(ev_now(c->loop) - c->lost_at + 0.5), c->fingerprint, &c->facts,
		only_by(c), guest_driver_trouble(c->driver)};
	struct guest_progress progress;
	char text[REPORT_MAX];

	guest_get_progress(guest_driver_core(c->driver), &progress);
	c->facts.ours = progress.ours;
	c->facts.theirs = progress.theirs;
	c->code = report_failure(text, &progress, &about);
	log_error("%s", text);
	connect_feed_failed(c, text);
	ev_break(c->loop, EVBREAK_ALL);
}

static void on_timeout(struct ev_loop *loop, ev_timer *w, int events)
{
	(void)loop;
	(void)events;
	give_up(w->data);
}

/* The command is started once, whatever becomes of the connection later. */
static void on_connected(struct connect *c)
{
	struct addr listen;

	if (c->was_connected)
		return;
	c->was_connected = true;
	ev_timer_stop(c->loop, &c->timeout);
	if (c->wrap.command == NULL || !guest_driver_listen(c->driver, 0, &listen))
		return;
	if (!wrap_start(&c->wrap, &listen))
		ev_break(c->loop, EVBREAK_ALL);
}

/* A rendezvous that does not answer may have moved: dynamic DNS. Each attempt hears of one
 * anew. */
static void doubt_names(struct connect *c, const struct event *e)
{
	if (e->type == EVENT_LOST)
		renew_doubt(&c->renew, 0.);
	else if (e->type == EVENT_ASKING)
		renew_doubt(&c->renew, RENEW_PATIENCE);
	else if (e->type == EVENT_OBSERVED || e->type == EVENT_CONNECTED)
		renew_trust(&c->renew);
}

static void on_renewed(void *arg, const uint8_t from[SERVERS_MAX])
{
	struct connect *c = arg;
	struct addr dial[SERVERS_DIAL_MAX];
	size_t count = c->servers.count;

	for (size_t i = 0; i < count; i++)
		c->complaint[i] = from[i] != RENEW_NEW ? c->complaint[from[i]] : 0;
	count = servers_dial(&c->servers, c->tls != NULL, dial);
	guest_driver_set_servers(c->driver, dial, count);
	connect_feed_renamed(c);
}

static void learn(struct connect *c, const struct event *event)
{
	struct addr own[OWN_MAX];

	reason_learn(&c->facts, event);
	if (event->type == EVENT_RELAYED)
		reason_learn_own(&c->facts, own, interfaces_list(own, OWN_MAX));
}

static void on_event(void *arg, const struct event *event)
{
	struct connect *c = arg;

	doubt_names(c, event);
	learn(c, event);
	connect_tell(c, event);
	if (event->type == EVENT_CONNECTED)
		c->connected = true;
	else if (event->type == EVENT_LOST)
		c->connected = false;
	connect_feed(c, event);
	if (event->type == EVENT_CONNECTED) {
		on_connected(c);
	} else if (event->type == EVENT_LOST) {
		c->lost_at = ev_now(c->loop);
	} else if (event->type == EVENT_REFUSED && !c->was_connected) {
		give_up(c);
	}
}

static void on_portmap(void *arg, const struct portmap_event *event)
{
	struct connect *c = arg;

	reason_learn_router(&c->facts, event);
	mapping_tell(event);
	connect_feed_mapping(c, event);
}

static void on_notice(void *arg, const char *text)
{
	struct connect *c = arg;

	log_warning("%s", text);
	feed_warning(&c->feed, text);
}

static enum exit_code derive_credentials(struct connect *c)
{
	struct connect_options *o = &c->options;
	bool ok =
		ticket_or_key(&c->credentials, o->ticketed ? &o->ticket : NULL, &o->key);

	key_wipe(&o->key);
	crypto_wipe(&o->ticket, sizeof(o->ticket));
	return ok ? EXIT_DONE : EXIT_FAILED;
}

/* Names are resolved while nothing runs yet, so blocking harms nobody. */
static enum exit_code resolve_names(struct connect *c)
{
	struct endpoint *listen = &c->options.listen;
	const char *why = endpoint_resolve(listen);
	char text[ENDPOINT_LIST_MAX];

	if (why != NULL) {
		log_error("cannot resolve LISTEN %s: %s", listen->text, why);
		return EXIT_FAILED;
	}
	if (!servers_resolve(&c->servers))
		return EXIT_UNREACHABLE;
	if (endpoint_is_open(listen))
		log_warning(
			"others on the network may reach %s, and the host's server by it",
			endpoint_list(text, listen->addrs, listen->count));
	return EXIT_DONE;
}

/* What a rendezvous at our own LISTEN would get: its own questions as payload. */
static bool is_loop(const struct connect *c)
{
	struct addr own[OWN_MAX];
	size_t own_count = interfaces_list(own, OWN_MAX);
	const struct endpoint *listen = &c->options.listen;
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < listen->count; i++)
		for (size_t j = 0; j < c->servers.count; j++)
			if (listen->addrs[i].port != 0 &&
				endpoint_reaches(&listen->addrs[i], &c->servers.addrs[j],
					own, own_count)) {
				log_error("LISTEN %s is the rendezvous: datagrams would "
					  "go in "
					  "circles; take another port",
					addr_format(text, &c->servers.addrs[j]));
				return true;
			}
	return false;
}

_Static_assert(SERVERS_DIAL_MAX <= GUEST_SERVERS_MAX, "the guest takes fewer servers");

static const char *server_host(void *arg, const struct addr *remote)
{
	struct connect *c = arg;

	return servers_host(c->host, &c->servers, remote);
}

static void fill_config(struct connect *c, struct guest_driver_config *config)
{
	const struct endpoint *listen = &c->options.listen;

	guest_config_init(&config->core);
	config->core.entropy = c->state.entropy;
	config->core.credentials = &c->credentials;
	config->core.ciphers = crypto_ciphers();
	memcpy(config->core.identity, c->identity, sizeof(c->identity));
	config->core.server_count =
		servers_dial(&c->servers, c->tls != NULL, config->core.servers);
	config->tls = (struct forwarder_tls){c->tls, server_host};
	memcpy(config->core.listens, listen->addrs, sizeof(listen->addrs));
	config->core.no_relay = c->options.no_relay;
	config->core.effort = c->options.effort;
	reason_set_effort(&c->facts, c->options.effort);
	config->core.no_local_candidates = c->options.no_local_candidates;
	if (c->options.flows_max != 0)
		config->core.flows_max = c->options.flows_max;
	if (!c->options.no_port_mapping && mapping_is_useful(&c->servers))
		config->portmap = on_portmap;
	memcpy(config->listens, listen->addrs, sizeof(listen->addrs));
	config->listen_count = listen->count;
	config->moderate = !c->options.no_moderation;
	config->busy_poll = c->options.busy_poll * MICROSECOND;
}

static enum exit_code make_driver(struct connect *c)
{
	const struct forwarder_hooks hooks = {on_event, on_notice, c};
	const struct entropy entropy = {random_fill, NULL};
	struct guest_driver_config config = {.listen_count = 0};
	char service_name[SERVICE_NAME_MAX];
	uint8_t public[CRYPTO_KEY_SIZE];
	const char *why = "";

	if (is_loop(c))
		return EXIT_USAGE;
	if (!trust_open(&c->tls, c->options.ca))
		return EXIT_FAILED;
	state_open(&c->state, &entropy, warn);
	service_name_encode(service_name, c->credentials.service);
	state_identity(&c->state, service_name, c->identity);
	crypto_x25519_public(public, c->identity);
	service_name_encode(c->fingerprint, public);
	log_detail("this guest's fingerprint is %s", c->fingerprint);
	fill_config(c, &config);
	c->driver = guest_driver_new(c->loop, &config, &hooks, &why);
	crypto_wipe(&config.core, sizeof(config.core));
	crypto_wipe(c->identity, sizeof(c->identity));
	crypto_wipe(&c->credentials, sizeof(c->credentials));
	if (c->driver != NULL)
		return EXIT_DONE;
	log_error("%s", why);
	return EXIT_FAILED;
}

static void log_start(struct connect *c)
{
	struct addr bound[ENDPOINT_ADDRS_MAX];
	char text[ENDPOINT_LIST_MAX];
	size_t count = 0;

	while (count < ENDPOINT_ADDRS_MAX &&
		guest_driver_listen(c->driver, count, &bound[count]))
		count++;
	log_state("listening on %s", endpoint_list(text, bound, count));
	connect_feed_listening(c, bound, count);
}

static void log_counters(const struct connect *c, const char *when)
{
	struct guest_counts counts;
	struct forwarder_counts dropped;
	char trip[48] = "";

	guest_get_counts(guest_driver_core(c->driver), &counts);
	guest_driver_get_counts(c->driver, &dropped);
	if (counts.rtt != 0)
		snprintf(trip, sizeof(trip), ", round trip %.1f ms",
			(double)counts.rtt / (double)MILLISECOND);
	log_state("%s: %llu datagrams (%llu bytes) to the host, %llu (%llu bytes) from "
		  "it, %llu "
		  "dropped before there was a path%s",
		when, (unsigned long long)counts.datagrams_out,
		(unsigned long long)counts.bytes_out,
		(unsigned long long)counts.datagrams_in,
		(unsigned long long)counts.bytes_in,
		(unsigned long long)dropped.queue_dropped, trip);
	pacing_log(&dropped.pacing);
}

static void on_usr1(struct ev_loop *loop, ev_signal *w, int events)
{
	struct connect *c = w->data;

	(void)loop;
	(void)events;
	log_counters(c, "counters");
	connect_feed_counters(c);
}

static void run(struct connect *c)
{
	struct stop stop;

	ev_now_update(c->loop);
	ev_timer_init(&c->timeout, on_timeout, c->options.timeout, 0.);
	c->timeout.data = c;
	c->lost_at = ev_now(c->loop);
	ev_timer_start(c->loop, &c->timeout);
	if (c->wrap.command == NULL)
		stop_start(&stop, c->loop);
	ev_signal_init(&c->usr1, on_usr1, SIGUSR1);
	c->usr1.data = c;
	ev_signal_start(c->loop, &c->usr1);
	renew_start(&c->renew, c->loop, &c->servers, on_renewed, c);
	renew_doubt(&c->renew, RENEW_PATIENCE);
	log_start(c);
	ev_run(c->loop, 0);
	renew_fini(&c->renew);
	if (c->wrap.command == NULL)
		stop_end(&stop, c->loop);
	ev_timer_stop(c->loop, &c->timeout);
	ev_signal_stop(c->loop, &c->usr1);
	connect_feed_counters(c);
	if (c->code == EXIT_DONE)
		log_counters(c, "ending, with a goodbye");
}

int connect_main(int argc, char **argv)
{
	struct connect c = {.code = EXIT_DONE, .facts = reason_facts_of("host")};
	struct options o;
	int code;

	if (!connect_parse(&c, &o, argc, argv)) {
		key_wipe(&c.options.key);
		return o.code;
	}
	c.loop = ev_default_loop(EVFLAG_AUTO);
	if (c.wrap.command != NULL)
		wrap_init(&c.wrap, c.loop);
	(void)descriptors_raise();
	c.code = resolve_names(&c);
	if (c.code == EXIT_DONE)
		c.code = derive_credentials(&c);
	if (c.code == EXIT_DONE)
		c.code = make_driver(&c);
	if (c.code == EXIT_DONE)
		run(&c);
	if (c.driver != NULL)
		guest_driver_free(c.driver);
	tls_context_free(c.tls);
	wrap_fini(&c.wrap);
	code = c.code != EXIT_DONE ? (int)c.code : c.wrap.code;
	feed_ended(&c.feed, code);
	crypto_wipe(&c, sizeof(c));
	return code;
}
