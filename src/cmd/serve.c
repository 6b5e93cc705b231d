/* SPDX-License-Identifier: MIT */
#include "cmd/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/mapping.h"
#include "cmd/stop.h"
#include "net/system.h"

/* Seconds without a registration until that is said; then doubled. */
#define PATIENCE 10

/* Seconds that the ticket of a rendezvous inside waits for the router's answer. */
#define ROUTER_PATIENCE 3.

#define DESCRIPTORS_OWN 64      /* public sockets, the loop, files */
#define SOCKETS_MAX     1000000 /* what a system without a limit would allow */

static void warn(const char *sentence)
{
	log_warning("%s", sentence);
}

static void print_ticket(struct serve *s)
{
	struct ticket ticket = {.service = {0}};
	struct credentials credentials;
	char text[TICKET_TEXT_MAX];

	if (s->keyed)
		return;
	credentials_of(&credentials, &s->service);
	memcpy(ticket.service, credentials.service, sizeof(ticket.service));
	memcpy(ticket.secret, s->service.secret, sizeof(ticket.secret));
	memcpy(ticket.servers, s->announced, sizeof(ticket.servers));
	ticket_encode(text, &ticket);
	if (s->feed.on)
		serve_feed_ticket(s, text);
	else if (puts(text) == EOF || fflush(stdout) != 0)
		log_error("cannot print the ticket: %s", strerror(errno));
	crypto_wipe(text, sizeof(text));
	crypto_wipe(&ticket, sizeof(ticket));
	crypto_wipe(&credentials, sizeof(credentials));
}

static void on_first_registration(struct serve *s)
{
	char target[ENDPOINT_LIST_MAX];

	s->told = true;
	ev_timer_stop(s->loop, &s->patience);
	endpoint_list(target, s->options.target.addrs, s->options.target.count);
	if (s->keyed)
		log_state("guests can reach %s now: they need the key, and -r %s", target,
			s->announced);
	else
		log_state("guests can reach %s now: they need the ticket", target);
}

bool serve_is_registered(const struct serve *s)
{
	for (size_t i = 0; i < s->servers.count; i++)
		if (s->leases[i] != 0)
			return true;
	return false;
}

/* Keeps the sets of servers where we are registered, and where we were. */
static void note_lease(struct serve *s, const struct event *e)
{
	size_t i = servers_index(&s->servers, &e->addr);
	uint8_t transport = (uint8_t)(1u << e->addr.transport);

	if (i == SERVERS_MAX)
		return;
	if (e->type == EVENT_REGISTERED) {
		s->leases[i] |= transport;
		s->lost &= ~(1u << i);
	} else if (e->type == EVENT_LEASE_LOST) {
		s->leases[i] &= (uint8_t)~transport;
		if (s->leases[i] == 0)
			s->lost |= 1u << i;
	} else if (e->type == EVENT_LEASE_REFUSED) {
		s->leases[i] &= (uint8_t)~transport;
	}
}

/* A rendezvous that is not where it was may have moved: dynamic DNS. */
static void doubt_names(struct serve *s, const struct event *e)
{
	if (e->type == EVENT_LEASE_LOST && s->lost != 0)
		renew_doubt(&s->renew, 0.);
	else if (e->type == EVENT_LEASE_REFUSED && !serve_is_registered(s))
		renew_doubt(&s->renew, RENEW_PATIENCE);
	else if (e->type == EVENT_REGISTERED && s->lost == 0)
		renew_trust(&s->renew);
}

static uint32_t move_bits(uint32_t set, const uint8_t *from, size_t count)
{
	uint32_t moved = 0;

	for (size_t i = 0; i < count; i++)
		if (from[i] != RENEW_NEW)
			moved |= (set >> from[i] & 1) << i;
	return moved;
}

