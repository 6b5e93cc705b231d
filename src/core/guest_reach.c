/* SPDX-License-Identifier: MIT */
/* The hosts that a trial may reach: where they say they are, and the hellos that go there. */
#include <string.h>

#include "core/guest_parts.h"

static void send_hello_by(
	struct guest *g, const struct reach *host, const struct path *path)
{
	struct datagram *d;

	if (g->config.ask_only)
		return;
	d = outbox_add(&g->outbox, path, 0);
	d->len = (uint16_t)hello_encode(d->data, g->trial.id, host->message,
		g->credentials.mac_key, host->has_cookie ? host->cookie : NULL);
}

/* An attempt that began at the first doubt is ready when the session is given up; a doubt
 * that was none replaces nothing. */
static bool has_to_be_ready(const struct guest *g)
{
	return link_is_fine(g) && !g->trial.improving;
}

void reach_hello(struct guest *g, struct reach *host, unsigned i)
{
	const struct path path = {
		.socket = host->sockets[i], .remote = host->to.of[i].addr};

	if (host->hellos[i] >= host->hello_max[i] || has_to_be_ready(g))
		return;
	host->hellos[i]++;
	send_hello_by(g, host, &path);
}

/* Over the relay as well, unless there is a session that is fine, and no worse. */
static void send_relayed_hello(struct guest *g, struct reach *host)
{
	bool better = g->active.streamed && !host->relay_streamed;

	if (host->relay.channel == 0 || host->relay_hellos >= HELLOS_MAX ||
		(link_is_fine(g) && !better))
		return;
	host->relay_hellos++;
	send_hello_by(g, host, &host->relay);
}

/* A host that is not the one we were connected to last gets its hellos later: the guest
 * stays with its host as long as that answers. */
static bool has_to_wait(const struct guest *g, const struct reach *host, uint64_t now)
{
	static const uint8_t none[INSTANCE_SIZE];

	return memcmp(g->favourite, none, INSTANCE_SIZE) != 0 &&
	       memcmp(g->favourite, host->instance, INSTANCE_SIZE) != 0 &&
	       now - g->trial.answered_at < FAVOURITE_WAIT;
}

void reach_hellos(struct guest *g, struct reach *host, unsigned first, uint64_t now)
{
	if (host->refused || has_to_wait(g, host, now))
		return;
	for (unsigned i = first; i < host->to.count; i++)
		reach_hello(g, host, i);
	send_relayed_hello(g, host);
}

void reach_add(struct guest *g, struct reach *host, const struct addr *addr,
	uint32_t socket, uint8_t kind)
{
	if (!guest_socket(g, socket)->open || !candidates_add(&host->to, addr, kind))
		return;
	host->sockets[host->to.count - 1] = socket;
	host->hello_max[host->to.count - 1] = HELLOS_MAX;
}

/* True if addr is one of this machine's with the port of a socket of ours. */
static bool is_own(const struct guest *g, const struct addr *addr)
{
	bool here = addr_is_loopback(addr);

	for (size_t i = 0; i < g->local_count; i++)
		here = here || addr_same_ip(&g->locals[i], addr);
	for (unsigned i = 0; i < GUEST_SOCKETS_MAX; i++)
		if (here && g->sockets[i].open && g->sockets[i].bound.port == addr->port)
			return true;
	for (unsigned i = 0; i < 2; i++)
		if (here && addr->port == g->config.listens[i].port)
			return true;
	return false;
}

bool reach_may_try(struct guest *g, const struct addr *addr, const struct addr *peer)
{
	struct addr observed[GUEST_SERVERS_MAX];
	struct vantage v = {.servers = g->config.servers,
		.server_count = g->config.server_count,
		.locals = g->locals,
		.local_count = g->local_count,
		.observed = observed,
		.forbidden = g->config.listens,
		.forbidden_count = 2};

	for (size_t i = 0; i < g->config.server_count; i++)
		observed[v.observed_count++] = g->askers[i].observed;
	return !is_own(g, addr) && candidate_allowed(&v, addr, peer);
}

/* Adds what may be tried of the host's offer; peer is its address at the rendezvous. */
static void add_targets(struct guest *g, struct reach *host,
	const struct candidates *offered, const struct addr *peer)
{
	for (unsigned i = 0; i < offered->count; i++) {
		const struct candidate *c = &offered->of[i];

		if (reach_may_try(g, &c->addr, peer))
			reach_add(g, host, &c->addr,
				g->trial.sockets[family_index(&c->addr)], c->kind);
	}
}

