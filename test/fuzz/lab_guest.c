/* SPDX-License-Identifier: MIT */
/* The guest with its applications; looks into the core's own header for what no caller may
 * see. */
#include "core/guest_parts.h"
#include "fuzz/lab.h"

#define QUEUE_DATAGRAMS 8
#define QUEUE_BYTES     70000

static void start(struct lab *lab, struct lab_machine *m)
{
	const struct lab_setup *s = &lab->setup;
	struct addr locals[2] = {m->v6, m->local};
	struct guest_config c;

	guest_config_init(&c);
	c.entropy = dice_entropy(&lab->dice);
	c.credentials = &lab->guest_credentials;
	memcpy(c.identity, lab->people[lab->person].identity, sizeof(c.identity));
	c.servers[c.server_count++] = lab_server(lab, false);
	if (s->v6)
		c.servers[c.server_count++] = lab_server(lab, true);
	c.listens[0] = addr_v4(127, 0, 0, 1, 27015);
	c.ciphers = s->guest_other_cipher ? CIPHER_AES_256_GCM
					  : CIPHER_CHACHA20_POLY1305 | CIPHER_AES_256_GCM;
	c.flows_max = s->flows_max;
	lab->queue = queue_new(QUEUE_DATAGRAMS, QUEUE_BYTES);
	m->core = lab->queue != NULL ? guest_new(&c, lab->now) : NULL;
	if (m->core == NULL) {
		queue_free(lab->queue);
		return;
	}
	guest_set_locals(m->core, s->v6 ? locals : locals + 1, s->v6 ? 2 : 1);
	guest_start(m->core, lab->now);
}

static void destroy(struct lab *lab, struct lab_machine *m)
{
	queue_free(lab->queue);
	lab->queue = NULL;
	guest_free(m->core);
}

static enum verdict input(struct lab *lab, struct lab_machine *m, const struct path *path,
	uint8_t *buf, size_t len, struct delivery *delivery)
{
	return guest_input(m->core, path, buf, len, lab->now, delivery);
}

static void icmp(struct lab *lab, struct lab_machine *m, const struct lab_datagram *d)
{
	guest_icmp(m->core, &d->path, &d->from, d->icmp, 0, d->data, d->len, lab->now);
}

static bool output(struct lab *lab, struct lab_machine *m, struct datagram *d)
{
	return guest_output(m->core, d, lab->now);
}

static void expire(struct lab *lab, struct lab_machine *m)
{
	guest_expire(m->core, lab->now);
}

static uint64_t next_timeout(const struct lab_machine *m)
{
	return guest_next_timeout(m->core);
}

static bool next_event(struct lab_machine *m, struct event *event)
{
	return guest_next_event(m->core, event);
}

static void add_socket(
	struct lab *lab, struct lab_machine *m, uint32_t number, const struct addr *bound)
{
	guest_add_socket(m->core, number, bound, lab->now);
}

static void set_servers(
	struct lab *lab, struct lab_machine *m, const struct addr *servers, size_t count)
{
	guest_set_servers(m->core, servers, count, lab->now);
}

static void network_changed(struct lab *lab, struct lab_machine *m)
{
	guest_network_changed(m->core, lab->now);
}

static void shutdown(struct lab *lab, struct lab_machine *m)
{
	guest_shutdown(m->core, lab->now);
}

static void event(struct lab *lab, const struct event *event)
{
	struct guest_progress progress;

	if (event->type == EVENT_FLOW_CLOSED)
		queue_forget(lab->queue, event->flow);
	guest_get_progress(lab->machines[LAB_GUEST].core, &progress);
	if (event->type == EVENT_REFUSED)
		REQUIRE(progress.tries > 0 || progress.refused == 0);
}

static void seal(struct lab *lab, struct flow *flow, const uint8_t *payload, size_t len)
{
	struct lab_machine *m = &lab->machines[LAB_GUEST];
	uint8_t *out = fuzz_alloc(len + FRAME_OVERHEAD_MAX);
	unsigned parts = guest_parts(m->core, flow, len);

	REQUIRE(parts >= 1 && parts <= LAB_PARTS);
	for (unsigned part = 0; part < parts; part++) {
		struct path path = {0};
		size_t n = guest_seal(
			m->core, flow, part, parts, payload, len, out, &path, lab->now);

		REQUIRE(n > 0 && n <= len + FRAME_OVERHEAD_MAX);
		lab_emit(lab, m, &path, 0, out, n);
	}
	free(out);
}

static void flush(struct lab *lab, struct lab_machine *m)
{
	struct flow *flow;
	const uint8_t *payload;
	size_t len;

	while (guest_connected(m->core) && queue_take(lab->queue, &flow, &payload, &len))
		seal(lab, flow, payload, len);
}

void lab_guest_says(struct lab *lab, unsigned app, size_t len)
{
	struct lab_machine *m = &lab->machines[LAB_GUEST];
	const struct addr addr = addr_v4(127, 0, 0, 1, (uint16_t)(40000 + app));
	struct flow *flow = guest_flow(m->core, &addr, lab->now);
	uint8_t *payload;

	if (flow == NULL)
		return;
	REQUIRE(flow->id < lab->setup.flows_max && addr_equal(&flow->app, &addr));
	payload = lab_payload(lab, true, flow->id, len);
	if (payload == NULL)
		return;
	m->outputs = 0;
	if (guest_connected(m->core))
		seal(lab, flow, payload, len);
	else
		queue_put(lab->queue, flow, payload, len);
	free(payload);
	lab_settle(lab, m);
}

static void check(struct lab *lab, const struct lab_machine *m)
{
	const struct guest *g = m->core;
	struct guest_counts counts;

	guest_get_counts(g, &counts);
	REQUIRE(g->flows.count <= lab->setup.flows_max);
	REQUIRE(HASH_COUNT(g->apps) == g->flows.count);
	REQUIRE(g->outbox.count <= g->outbox.cap && g->pool.made <= g->pool.max);
	REQUIRE(g->trial.host_count <= GUEST_HOSTS_MAX);
	/* It always has something to wait for: it never gives up. */
	REQUIRE(guest_next_timeout(g) != NEVER);
}

static uint64_t state(const struct lab_machine *m)
{
	struct guest *copy = fuzz_alloc(sizeof(*copy));
	uint64_t hash;

	memcpy(copy, m->core, sizeof(*copy));
	memset(&copy->counts.verdicts, 0, sizeof(copy->counts.verdicts));
	memset(&copy->challenger, 0, sizeof(copy->challenger));
	memset(&copy->outbox, 0, sizeof(copy->outbox));
	hash = lab_hash(copy, sizeof(*copy));
	if (copy->active.live)
		hash ^= lab_keys_state(&copy->active.session);
	if (copy->old.live)
		hash ^= lab_keys_state(&copy->old.session);
	free(copy);
	return hash;
}

static struct session *session(const struct lab_machine *m)
{
	struct guest *g = m->core;

	return g->active.live ? &g->active.session : NULL;
}

const struct lab_parts lab_guest_parts = {start, destroy, input, icmp, output, expire,
	next_timeout, next_event, add_socket, shutdown, event, flush, check, state,
	session, network_changed, set_servers};
