/* SPDX-License-Identifier: MIT */
/* One attempt to reach the host. The first uses the default sockets; each further one a
 * fresh IPv4 socket, since a hello that came before its punch, or a punch before its hello,
 * may have made a NAT on the way remap that pair of ports until it forgets (30 s). */
#include <string.h>

#include "core/guest_parts.h"
#include "core/host.h"

static uint32_t free_socket(const struct guest *g)
{
	uint32_t i = 2;

	while (i < GUEST_SOCKETS_MAX && (g->sockets[i].open || g->sockets[i].wanted))
		i++;
	return i;
}

/* Sockets of earlier trials that nothing uses any more are to be closed. */
static void release_sockets(struct guest *g)
{
	for (uint32_t i = 2; i < GUEST_SOCKETS_MAX; i++) {
		bool used = (g->trial.live && (g->trial.sockets[0] == i)) ||
			    (g->before.live && (g->before.sockets[0] == i)) ||
			    (g->active.live && g->active.session.path.socket == i) ||
			    (g->old.live && g->old.session.path.socket == i) ||
			    g->sockets[i].mapped.family != ADDR_NONE;

		if (g->sockets[i].open && !used)
			g->sockets[i].done = true;
	}
	guest_spray_release(g);
}

static uint64_t trial_span(struct guest *g)
{
	const struct trial *t = &g->trial;
	uint64_t span = TRIAL_SPAN + t->number * TRIAL_SPAN_MORE;

	if (t->spray)
		return guest_spray_ends_at(g) - t->answered_at;
	if (t->number > 0 && guest_spray_follows(g))
		return TRIAL_SPAN_PLAIN;
	return span < TRIAL_SPAN_MAX ? span : TRIAL_SPAN_MAX;
}

static void trial_rearm(struct guest *g)
{
	const struct trial *t = &g->trial;
	uint64_t at = t->hello.next_at;

	if (!g->sockets[t->sockets[0]].open && t->fresh_by < at)
		at = t->fresh_by;
	at = t->give_up_at < at ? t->give_up_at : at;
	if (t->answered_at != NEVER && t->answered_at + trial_span(g) < at)
		at = t->answered_at + trial_span(g);
	if (improve_patience_at(g) < at)
		at = improve_patience_at(g);
	timers_set(&g->timers, &g->trial_timer, at);
}

static void trial_wipe(struct trial *t)
{
	crypto_wipe(t, sizeof(*t));
	t->live = false;
}

void trial_begin(struct guest *g, uint32_t number, uint64_t now)
{
	uint32_t fresh;

	askers_stop(g);
	if (number == 0)
		g->began_at = now;
	trial_wipe(&g->before);
	g->before = g->trial;
	trial_wipe(&g->trial);
	g->trial = (struct trial){.live = true,
		.improving = improve_is_due(g, now),
		.began_at = now,
		.number = number,
		.sockets = {0, 1},
		.fresh_by = NEVER,
		.give_up_at = NEVER,
		.answered_at = NEVER};
	guest_fill(g, g->trial.id, ID_SIZE);
	retry_stop(&g->trial.hello);
	guest_spray_end(g);
	g->trial.spray = guest_spray_wanted(g);
	g->progress.tries++;
	release_sockets(g);
	fresh = number > 0 && g->sockets[0].open ? free_socket(g) : GUEST_SOCKETS_MAX;
	if (fresh < GUEST_SOCKETS_MAX) {
		g->trial.sockets[0] = fresh;
		g->sockets[fresh].wanted = true;
		g->trial.fresh_by = now + FRESH_WAIT;
	}
	askers_start(g, now);
	trial_rearm(g);
}

void trial_end(struct guest *g)
{
	askers_stop(g);
	trial_wipe(&g->trial);
	trial_wipe(&g->before);
	timers_clear(&g->timers, &g->trial_timer);
	guest_spray_end(g);
	release_sockets(g);
}

