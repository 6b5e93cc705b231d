/* SPDX-License-Identifier: MIT */
/* The host with its target; looks into the core's own header for what no caller may see. */
#include "core/host_parts.h"
#include "fuzz/lab.h"

static void start(struct lab *lab, struct lab_machine *m)
{
	const struct lab_setup *s = &lab->setup;
	struct addr locals[2] = {m->v6, m->local};
	struct host_config c;

	host_config_init(&c);
	c.entropy = dice_entropy(&lab->dice);
	c.service = &lab->service;
	c.servers[c.server_count++] = lab_server(lab, false);
	if (s->v6)
		c.servers[c.server_count++] = lab_server(lab, true);
	c.targets[0] = m->local;
	c.targets[0].port = 27015;
	if (s->public_host)
		c.publics[0] = addr_v4(198, 51, 100, 2, 40000);
	c.ciphers = s->host_plain_cipher ? CIPHER_CHACHA20_POLY1305
					 : CIPHER_CHACHA20_POLY1305 | CIPHER_AES_256_GCM;
	c.guests_max = s->guests_max;
	c.flows_max = s->flows_max;
	c.half_open_max = s->half_open_max;
	m->core = host_new(&c, lab->now);
	if (m->core == NULL)
		return;
	fuzz_starve(0); /* whom it cannot remember has no number that it could keep */
	for (unsigned i = 0; i < LAB_PEOPLE; i++)
		host_know_guest(m->core, lab->people[i].public, lab->people[i].number);
	host_set_locals(m->core, s->v6 ? locals : locals + 1, s->v6 ? 2 : 1);
}

static void destroy(struct lab *lab, struct lab_machine *m)
{
	memset(lab->flows, 0, sizeof(lab->flows));
	host_free(m->core);
}

static enum verdict input(struct lab *lab, struct lab_machine *m, const struct path *path,
	uint8_t *buf, size_t len, struct delivery *delivery)
{
	return host_input(m->core, path, buf, len, lab->now, delivery);
}

static void icmp(struct lab *lab, struct lab_machine *m, const struct lab_datagram *d)
{
	host_icmp(m->core, &d->path, &d->from, d->icmp, 0, d->data, d->len, lab->now);
}

static bool output(struct lab *lab, struct lab_machine *m, struct datagram *d)
{
	return host_output(m->core, d, lab->now);
}

static void expire(struct lab *lab, struct lab_machine *m)
{
	host_expire(m->core, lab->now);
}

static uint64_t next_timeout(const struct lab_machine *m)
{
	return host_next_timeout(m->core);
}

static bool next_event(struct lab_machine *m, struct event *event)
{
	return host_next_event(m->core, event);
}

static void add_socket(
	struct lab *lab, struct lab_machine *m, uint32_t number, const struct addr *bound)
{
	host_add_socket(m->core, number, bound, lab->now);
}

static void set_servers(
	struct lab *lab, struct lab_machine *m, const struct addr *servers, size_t count)
{
	host_set_servers(m->core, servers, count, lab->now);
}

static void network_changed(struct lab *lab, struct lab_machine *m)
{
	host_network_changed(m->core, lab->now);
}

static void shutdown(struct lab *lab, struct lab_machine *m)
{
	host_shutdown(m->core, lab->now);
}

/* One identity has one number for ever, and nobody else has it. */
static void note_guest(struct lab *lab, const struct event *event)
{
	struct lab_person *person = NULL;

	for (unsigned i = 0; i < LAB_PEOPLE; i++) {
		if (memcmp(lab->people[i].public, event->identity, CRYPTO_KEY_SIZE) == 0)
			person = &lab->people[i];
		else
			REQUIRE(lab->people[i].number != event->number);
	}
	REQUIRE(person != NULL && event->number >= 1 && event->number <= NUMBER_MAX);
	REQUIRE(person->number == (event->type == EVENT_GUEST_NEW ? 0 : event->number));
	person->number = event->number;
}

static void event(struct lab *lab, const struct event *event)
{
	if (event->type == EVENT_GUEST_NEW || event->type == EVENT_GUEST_CONNECTED)
		note_guest(lab, event);
	for (unsigned i = 0; event->type == EVENT_FLOW_CLOSED && i < LAB_FLOWS; i++)
		if (lab->flows[i] == event->flow)
			lab->flows[i] = NULL;
}