static void on_renewed(void *arg, const uint8_t from[SERVERS_MAX])
{
	struct serve *s = arg;
	struct addr dial[SERVERS_DIAL_MAX];
	size_t count = s->servers.count;

	s->lost = move_bits(s->lost, from, count);
	for (size_t i = 0; i < count; i++) {
		bool known = from[i] != RENEW_NEW;

		s->complaint[i] = known ? s->complaint[from[i]] : 0;
		s->leases[i] = known ? s->leases[from[i]] : 0;
	}
	count = servers_dial(&s->servers, s->tls != NULL, dial);
	host_driver_set_servers(s->driver, dial, count);
	serve_feed_renamed(s);
}

static void on_event(void *arg, const struct event *event)
{
	struct serve *s = arg;

	note_lease(s, event);
	doubt_names(s, event);
	reason_learn(&s->facts, event);
	serve_tell(s, event);
	serve_feed(s, event);
	serve_relayed(s, event);
	if (event->type == EVENT_GUEST_NEW) {
		(void)serve_guests_note(s, event->identity, event->number);
		guests_add(&s->guests, event->identity, event->number);
	}
	if (event->type == EVENT_REGISTERED && !s->told)
		on_first_registration(s);
}

static void on_portmap(void *arg, const struct portmap_event *event)
{
	struct serve *s = arg;

	reason_learn_router(&s->facts, event);
	mapping_tell(event);
	serve_feed_mapping(s, event);
	if (s->inside && serve_inside_mapped(s, event))
		print_ticket(s);
}

static void on_router_patience(struct ev_loop *loop, ev_timer *w, int events)
{
	struct serve *s = w->data;

	(void)loop;
	(void)events;
	if (!s->inner.waits)
		return;
	serve_inside_settle(s);
	print_ticket(s);
}

static void on_notice(void *arg, const char *text)
{
	struct serve *s = arg;

	log_warning("%s", text);
	feed_warning(&s->feed, text);
}

static void on_patience(struct ev_loop *loop, ev_timer *w, int events)
{
	struct serve *s = w->data;

	(void)events;
	log_warning(
		"not registered at %s after %u s: check its name and port, that \"eyelet "
		"rendezvous\" runs there, and that no firewall blocks UDP; trying on",
		s->servers.text, s->waited);
	ev_timer_stop(loop, w);
	ev_timer_set(w, s->waited, 0.);
	ev_timer_start(loop, w);
	s->waited *= 2;
}

/* Reads or makes the secrets. */
static enum exit_code open_state(struct serve *s, struct key *key)
{
	const struct entropy entropy = {random_fill, NULL};
	const char *name = s->options.name;
	char lock[STATE_NAME_MAX + 8];

	state_open(&s->state, &entropy, warn);
	snprintf(lock, sizeof(lock), "serve %s", name);
	/* Two hosts of one instance would take the lease from each other, back and forth.
	 */
	if (!state_lock(&s->state, lock)) {
		log_error("another \"eyelet serve\" runs under the name \"%s\": end it, "
			  "or give "
			  "this one another by --name",
			name);
		return EXIT_FAILED;
	}
	if (!s->keyed) {
		state_service(&s->state, name, &s->service);
		return EXIT_DONE;
	}
	if (!service_from_key(&s->service, key->text)) {
		log_error("out of memory");
		return EXIT_FAILED;
	}
	state_instance(&s->state, name, s->service.instance);
	return EXIT_DONE;
}

static const char *server_host(void *arg, const struct addr *remote)
{
	struct serve *s = arg;

	return servers_host(s->host, &s->servers, remote);
}

static void use_given_servers(struct serve *s, struct host_driver_config *config)
{
	const enum addr_family families[] = {ADDR_V4, ADDR_V6};

	memcpy(s->announced, s->servers.text, sizeof(s->announced));
	for (size_t i = 0; i < 2; i++)
		config->binds[config->bind_count++] =
			(struct addr){.family = (uint8_t)families[i],
				.port = (uint16_t)s->options.port};
	config->core.server_count =
		servers_dial(&s->servers, s->tls != NULL, config->core.servers);
	config->tls = (struct forwarder_tls){s->tls, server_host};
}