void trial_offer(struct guest *g)
{
	struct guest_offer offer = {
		.trial = (uint8_t)(g->trial.number < 255 ? g->trial.number : 255),
		.behaviour = guest_behaviour(g)};

	if (g->trial.payload_len > 0)
		return;
	offer.behaviour.spray = g->trial.spray;
	offer.behaviour.port = guest_last_port(g);
	for (unsigned i = 0; i < GUEST_SOCKETS_MAX; i++)
		candidates_add(
			&offer.candidates, &g->sockets[i].mapped, CANDIDATE_MAPPED);
	for (size_t i = 0; i < g->config.server_count; i++)
		candidates_add(
			&offer.candidates, &g->askers[i].observed, CANDIDATE_OBSERVED);
	/* A fresh socket's next destination is the host. */
	for (size_t i = 0; g->trial.number > 0 && i < g->config.server_count; i++)
		if (g->askers[i].observed.family == ADDR_V4 &&
			g->askers[i].observed.transport == ADDR_UDP)
			step_predict(&offer.candidates, &g->askers[i].observed,
				g->behaviour.delta, PREDICTIONS);
	for (size_t i = 0; !g->config.no_local_candidates && i < g->local_count; i++) {
		struct addr local = g->locals[i];
		uint32_t socket = g->trial.sockets[family_index(&local)];

		if (!g->sockets[socket].open)
			continue;
		local.port = g->sockets[socket].bound.port;
		candidates_add(&offer.candidates, &local, CANDIDATE_LOCAL);
	}
	g->trial.payload_len = guest_offer_seal(g->trial.payload, &offer, &g->credentials,
		g->trial.id, &g->config.entropy);
}

/* Hellos. */

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

static void send_hello(struct guest *g, struct reach *host, unsigned i)
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

static void send_hellos(struct guest *g, struct reach *host, unsigned first, uint64_t now)
{
	if (host->refused || has_to_wait(g, host, now))
		return;
	for (unsigned i = first; i < host->to.count; i++)
		send_hello(g, host, i);
	send_relayed_hello(g, host);
}

