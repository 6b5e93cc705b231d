/* SPDX-License-Identifier: MIT */
#include "core/guest.h"

#include <stdlib.h>
#include <string.h>

#include "core/guest_parts.h"

#define OUTBOX_SIZE    256
#define REASSEMBLY_MAX 4
#define SCRATCH_SIZE   65536

void guest_config_init(struct guest_config *config)
{
	*config = (struct guest_config){
		.ciphers = CIPHER_CHACHA20_POLY1305, .flows_max = 256};
}

void guest_fill(struct guest *g, uint8_t *bytes, size_t len)
{
	g->config.entropy.fill(g->config.entropy.arg, bytes, len);
}

struct guest *guest_new(const struct guest_config *config, uint64_t now)
{
	struct guest *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->config = *config;
	g->config.credentials = NULL;
	g->credentials = *config->credentials;
	guest_fill(g, g->hash_key, sizeof(g->hash_key));
	guest_fill(g, g->process, sizeof(g->process));
	challenger_init(&g->challenger, &g->config.entropy, now);
	timers_init(&g->timers);
	g->ledger.max = UINT32_MAX; /* they share the listening sockets */
	flow_table_init(&g->flows, config->flows_max, &g->ledger);
	reassembly_pool_init(&g->pool, REASSEMBLY_MAX);
	askers_init(g);
	keepalive_init(&g->keepalive);
	g->trial_timer.kind = TIMER_TRIAL;
	g->sweep.kind = TIMER_SWEEP;
	g->scratch = malloc(SCRATCH_SIZE);
	if (outbox_init(&g->outbox, OUTBOX_SIZE) && g->scratch != NULL &&
		timers_set(&g->timers, &g->sweep, now + SWEEP))
		return g;
	guest_free(g);
	return NULL;
}

void guest_free(struct guest *g)
{
	struct app *app, *next;
	struct flow *flow;

	if (g == NULL)
		return;
	links_end(g);
	HASH_ITER (hh, g->apps, app, next) {
		HASH_DEL(g->apps, app);
		free(app);
	}
	flow_table_fini(&g->flows);
	while ((flow = flow_take_closing(&g->ledger)) != NULL)
		free(flow);
	free(g->told);
	reassembly_pool_fini(&g->pool);
	timers_fini(&g->timers);
	outbox_fini(&g->outbox);
	free(g->scratch);
	free(g->spray);
	crypto_wipe(g, sizeof(*g));
	free(g);
}

void guest_add_socket(
	struct guest *g, uint32_t number, const struct addr *bound, uint64_t now)
{
	unsigned family = family_index(bound);

	if (guest_socket(g, number) == NULL)
		return;
	*guest_socket(g, number) = (struct guest_socket){.open = true, .bound = *bound};
	if (number >= GUEST_SOCKETS_MAX)
		guest_spray_opened(g, number);
	else if (g->started && g->trial.live && g->trial.sockets[family] == number)
		askers_start_family(g, family, now);
}

void guest_set_locals(struct guest *g, const struct addr *locals, size_t count)
{
	g->local_count = count < GUEST_LOCALS_MAX ? count : GUEST_LOCALS_MAX;
	memcpy(g->locals, locals, g->local_count * sizeof(*locals));
}

void guest_set_mapped(struct guest *g, uint32_t number, const struct addr *mapped)
{
	if (number < GUEST_SOCKETS_MAX && g->sockets[number].open)
		g->sockets[number].mapped = mapped != NULL ? *mapped : (struct addr){0};
}

void guest_start(struct guest *g, uint64_t now)
{
	if (g->started)
		return;
	g->started = true;
	trial_begin(g, 0, now);
}

void guest_set_servers(
	struct guest *g, const struct addr *servers, size_t count, uint64_t now)
{
	size_t bytes;

	count = count < GUEST_SERVERS_MAX ? count : GUEST_SERVERS_MAX;
	bytes = count * sizeof(*servers);
	if (count == g->config.server_count &&
		memcmp(servers, g->config.servers, bytes) == 0)
		return;
	askers_stop(g);
	memcpy(g->config.servers, servers, bytes);
	g->config.server_count = count;
	askers_init(g);
	if (g->started && g->trial.live)
		trial_begin(g, 0, now);
}

/* Flows. */

static struct app *app_open(struct guest *g, const struct addr *addr, uint64_t now)
{
	struct app *app = calloc(1, sizeof(*app));

