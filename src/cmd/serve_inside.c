/* SPDX-License-Identifier: MIT */
/* A host without a rendezvous runs one on its own public sockets: for its own service and
 * no other, at port 3478 where that is free. */
#include <stdio.h>
#include <string.h>

#include "cmd/log.h"
#include "cmd/probe.h"
#include "cmd/serve.h"
#include "net/gateway.h"
#include "net/system.h"

/* With 127.0.0.1 and ::1, what a rendezvous takes. */
_Static_assert(
	ANNOUNCED_MAX + 2 <= RENDEZVOUS_PUBLICS_MAX, "too many addresses announced");

/* True if the port is the target's, which would then be ourselves. */
static bool is_target_port(const struct serve *s, uint16_t port)
{
	const struct endpoint *target = &s->options.target;

	for (size_t i = 0; i < target->count; i++) {
		const struct addr any = {.family = target->addrs[i].family, .port = port};

		if (endpoint_reaches(&any, &target->addrs[i], s->own, s->own_count))
			return true;
	}
	return false;
}

static uint16_t choose_port(const struct serve *s)
{
	uint16_t port;

	if (s->options.port != 0)
		return (uint16_t)s->options.port;
	if (!is_target_port(s, RENDEZVOUS_PORT) && probe_port(RENDEZVOUS_PORT))
		return RENDEZVOUS_PORT;
	port = probe_any_port();
	log_warning("port %d is taken or is TARGET's, so the ticket names port %u, which "
		    "may be another "
		    "one in "
		    "the next run: --port fixes it",
		RENDEZVOUS_PORT, port);
	return port;
}

static size_t set_announced(const struct serve *s, uint16_t port, struct addr *announced)
{
	size_t count = 0;
	bool global = s->own_count > 0 && !addr_is_private(&s->own[0]);

	for (size_t i = 0; i < s->options.public_count; i++)
		announced[count++] = s->options.publics[i];
	if (s->options.no_local_candidates)
		return count; /* there is a public one then */
	/* Global ones come first; if there is one, the private ones stay unsaid. */
	for (size_t i = 0; i < s->own_count && count < ANNOUNCED_MAX; i++) {
		if (global && addr_is_private(&s->own[i]))
			break;
		announced[count] = s->own[i];
		announced[count++].port = port;
	}
	if (count == 0)
		announced[count++] = addr_v4(127, 0, 0, 1, port);
	return count;
}

static void warn_of_reach(const struct serve *s, const struct addr *announced)
{
	char text[ADDR_TEXT_MAX];

	if (s->options.public_count > 0)
		return;
	addr_format(text, announced);
	if (addr_is_loopback(announced))
		log_warning(
			"this machine has no address but %s: nobody else can reach it",
			text);
	else if (addr_is_private(announced))
		log_warning(
			"the ticket names %s, which only its own network can reach; for "
			"others name a rendezvous by -r, or forward a port and name it "
			"by "
			"--public",
			text);
}

/* Adds it, if it fits into a ticket. */
static void add_to_ticket(struct serve *s, const struct addr *addr)
{
	char one[ADDR_TEXT_MAX];
	size_t len = strlen(s->announced);

	addr_format(one, addr);
	if (len + 1 + strlen(one) <= TICKET_SERVERS_MAX)
		sprintf(s->announced + len, "%s%s", len > 0 ? "," : "", one);
}

static void set_ticket_text(struct serve *s)
{
	s->announced[0] = '\0';
	if (s->inner.mapped.family != ADDR_NONE)
		add_to_ticket(s, &s->inner.mapped);
	for (size_t i = 0; i < s->inner.count; i++)
		add_to_ticket(s, &s->inner.own[i]);
}

/* True if there is a router that may let others in, and nothing else does. */
static bool needs_router(const struct serve *s)
{
	struct gateway gateway;

	return !s->options.no_port_mapping && s->options.public_count == 0 &&
	       addr_is_private(&s->inner.own[0]) && gateway_find(&gateway) &&
	       addr_is_private(&gateway.own);
}

void serve_inside_settle(struct serve *s)
{
	s->inner.waits = false;
	if (s->inner.mapped.family == ADDR_NONE)
		warn_of_reach(s, &s->inner.own[0]);
}

bool serve_inside_mapped(struct serve *s, const struct portmap_event *event)
{
	char text[ADDR_TEXT_MAX];
	bool waited = s->inner.waits;

	if (event->type != PORTMAP_MAPPED) {
		if (waited)
			serve_inside_settle(s);
		return waited;
	}
	s->inner.waits = false;
	if (addr_equal(&s->inner.mapped, &event->external))
		return false;
	s->inner.mapped = event->external;
	set_ticket_text(s);
	log_state("the rendezvous inside is announced as %s, too",
		addr_format(text, &s->inner.mapped));
	return true;
}

/* Where the host itself asks: by loopback, in each family there is. */
static void set_binds(struct serve *s, uint16_t port, struct host_driver_config *config)
{
	const struct addr loopbacks[] = {addr_v4(127, 0, 0, 1, port),
		{.family = ADDR_V6, .port = port, .ip = {[15] = 1}}};

	snprintf(s->servers.text, sizeof(s->servers.text), "the rendezvous inside");
	for (size_t i = 0; i < 2; i++) {
		if (!probe_family(loopbacks[i].family))
			continue;
		config->core.servers[config->core.server_count++] = loopbacks[i];
		s->servers.addrs[s->servers.count++] = loopbacks[i];
		config->binds[config->bind_count++] =
			(struct addr){.family = loopbacks[i].family, .port = port};
	}
}

static struct rendezvous *make_rendezvous(
	const struct serve *s, const struct addr *announced, size_t count)
{
	struct rendezvous_config config;
	struct credentials credentials;
	struct rendezvous *r;

	rendezvous_config_init(&config);
	config.entropy = s->state.entropy;
	config.stun = false;
	config.relay.max = 0; /* host and relay would be one */
	config.private = true;
	config.services_max = 1;
	for (size_t i = 0; i < count; i++)
		config.publics[config.public_count++] = announced[i];
	for (size_t i = 0; i < s->servers.count; i++)
		config.publics[config.public_count++] = s->servers.addrs[i];
	r = rendezvous_new(&config, clock_now());
	credentials_of(&credentials, &s->service);
	if (r != NULL && !rendezvous_allow(r, credentials.service)) {
		rendezvous_free(r);
		r = NULL;
	}
	crypto_wipe(&credentials, sizeof(credentials));
	return r;
}

enum exit_code serve_inside(struct serve *s, struct host_driver_config *config)
{
	struct announced *a = &s->inner;
	char text[ENDPOINT_LIST_MAX];
	uint16_t port = choose_port(s);

	a->count = set_announced(s, port, a->own);
	set_binds(s, port, config);
	config->inner = make_rendezvous(s, a->own, a->count);
	if (config->inner == NULL) {
		log_error("out of memory");
		return EXIT_FAILED;
	}
	set_ticket_text(s);
	log_state(
		"no rendezvous given: running one inside at UDP port %u, announced as %s",
		port, endpoint_list(text, a->own, a->count));
	a->waits = needs_router(s);
	if (!a->waits)
		serve_inside_settle(s);
	return EXIT_DONE;
}