static bool begin_noise(struct guest *g, struct reach *host, const uint8_t *host_static)
{
	uint8_t payload[HELLO_PAYLOAD_SIZE] = {0};

	payload[0] = g->config.ciphers;
	memcpy(payload + 1, g->process, PROCESS_SIZE);
	handshake_guest(&host->noise, HANDSHAKE_ATTEMPT, g->trial.id, &g->credentials,
		g->config.identity, host_static, &g->config.entropy);
	return noise_write_hello(&host->noise, payload, sizeof(payload), host->message);
}

static struct reach *reach_find(struct trial *t, const uint8_t instance[INSTANCE_SIZE])
{
	for (unsigned i = 0; i < t->host_count; i++)
		if (memcmp(t->hosts[i].instance, instance, INSTANCE_SIZE) == 0)
			return &t->hosts[i];
	return NULL;
}

static struct reach *reach_open(struct guest *g, const uint8_t instance[INSTANCE_SIZE],
	const struct host_offer *offer)
{
	struct reach *host;

	if (g->trial.host_count == GUEST_HOSTS_MAX)
		return NULL;
	host = &g->trial.hosts[g->trial.host_count];
	*host = (struct reach){0};
	memcpy(host->instance, instance, INSTANCE_SIZE);
	if (!begin_noise(g, host, offer->host_static))
		return NULL;
	g->trial.host_count++;
	return host;
}

static void tell_host_found(
	struct guest *g, const struct reach *host, const struct addr *peer)
{
	struct event *event = events_add(&g->events, EVENT_HOST_FOUND);

	g->progress.host_answered = true;
	g->progress.addresses = host->to.count;
	event->peer = *peer;
	event->number = host->to.count;
	event->ours = behaviour_network(&g->behaviour);
	event->theirs = behaviour_network(&g->host_behaviour);
	event->theirs_v6 = g->host_v6;
}

/* The first relay that is offered, since another rendezvous may have none; but one without a
 * stream takes the place of one with. */
static void learn_relay(const struct guest *g, struct reach *host,
	const struct path *path, const struct answered_message *m)
{
	bool streamed =
		path->remote.transport != ADDR_UDP || m->host.transport != ADDR_UDP;

	if (g->config.no_relay || m->channel == 0 ||
		(host->relay.channel != 0 && (streamed || !host->relay_streamed)))
		return;
	host->relay = *path;
	host->relay.channel = m->channel;
	host->relay_streamed = streamed;
}

enum verdict trial_answered(struct guest *g, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now)
{
	struct answered_message m;
	struct host_offer offer;
	struct reach *host;
	unsigned first;

	if (!answered_decode(&m, buf, len))
		return VERDICT_DROP_MALFORMED;
	host = reach_find(&g->trial, m.instance);
	if (host != NULL)
		learn_relay(g, host, path, &m);
	if (host != NULL && m.sequence <= host->sequence)
		return VERDICT_CONSUMED;
	if (!host_offer_open(&offer, m.payload, m.payload_len, &g->credentials,
		    g->trial.id, m.instance, m.sequence))
		return VERDICT_DROP_FORGED;
	if (host == NULL)
		host = reach_open(g, m.instance, &offer);
	if (host == NULL)
		return VERDICT_DROP_LIMIT;
	host->sequence = m.sequence;
	host->seen = m.host;
	host->offer = offer;
	g->host_behaviour = offer.behaviour;
	g->host_v6 = candidates_have_v6(&offer.candidates);
	learn_relay(g, host, path, &m);
	g->host_seen = m.host;
	first = host->to.count;
	if (g->trial.answered_at == NEVER &&
		(offer.behaviour.spray == BEHAVIOUR_SPRAY_NONE ||
			!guest_spray_begin(g, &offer, &m.host, now)))
		g->trial.spray = BEHAVIOUR_SPRAY_NONE;
	if (!g->trial.spray)
		add_targets(g, host, &offer.candidates, &m.host);
	if (first == 0)
		tell_host_found(g, host, &m.host);
	if (g->trial.answered_at == NEVER) {
		g->trial.answered_at = now;
		retry_start(&g->trial.hello, now);
		retry_sent(&g->trial.hello, now);
	}
	reach_hellos(g, host, first, now);
	trial_rearm(g);
	return VERDICT_CONSUMED;
}