	if (app == NULL)
		return NULL;
	app->addr = *addr;
	app->flow = flow_open_any(&g->flows, now);
	if (app->flow != NULL)
		TABLE_ADD(g->apps, g->hash_key, addr, sizeof(app->addr), app);
	if (app->flow == NULL || !TABLE_HOLDS(app)) {
		if (app->flow != NULL)
			flow_close(&g->flows, app->flow, now);
		free(app);
		return NULL;
	}
	app->flow->app = *addr;
	app->flow->owner = app;
	return app;
}

struct flow *guest_flow(struct guest *g, const struct addr *addr, uint64_t now)
{
	struct app *app = g->last_app;

	if (app == NULL || !addr_equal(&app->addr, addr))
		TABLE_FIND(g->apps, g->hash_key, addr, sizeof(*addr), app);
	if (app == NULL)
		app = app_open(g, addr, now);
	if (app == NULL)
		return NULL;
	g->last_app = app;
	app->flow->used_at = now;
	return app->flow;
}

static void app_close(struct guest *g, struct app *app, uint64_t now)
{
	if (g->active.live)
		session_close_flow(&g->active.session, app->flow->id, now);
	flow_close(&g->flows, app->flow, now);
	if (g->last_app == app)
		g->last_app = NULL;
	HASH_DEL(g->apps, app);
	free(app);
}

static void sweep(struct guest *g, uint64_t now)
{
	struct app *app, *next;

	HASH_ITER (hh, g->apps, app, next)
		if (now - app->flow->used_at >= FLOW_IDLE_GUEST)
			app_close(g, app, now);
	timers_set(&g->timers, &g->sweep, now + SWEEP);
}

/* The machine. */

static enum verdict input_message(struct guest *g, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	uint8_t type = message_type(buf);
	enum verdict verdict;

	if (message_version(buf) != WIRE_VERSION && type != MESSAGE_VERSION)
		return VERDICT_DROP_VERSION;
	if (path->channel != 0 && type != MESSAGE_WELCOME && type != MESSAGE_BUSY &&
		type != MESSAGE_REFUSE && type != MESSAGE_VERSION)
		return VERDICT_DROP_UNKNOWN_TYPE;
	switch (type) {
	case MESSAGE_PUNCH:
	case MESSAGE_WELCOME:
	case MESSAGE_BUSY:
	case MESSAGE_REFUSE: return trial_input(g, path, buf, len, now);
	case MESSAGE_COOKIE:
	case MESSAGE_ASKED:
	case MESSAGE_ANSWERED:
	case MESSAGE_ERROR: return asker_input(g, path, buf, len, now);
	case MESSAGE_VERSION:
		/* What comes over a relay is the host's word, not the rendezvous'. */
		verdict = path->channel == 0 ? asker_input(g, path, buf, len, now)
					     : VERDICT_DROP_UNSOLICITED;
		return verdict == VERDICT_CONSUMED ? verdict
						   : trial_input(g, path, buf, len, now);
	default: return VERDICT_DROP_UNKNOWN_TYPE;
	}
}

enum verdict guest_input(struct guest *g, const struct path *path, uint8_t *buf,
	size_t len, uint64_t now, struct delivery *delivery)
{
	enum verdict verdict = VERDICT_DROP_MALFORMED;
	struct path relayed;

	if (channel_strip(&relayed, path, &buf, &len))
		path = &relayed;
	if (guest_socket(g, path->socket) == NULL ||
		(path->channel != 0 && !addr_is_among(&path->remote, g->config.servers,
					       g->config.server_count)))
		verdict = VERDICT_DROP_UNSOLICITED;
	else if (frame_is(buf, len) && len <= SCRATCH_SIZE)
		verdict = link_input(g, path, buf, len, now, delivery);
	else if (message_is(buf, len))
		verdict = input_message(g, path, buf, len, now);
	else if (challenge_is(buf, len) || resume_is(buf, len))
		verdict = link_resume_input(g, path, buf, len, now);
	return verdict_count(&g->counts.verdicts, verdict);
}

void guest_icmp(struct guest *g, const struct path *path, const struct addr *offender,
	uint8_t type, uint8_t code, const uint8_t *quoted, size_t quoted_len,
	uint64_t now)
{
	const uint8_t unreachable_v4 = 3, unreachable_v6 = 1;

	(void)offender;
	(void)code;
	(void)quoted;
	(void)quoted_len;
	if (type == (path->remote.family == ADDR_V4 ? unreachable_v4 : unreachable_v6))
		link_hint(g, path, now);
}