static void flush(struct lab *lab, struct lab_machine *m)
{
	(void)lab;
	(void)m;
}

static void check(struct lab *lab, const struct lab_machine *m)
{
	const struct host *h = m->core;
	struct host_counts counts;
	const struct peer *peer;
	unsigned connections = 0;

	host_get_counts(h, &counts);
	REQUIRE(counts.guests <= lab->setup.guests_max);
	REQUIRE(counts.half_open <= lab->setup.half_open_max);
	REQUIRE(counts.attempts <= ATTEMPTS_MAX);
	REQUIRE(h->outbox.count <= h->outbox.cap && h->pool.made <= h->pool.max);
	REQUIRE(HASH_COUNT(h->peers) <= LAB_PEOPLE);
	for (peer = h->peers; peer != NULL; peer = peer->hh.next)
		REQUIRE(peer->flows.count <= lab->setup.flows_max);
	for (unsigned i = 0; i < HOST_SOCKETS_MAX; i++)
		connections += h->sockets[i].connections;
	for (const struct connection *c = h->connections; c != NULL; c = c->next)
		connections--;
	REQUIRE(connections == 0);
}

static uint64_t state(const struct lab_machine *m)
{
	struct host *copy = fuzz_alloc(sizeof(*copy));
	uint64_t hash;

	memcpy(copy, m->core, sizeof(*copy));
	memset(&copy->counts.verdicts, 0, sizeof(copy->counts.verdicts));
	copy->counts.hellos = copy->counts.handshakes = 0;
	/* A frame of nobody earns a challenge, within limits, and is looked up. */
	memset(&copy->challenger, 0, sizeof(copy->challenger));
	memset(&copy->outbox, 0, sizeof(copy->outbox));
	copy->last_route = NULL;
	hash = lab_hash(copy, sizeof(*copy));
	for (const struct connection *c = copy->connections; c != NULL; c = c->next)
		hash ^= lab_hash(c, sizeof(*c)) ^ lab_keys_state(&c->session);
	for (const struct attempt *a = copy->attempts; a != NULL; a = a->hh.next)
		hash ^= lab_hash(a, sizeof(*a));
	free(copy);
	return hash;
}

static struct session *session(const struct lab_machine *m)
{
	struct host *h = m->core;

	return h->connections != NULL ? &h->connections->session : NULL;
}

void lab_host_says(struct lab *lab, unsigned i, size_t len)
{
	struct lab_machine *m = &lab->machines[LAB_HOST];
	struct flow *flow = lab->flows[i % LAB_FLOWS];
	uint8_t *payload, *out;
	unsigned parts;

	if (flow == NULL)
		return;
	payload = lab_payload(lab, false, flow->id, len);
	if (payload == NULL)
		return;
	m->outputs = 0;
	out = fuzz_alloc(len + FRAME_OVERHEAD_MAX);
	parts = host_parts(flow, len);
	REQUIRE(parts >= 1 && parts <= LAB_PARTS);
	for (unsigned part = 0; part < parts; part++) {
		struct path path = {0};
		size_t n = host_seal(
			m->core, flow, part, parts, payload, len, out, &path, lab->now);

		REQUIRE(n <= len + FRAME_OVERHEAD_MAX);
		if (n > 0)
			lab_emit(lab, m, &path, 0, out, n);
	}
	free(out);
	free(payload);
	lab_settle(lab, m);
}

void lab_policy(struct lab *lab, unsigned person, unsigned what)
{
	struct lab_machine *m = &lab->machines[LAB_HOST];

	m->outputs = 0;
	if (what < 2)
		host_set_guest_policy(
			m->core, lab->people[person].public, what == 0, lab->now);
	else if (what == 2)
		host_forget_policies(m->core);
	else
		host_allow_unknown(m->core, person != 0, lab->now);
	lab_settle(lab, m);
}

const struct lab_parts lab_host_parts = {start, destroy, input, icmp, output, expire,
	next_timeout, next_event, add_socket, shutdown, event, flush, check, state,
	session, network_changed, set_servers};