static void fill_config(struct serve *s, struct host_driver_config *config)
{
	const struct serve_options *o = &s->options;

	config->core.entropy = s->state.entropy;
	config->core.service = &s->service;
	config->core.ciphers = crypto_ciphers();
	memcpy(config->core.publics, o->publics, sizeof(o->publics));
	memcpy(config->core.targets, o->target.addrs, sizeof(o->target.addrs));
	memcpy(config->targets, o->target.addrs, sizeof(o->target.addrs));
	config->target_count = o->target.count;
	config->moderate = !o->no_moderation;
	config->core.no_local_candidates = o->no_local_candidates;
	config->core.effort = o->effort;
	reason_set_effort(&s->facts, o->effort);
	config->busy_poll = o->busy_poll * MICROSECOND;
	if (!o->no_port_mapping && (s->inside || mapping_is_useful(&s->servers)))
		config->portmap = on_portmap;
	if (o->guests_max != 0)
		config->core.guests_max = o->guests_max;
	if (o->network_max != 0)
		config->core.network_max = o->network_max;
	if (o->flows_max != 0)
		config->core.flows_max = o->flows_max;
	if (o->sockets_max != 0)
		config->core.sockets_max = o->sockets_max;
	if (o->half_open_max != 0)
		config->core.half_open_max = o->half_open_max;
}

_Static_assert(SERVERS_DIAL_MAX <= HOST_SERVERS_MAX, "the host takes fewer servers");

/* What a target that is ourselves would do: each datagram comes back as a stranger's. */
static bool is_loop(const struct serve *s)
{
	const struct endpoint *target = &s->options.target;
	struct addr bound;
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; host_driver_bound(s->driver, i, &bound); i++)
		for (size_t j = 0; j < target->count; j++)
			if (endpoint_reaches(
				    &bound, &target->addrs[j], s->own, s->own_count)) {
				log_error("TARGET %s is this eyelet's own public port: "
					  "datagrams "
					  "would go in circles",
					addr_format(text, &target->addrs[j]));
				return true;
			}
	return false;
}

static enum exit_code make_driver(struct serve *s)
{
	const struct forwarder_hooks hooks = {on_event, on_notice, s};
	struct host_driver_config config = {.inner = NULL};
	const char *why = "";
	enum exit_code code;

	host_config_init(&config.core);
	if (s->inside) {
		code = serve_inside(s, &config);
		if (code != EXIT_DONE)
			return code;
	} else {
		if (!trust_open(&s->tls, s->options.ca))
			return EXIT_FAILED;
		use_given_servers(s, &config);
	}
	fill_config(s, &config);
	s->driver = host_driver_new(s->loop, &config, &hooks, &why);
	if (s->driver == NULL) {
		log_error("%s", why);
		rendezvous_free(config.inner);
		return EXIT_FAILED;
	}
	return is_loop(s) ? EXIT_USAGE : EXIT_DONE;
}

/* Names are resolved while nothing runs yet, so blocking harms nobody. */
static enum exit_code resolve_names(struct serve *s)
{
	const char *why = endpoint_resolve(&s->options.target);

	if (why != NULL) {
		log_error("cannot resolve TARGET %s: %s", s->options.target.text, why);
		return EXIT_UNREACHABLE;
	}
	if (!s->inside && !servers_resolve(&s->servers))
		return EXIT_UNREACHABLE;
	s->own_count = interfaces_list(s->own, sizeof(s->own) / sizeof(s->own[0]));
	reason_learn_own(&s->facts, s->own, s->own_count);
	return EXIT_DONE;
}