bool guest_connected(const struct guest *g)
{
	return g->active.live;
}

bool guest_relayed(const struct guest *g)
{
	return link_is_relayed(g);
}

unsigned guest_parts(const struct guest *g, const struct flow *flow, size_t len)
{
	return g->active.live ? session_parts(&g->active.session, flow->id, len) : 1;
}

size_t guest_seal(struct guest *g, struct flow *flow, unsigned part, unsigned parts,
	const uint8_t *payload, size_t len, uint8_t *out, struct path *path, uint64_t now)
{
	size_t size;

	if (!g->active.live)
		return 0;
	size = session_seal(
		&g->active.session, flow->id, part, parts, payload, len, out, now);
	*path = g->active.session.path;
	flow->used_at = now;
	return size;
}

bool guest_output(struct guest *g, struct datagram *d, uint64_t now)
{
	(void)now;
	return outbox_take(&g->outbox, d);
}

void guest_expire(struct guest *g, uint64_t now)
{
	struct timer *timer;

	while ((timer = timers_pop(&g->timers, now)) != NULL) {
		switch (timer->kind) {
		case TIMER_ASKER: asker_expire(g, timer->owner, now); break;
		case TIMER_TRIAL: trial_expire(g, now); break;
		case TIMER_SPRAY: guest_spray_expire(g, now); break;
		case TIMER_LINK: link_expire(g, timer->owner, now); break;
		default: sweep(g, now);
		}
	}
}

uint64_t guest_next_timeout(const struct guest *g)
{
	return timers_next(&g->timers);
}

static bool next_socket_event(struct guest *g, struct event *event)
{
	uint32_t count = g->spray != NULL ? GUEST_SOCKETS_ALL : GUEST_SOCKETS_MAX;

	for (uint32_t i = 0; i < count; i++) {
		struct guest_socket *s = guest_socket(g, i);

		if (s->done) {
			*event = (struct event){.type = EVENT_SOCKET_DONE, .number = i};
			*s = (struct guest_socket){0};
			return true;
		}
		if (s->wanted) {
			s->wanted = false;
			*event = (struct event){.type = EVENT_SOCKET_WANTED, .number = i};
			event->addr.family = ADDR_V4;
			return true;
		}
	}
	return false;
}

bool guest_next_event(struct guest *g, struct event *event)
{
	free(g->told);
	g->told = flow_take_closing(&g->ledger);
	if (g->told != NULL) {
		*event = (struct event){.type = EVENT_FLOW_CLOSED, .flow = g->told};
		return true;
	}
	return next_socket_event(g, event) || events_take(&g->events, event);
}

void guest_network_changed(struct guest *g, uint64_t now)
{
	if (g->active.live)
		session_recheck(&g->active.session, now);
	g->expiry = (struct expiry){0};
	keepalive_init(&g->keepalive);
	link_keep(g);
	g->behaviour = (struct behaviour){0}; /* another network, perhaps */
	improve_soon(g, now);
}

void guest_shutdown(struct guest *g, uint64_t now)
{
	g->stopped = true;
	trial_end(g);
	if (g->active.live)
		session_bye(&g->active.session, 0, now);
}

void guest_get_progress(const struct guest *g, struct guest_progress *progress)
{
	*progress = g->progress;
	progress->ours = behaviour_network(&g->behaviour);
	progress->theirs = behaviour_network(&g->host_behaviour);
}

bool guest_get_host(const struct guest *g, struct guest_host *host)
{
	const struct reach *first = &g->trial.hosts[0];

	if (!g->trial.live || g->trial.host_count == 0)
		return false;
	*host = (struct guest_host){.seen = first->seen,
		.candidates = first->offer.candidates,
		.network = behaviour_network(&first->offer.behaviour),
		.relay = first->relay.channel != 0};
	return true;
}

void guest_get_counts(const struct guest *g, struct guest_counts *counts)
{
	*counts = g->counts;
	if (!g->active.live)
		return;
	counts->datagrams_out += g->active.session.counts.datagrams_out;
	counts->bytes_out += g->active.session.counts.bytes_out;
	counts->datagrams_in += g->active.session.counts.datagrams_in;
	counts->bytes_in += g->active.session.counts.bytes_in;
	counts->lost_in += g->active.session.counts.lost_in;
	counts->rtt = g->active.session.rtt;
}