static void add_target(struct guest *g, struct reach *host, const struct addr *addr,
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

static bool may_try(struct guest *g, const struct addr *addr, const struct addr *peer)
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

		if (may_try(g, &c->addr, peer))
			add_target(g, host, &c->addr,
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
	if (g->trial.answered_at == NEVER)
		g->trial.spray = g->trial.spray && offer.behaviour.spray &&
				 guest_spray_begin(g, &offer, &m.host, now);
	if (!g->trial.spray)
		add_targets(g, host, &offer.candidates, &m.host);
	if (first == 0)
		tell_host_found(g, host, &m.host);
	if (g->trial.answered_at == NEVER) {
		g->trial.answered_at = now;
		retry_start(&g->trial.hello, now);
		retry_sent(&g->trial.hello, now);
	}
	send_hellos(g, host, first, now);
	trial_rearm(g);
	return VERDICT_CONSUMED;
}

static bool all_refused(const struct trial *t)
{
	for (unsigned i = 0; i < t->host_count; i++)
		if (!t->hosts[i].refused)
			return false;
	return t->host_count > 0;
}

static void give_up(struct guest *g, uint64_t now)
{
	struct event *event;

	if (improve_ends(g, UINT32_MAX, now))
		return; /* there is a session all the same */
	event = events_add(&g->events, EVENT_REFUSED);
	g->progress.refused = g->trial.hosts[0].refusal;
	event->number = g->progress.refused;
	trial_end(g);
	g->resume_at = now + REFUSED_WAIT;
	timers_set(&g->timers, &g->trial_timer, g->resume_at);
}

/* Nothing that can still come would be worth waiting for. */
bool trial_is_over(struct guest *g, uint64_t now)
{
	const struct trial *t = &g->trial;

	return t->live && t->answered_at != NEVER &&
	       now - t->answered_at >= trial_span(g);
}

void trial_expire(struct guest *g, uint64_t now)
{
	struct trial *t = &g->trial;

	if (!t->live) {
		if (g->resume_at <= now)
			improve_resume(g, now);
		return;
	}
	if (now >= t->give_up_at) {
		t->give_up_at = NEVER;
		if (all_refused(t)) {
			give_up(g, now);
			return;
		}
	}
	if (now >= improve_patience_at(g) && improve_ends(g, t->number, now))
		return;
	if (trial_is_over(g, now)) {
		if (improve_ends(g, t->number + 1, now))
			return;
		trial_begin(g, t->number + 1, now);
		return;
	}
	if (t->number > 0 && !g->sockets[t->sockets[0]].open && now >= t->fresh_by) {
		g->sockets[t->sockets[0]].wanted = false;
		t->sockets[0] =
			0; /* no fresh socket is to be had: better the old one than none */
		t->fresh_by = NEVER;
		askers_start_family(g, 0, now);
	}
	if (t->hello.next_at <= now) {
		for (unsigned i = 0; i < t->host_count; i++)
			send_hellos(g, &t->hosts[i], 0, now);
		retry_sent(&t->hello, now);
	}
	trial_rearm(g);
}

/* What comes from the host. */

/* A punch got through: the host is where it came from, whatever it said (a peer-reflexive
 * candidate, RFC 8445, section 7.3.1.3). Since anybody may repeat a punch from anywhere,
 * such an address earns a few hellos only, one a punch. */
static void try_reflexive(struct guest *g, struct reach *host, const struct path *path)
{
	unsigned i = 0;

	while (i < host->to.count && !addr_equal(&host->to.of[i].addr, &path->remote))
		i++;
	if (i == host->to.count) {
		add_target(g, host, &path->remote, path->socket, CANDIDATE_OBSERVED);
		if (i == host->to.count)
			return;
		host->hello_max[i] = 0;
	}
	if (g->trial.spray && addr_same_ip(&path->remote, &g->host_seen))
		host->hello_max[i] = SPRAY_HELLOS;
	else if (host->hello_max[i] < REFLEXIVE_HELLOS)
		host->hello_max[i]++;
	else
		return;
	send_hello(g, host, i);
}

static enum verdict input_punch(
	struct guest *g, const struct path *path, const uint8_t *buf, size_t len)
{
	if (!g->trial.live || memcmp(message_id(buf), g->trial.id, ID_SIZE) != 0)
		return VERDICT_DROP_UNSOLICITED;
	if (!punch_verify(buf, len, g->credentials.mac_key))
		return VERDICT_DROP_FORGED;
	if (!may_try(g, &path->remote, &path->remote))
		return VERDICT_DROP_NOT_ALLOWED;
	for (unsigned i = 0; i < g->trial.host_count; i++)
		if (!g->trial.hosts[i].refused)
			try_reflexive(g, &g->trial.hosts[i], path);
	return VERDICT_CONSUMED;
}

static bool was_tried(const struct reach *host, const struct path *path)
{
	if (path->channel != 0)
		return host->relay.channel == path->channel;
	for (unsigned i = 0; i < host->to.count; i++)
		if (addr_equal(&host->to.of[i].addr, &path->remote))
			return true;
	return false;
}

/* A WELCOME can be repeated from anywhere. The host's comes from where a hello went, or from
 * another port of that address, where its NAT maps by destination. */
static bool may_welcome(const struct reach *host, const struct path *path)
{
	if (path->channel != 0)
		return was_tried(host, path);
	for (unsigned i = 0; i < host->to.count; i++)
		if (addr_same_ip(&host->to.of[i].addr, &path->remote))
			return true;
	return false;
}

/* The host of the trial that a hello went to there; NULL if none. */
static struct reach *reach_at(struct trial *t, const struct path *path)
{
	for (unsigned i = 0; i < t->host_count; i++)
		if (was_tried(&t->hosts[i], path))
			return &t->hosts[i];
	return NULL;
}

static enum verdict input_busy(struct guest *g, struct trial *t, const struct path *path,
	const uint8_t *buf, size_t len)
{
	struct reach *host = reach_at(t, path);

	if (host == NULL)
		return VERDICT_DROP_UNSOLICITED;
	if (!busy_decode(host->cookie, buf, len, g->credentials.mac_key))
		return VERDICT_DROP_FORGED;
	host->has_cookie = true;
	return VERDICT_CONSUMED;
}

/* One host refuses. Another may have room, and may not have answered yet: the trial ends
 * when all have refused and a short while has passed. */
static enum verdict input_refuse(struct guest *g, struct trial *t,
	const struct path *path, const uint8_t *buf, size_t len, uint64_t now)
{
	struct reach *host = reach_at(t, path);
	uint8_t code;

	if (host == NULL)
		return VERDICT_DROP_UNSOLICITED;
	if (!refuse_decode(&code, buf, len, g->credentials.mac_key))
		return VERDICT_DROP_FORGED;
	/* The next hello may find it done with some: worth telling only if none did. */
	if (code == HOST_REFUSAL_HALF_OPEN) {
		g->progress.refused = code;
		return VERDICT_CONSUMED;
	}
	host->refused = true;
	host->refusal = code;
	if (all_refused(t) && t->give_up_at == NEVER) {
		t->give_up_at = now + REFUSED_PATIENCE;
		trial_rearm(g);
	}
	return VERDICT_CONSUMED;
}

static enum verdict input_welcome(struct guest *g, struct trial *t,
	const struct path *path, const uint8_t *buf, size_t len, uint64_t now)
{
	const uint8_t *message = welcome_decode(buf, len, g->credentials.mac_key);
	uint8_t payload[WELCOME_PAYLOAD_SIZE];
	struct noise_keys keys;
	bool ok;

	if (message == NULL)
		return VERDICT_DROP_MALFORMED;
	for (unsigned i = 0; i < t->host_count; i++) {
		struct reach *host = &t->hosts[i];

		if (!may_welcome(host, path) ||
			!noise_read_welcome(&host->noise, message, WELCOME_NOISE_SIZE,
				payload, &keys))
			continue;
		ok = (payload[SESSION_ID_SIZE] & g->config.ciphers) != 0 &&
		     link_open(g, &keys, payload[SESSION_ID_SIZE], payload, host, path,
			     now);
		crypto_wipe(&keys, sizeof(keys));
		if (ok) {
			guest_remember(g, path);
			trial_end(g);
			improve_begin(g, now);
		}
		return ok ? VERDICT_CONSUMED : VERDICT_DROP_MEMORY;
	}
	return VERDICT_DROP_FORGED;
}

/* Another version: only believed of an address that a hello went to. */
static enum verdict input_version(
	struct guest *g, struct trial *t, const struct path *path, const uint8_t *buf)
{
	struct event *event;

	if (reach_at(t, path) == NULL)
		return VERDICT_DROP_UNSOLICITED;
	if (g->progress.version == message_version(buf))
		return VERDICT_CONSUMED; /* one HELLO after the other is answered so */
	g->progress.version = message_version(buf);
	event = events_add(&g->events, EVENT_VERSION_MISMATCH);
	event->addr = path->remote;
	event->number = message_version(buf);
	return VERDICT_CONSUMED;
}

enum verdict trial_input(struct guest *g, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now)
{
	struct trial *t = &g->trial;

	if (message_type(buf) == MESSAGE_PUNCH)
		return input_punch(g, path, buf, len);
	if (!t->live || memcmp(t->id, message_id(buf), ID_SIZE) != 0)
		t = &g->before;
	if (!t->live || memcmp(t->id, message_id(buf), ID_SIZE) != 0)
		return VERDICT_DROP_UNSOLICITED;
	switch (message_type(buf)) {
	case MESSAGE_WELCOME: return input_welcome(g, t, path, buf, len, now);
	case MESSAGE_BUSY: return input_busy(g, t, path, buf, len);
	case MESSAGE_REFUSE: return input_refuse(g, t, path, buf, len, now);
	default: return input_version(g, t, path, buf);
	}
}