static void log_start(const struct serve *s)
{
	struct addr bound[2];
	char text[ENDPOINT_LIST_MAX], name[SERVICE_NAME_MAX];
	struct credentials credentials;
	size_t count = 0;

	while (count < 2 && host_driver_bound(s->driver, count, &bound[count]))
		count++;
	credentials_of(&credentials, &s->service);
	service_name_encode(name, credentials.service);
	crypto_wipe(&credentials, sizeof(credentials));
	log_detail(
		"service %s, public sockets %s", name, endpoint_list(text, bound, count));
	if (!s->inside)
		log_state("registering at %s", s->servers.text);
}

static void on_usr1(struct ev_loop *loop, ev_signal *w, int events)
{
	struct serve *s = w->data;

	(void)loop;
	(void)events;
	serve_log_counters(s);
	serve_feed_counters(s);
}

static void run(struct serve *s)
{
	struct stop stop;

	serve_guests_start(s);
	ev_now_update(s->loop);
	s->waited = PATIENCE;
	ev_timer_init(&s->patience, on_patience, PATIENCE, 0.);
	s->patience.data = s;
	ev_timer_start(s->loop, &s->patience);
	ev_signal_init(&s->usr1, on_usr1, SIGUSR1);
	s->usr1.data = s;
	ev_signal_start(s->loop, &s->usr1);
	stop_start(&stop, s->loop);
	if (!s->inside) {
		renew_start(&s->renew, s->loop, &s->servers, on_renewed, s);
		renew_doubt(&s->renew, RENEW_PATIENCE);
	}
	log_start(s);
	ev_timer_init(&s->inner.patience, on_router_patience, ROUTER_PATIENCE, 0.);
	s->inner.patience.data = s;
	/* At once: the ticket stays the same, and is good as soon as we are registered. */
	if (s->inner.waits)
		ev_timer_start(s->loop, &s->inner.patience);
	else
		print_ticket(s);
	ev_run(s->loop, 0);
	ev_timer_stop(s->loop, &s->inner.patience);
	renew_fini(&s->renew);
	stop_end(&stop, s->loop);
	ev_timer_stop(s->loop, &s->patience);
	ev_signal_stop(s->loop, &s->usr1);
	serve_guests_end(s);
	serve_feed_counters(s);
	log_state("ending, with a goodbye to guests and rendezvous (%u connections in "
		  "this run)",
		s->guest_count);
}

/* Each application socket of a guest takes a descriptor; some are for ourselves. */
static void limit_sockets(struct serve_options *o, size_t descriptors)
{
	size_t most = descriptors > 2 * DESCRIPTORS_OWN ? descriptors - DESCRIPTORS_OWN
							: descriptors / 2 + 1;

	if (o->sockets_max > most)
		log_warning("--max-sockets %u is more than the system's limit of %zu "
			    "descriptors allows: %zu it is",
			o->sockets_max, descriptors, most);
	if (most < SOCKETS_MAX && (o->sockets_max == 0 || o->sockets_max > most))
		o->sockets_max = (uint32_t)most;
	log_detail("at most %zu descriptors", descriptors);
}

int serve_main(int argc, char **argv)
{
	struct serve s = {.facts = reason_facts_of("guest")};
	struct key key = {.given = false};
	struct options o;
	enum exit_code code;

	if (!serve_parse(&s, &key, &o, argc, argv)) {
		key_wipe(&key);
		return o.code;
	}
	limit_sockets(&s.options, descriptors_raise());
	s.loop = ev_default_loop(EVFLAG_AUTO);
	code = serve_guests_read(&s) ? EXIT_DONE : EXIT_FAILED;
	if (code == EXIT_DONE)
		code = resolve_names(&s);
	if (code == EXIT_DONE)
		code = open_state(&s, &key);
	key_wipe(&key);
	if (code == EXIT_DONE)
		code = make_driver(&s);
	if (code == EXIT_DONE)
		run(&s);
	if (s.driver != NULL)
		host_driver_free(s.driver);
	tls_context_free(s.tls);
	serve_guests_free(&s);
	feed_ended(&s.feed, code);
	crypto_wipe(&s.service, sizeof(s.service));
	return code;
}
