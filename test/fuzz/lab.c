/* SPDX-License-Identifier: MIT */
#include "fuzz/lab.h"

#include "core/frame.h"
#include "core/rendezvous.h"
#include "core/resume.h"

#define SERVER_PORTS 5 /* its own and the further ones */
#define HOST_PORT    40000
#define GUEST_PORT   50000

const struct lab_parts *lab_parts(const struct lab_machine *m)
{
	static const struct lab_parts *const parts[LAB_ROLES] = {
		&lab_rendezvous_parts, &lab_host_parts, &lab_guest_parts};

	return parts[m->role];
}

uint64_t lab_hash(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ len, word;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&word, p, 8);
		h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	for (; len > 0; len--, p++)
		h = (h ^ *p) * UINT64_C(0x100000001b3);
	return h ^ h >> 31;
}

struct addr lab_server(const struct lab *lab, bool v6)
{
	const struct lab_machine *m = &lab->machines[LAB_RENDEZVOUS];
	struct addr a = v6 ? m->v6 : m->public;

	a.port = RENDEZVOUS_PORT;
	return a;
}

/* The machines. */

static bool is_genuine(const struct lab *lab, const uint8_t *data, size_t len)
{
	uint64_t hash = lab_hash(data, len);

	if (lab->log_count == LAB_LOG)
		return true; /* it may have been */
	for (unsigned i = lab->log_count; i-- > 0;)
		if (lab->log[i] == hash)
			return true;
	return false;
}

static bool is_known_id(const struct lab *lab, const uint8_t *data)
{
	uint64_t hash = lab_hash(message_id(data), ID_SIZE);

	if (lab->id_count == LAB_LOG)
		return true;
	for (unsigned i = lab->id_count; i-- > 0;)
		if (lab->ids[i] == hash)
			return true;
	return false;
}

/* True for what must change nothing but counters: a frame nobody sealed, and a message with
 * an id nobody used. (A rendezvous sees new ids all the time.) */
static bool is_garbage(const struct lab *lab, const struct lab_machine *m,
	const uint8_t *data, size_t len)
{
	/* A challenge is believed by the tag in it, and costs a resume at most. */
	if (challenge_is(data, len))
		return false;
	if (!message_is(data, len))
		return !is_genuine(lab, data, len);
	return m->role != LAB_RENDEZVOUS && !is_known_id(lab, data);
}

static void take_token(struct lab *lab, const uint8_t *data, size_t len)
{
	struct registered_message m;

	if (message_is(data, len) && message_type(data) == MESSAGE_REGISTERED &&
		registered_decode(&m, data, len))
		memcpy(lab->token, m.token, TOKEN_SIZE);
}

void lab_hand(struct lab *lab, struct lab_machine *m, const struct path *path,
	const uint8_t *data, size_t len, bool spoofed)
{
	const struct lab_parts *parts = lab_parts(m);
	bool garbage = is_garbage(lab, m, data, len);
	uint64_t before = garbage ? parts->state(m) : 0;
	struct delivery delivery = {0};
	uint8_t *buf = fuzz_copy(data, len);
	enum verdict verdict = parts->input(lab, m, path, buf, len, &delivery);

	m->outputs = 0;
	trace_datagram(lab, garbage ? "garbage" : "recv", &path->remote, &path->local,
		data, len);
	trace_verdict(lab, m, verdict);
	REQUIRE(verdict < VERDICT_COUNT);
	if (garbage && verdict != VERDICT_DROP_VERSION)
		REQUIRE(parts->state(m) == before && verdict != VERDICT_DELIVER);
	judge_input(lab, m, &path->remote, data, len, verdict, spoofed);
	if (m->role == LAB_HOST && verdict == VERDICT_CONSUMED)
		take_token(lab, data, len);
	if (verdict == VERDICT_DELIVER)
		lab_delivered(lab, m->role == LAB_HOST, &delivery);
	free(buf);
	lab_settle(lab, m);
}

void lab_deliver(struct lab *lab, unsigned i)
{
	struct lab_datagram d = lab->flights[i];
	struct path path = {.ifindex = 2, .remote = d.from};
	struct lab_machine *m;

	lab->flights[i].data = NULL;
	lab_drop(lab, i);
	m = d.icmp != 0 ? &lab->machines[d.about]
			: lab_machine_at(lab, &d.to, &path.socket);
	if (m != NULL && m->core != NULL && d.icmp != 0) {
		m->outputs = 0;
		lab_parts(m)->icmp(lab, m, &d);
		lab_settle(lab, m);
	} else if (m != NULL) {
		path.local = m->sockets[path.socket].bound;
		if (m->role == LAB_RENDEZVOUS)
			path.local.port = d.to.port;
		lab_hand(lab, m, &path, d.data, d.len, d.spoofed);
	}
	free(d.data);
}

static void open_socket(struct lab *lab, struct lab_machine *m, uint32_t number,
	uint8_t family, uint16_t port)
{
	const struct addr bound = {.family = family, .port = port}; /* as a wildcard */

	REQUIRE(number < LAB_SOCKETS && !m->sockets[number].open);
	m->sockets[number].open = true;
	m->sockets[number].bound = family == ADDR_V6 ? m->v6 : m->local;
	m->sockets[number].bound.port = port;
	lab_parts(m)->add_socket(lab, m, number, &bound);
}

static void take_event(struct lab *lab, struct lab_machine *m, const struct event *event)
{
	trace_event(lab, m, event);
	REQUIRE(event->type < EVENT_COUNT && event_name(event->type)[0] != '?');
	if (event->type == EVENT_SOCKET_WANTED)
		open_socket(lab, m, event->number, event->addr.family,
			(uint16_t)((m->role == LAB_HOST ? HOST_PORT : GUEST_PORT) +
				   dice_u64(&lab->dice) % LAB_SPOILT_BY));
	else if (event->type == EVENT_SOCKET_DONE)
		m->sockets[event->number].open = false;
	lab_parts(m)->event(lab, event);
}

static void pull(struct lab *lab, struct lab_machine *m)
{
	const struct lab_parts *parts = lab_parts(m);
	struct datagram d;
	struct event event;
	bool any;

	do {
		for (any = false; parts->output(lab, m, &d); any = true) {
			REQUIRE(++m->outputs <= LAB_BURST);
			lab_emit(lab, m, &d.path, d.ttl, d.data, d.len);
		}
		for (; parts->next_event(m, &event); any = true)
			take_event(lab, m, &event);
		parts->flush(lab, m);
	} while (any);
}

void lab_settle(struct lab *lab, struct lab_machine *m)
{
	const struct lab_parts *parts = lab_parts(m);

	pull(lab, m);
	for (unsigned n = 0; parts->next_timeout(m) <= lab->now; n++) {
		REQUIRE(n < LAB_EXPIRES);
		parts->expire(lab, m);
		pull(lab, m);
	}
	parts->check(lab, m);
}

uint64_t lab_keys_state(const struct session *s)
{
	uint64_t hash = 0;

	for (unsigned i = 0; i < SESSION_EPOCHS; i++)
		if (s->generations[i] != NULL)
			hash = hash * 31 +
			       lab_hash(s->generations[i], sizeof(*s->generations[i]));
	return hash;
}

static uint64_t next_timeout(const struct lab *lab)
{
	uint64_t at = NEVER;

	for (unsigned i = 0; i < LAB_ROLES; i++) {
		uint64_t own =
			lab_parts(&lab->machines[i])->next_timeout(&lab->machines[i]);

		at = own < at ? own : at;
	}
	return at;
}

static void settle_all(struct lab *lab)
{
	for (unsigned i = 0; i < LAB_ROLES; i++) {
		lab->machines[i].outputs = 0;
		lab_settle(lab, &lab->machines[i]);
	}
}

/* An input that only waits says nothing new, slowly: beyond so many deadlines all are missed. */
#define DEADLINES 2000

void lab_wait(struct lab *lab, uint64_t span, bool late)
{
	uint64_t end = lab->now + span;

	while (!late && lab->deadlines < DEADLINES && next_timeout(lab) < end) {
		lab->deadlines++;
		lab->now = next_timeout(lab);
		settle_all(lab);
	}
	lab->now = end;
	settle_all(lab);
}

void lab_run(struct lab *lab)
{
	uint64_t at;

	for (unsigned n = lab->flight_count; n > 0 && lab->flight_count > 0; n--)
		lab_deliver(lab, 0);
	if (lab->flight_count > 0)
		return;
	at = next_timeout(lab);
	if (at != NEVER)
		lab_wait(lab, at - lab->now, true);
}

static void start(struct lab *lab, enum lab_role role)
{
	struct lab_machine *m = &lab->machines[role];
	static const uint16_t ports[LAB_ROLES] = {RENDEZVOUS_PORT, HOST_PORT, GUEST_PORT};

	memset(&m->judge, 0, sizeof(m->judge));
	memset(m->sockets, 0, sizeof(m->sockets));
	m->outputs = 0;
	lab_parts(m)->start(lab, m);
	if (m->core == NULL) /* memory ran out, which it does once */
		lab_parts(m)->start(lab, m);
	REQUIRE(m->core != NULL);
	open_socket(lab, m, 0, ADDR_V4, ports[role]);
	if (lab->setup.v6)
		open_socket(lab, m, 1, ADDR_V6, ports[role]);
	/* The rendezvous' further ports, all of them one socket here. */
	for (uint32_t i = 2; role == LAB_RENDEZVOUS && i < 2 + SERVER_PORTS - 1; i++)
		open_socket(lab, m, i, ADDR_V4, (uint16_t)(RENDEZVOUS_PORT + i - 1));
	lab_settle(lab, m);
}

static void stop(struct lab *lab, enum lab_role role)
{
	struct lab_machine *m = &lab->machines[role];

	lab_parts(m)->destroy(lab, m);
	m->core = NULL;
}

void lab_move(struct lab *lab, enum lab_role role, bool told)
{
	struct lab_machine *m = &lab->machines[role];

	m->moved = (uint16_t)((m->moved + 11) % LAB_SPOILT_BY);
	m->outputs = 0;
	if (told)
		lab_parts(m)->network_changed(lab, m);
	lab_settle(lab, m);
}

void lab_resolve(struct lab *lab, enum lab_role role, unsigned which)
{
	struct lab_machine *m = &lab->machines[role];
	struct addr servers[3] = {lab_server(lab, false), addr_v4(192, 0, 2, 2, 3478),
		lab_server(lab, true)};
	size_t first = which % 3, count = which / 3 % (3 - first) + 1;

	m->outputs = 0;
	lab_parts(m)->set_servers(lab, m, servers + first, count);
	lab_settle(lab, m);
}

void lab_restart(struct lab *lab, enum lab_role role)
{
	stop(lab, role);
	start(lab, role);
}

void lab_shutdown(struct lab *lab, enum lab_role role)
{
	struct lab_machine *m = &lab->machines[role];

	m->outputs = 0;
	lab_parts(m)->shutdown(lab, m);
	lab_settle(lab, m);
	lab_restart(lab, role);
}

static void place(struct lab *lab)
{
	struct lab_machine *m = lab->machines;

	m[LAB_RENDEZVOUS].public = addr_v4(192, 0, 2, 1, 0);
	m[LAB_RENDEZVOUS].local =
		lab->setup.inside ? addr_v4(10, 0, 0, 1, 0) : m[LAB_RENDEZVOUS].public;
	m[LAB_HOST].public = addr_v4(198, 51, 100, 2, 0);
	m[LAB_HOST].local =
		lab->setup.no_nat ? m[LAB_HOST].public : addr_v4(192, 168, 1, 2, 0);
	m[LAB_GUEST].public = addr_v4(203, 0, 113, 3, 0);
	m[LAB_GUEST].local = addr_v4(192, 168, lab->setup.same_site ? 1 : 3, 3, 0);
	for (unsigned i = 0; i < LAB_ROLES; i++) {
		m[i].role = i;
		m[i].v6 = (struct addr){.family = ADDR_V6, .ip = {0x20, 1, 0xd, 0xb8}};
		m[i].v6.ip[7] = m[i].v6.ip[15] = (uint8_t)(i + 1);
	}
}

void lab_open(struct lab *lab, const struct lab_setup *setup)
{
	struct entropy entropy = dice_entropy(&lab->dice);

	memset(lab, 0, sizeof(*lab));
	lab->setup = *setup;
	lab->dice.state = 2;
	lab->now = setup->early ? 1 : 1000 * SECOND;
	lab->trace = getenv("FUZZ_TRACE") != NULL;
	lab->guest_credentials = fuzz_known()->credentials;
	if (setup->wrong_key)
		credentials_derive(&lab->guest_credentials,
			lab->guest_credentials.service,
			(const uint8_t *)"another secret..");
	lab->service = fuzz_known()->service;
	for (unsigned i = 0; i < LAB_PEOPLE; i++) {
		entropy.fill(entropy.arg, lab->people[i].identity, CRYPTO_KEY_SIZE);
		crypto_x25519_public(lab->people[i].public, lab->people[i].identity);
	}
	place(lab);
	for (unsigned role = 0; role < LAB_ROLES; role++)
		start(lab, role);
}

void lab_close(struct lab *lab)
{
	fuzz_starve(0);
	for (unsigned role = 0; role < LAB_ROLES; role++)
		stop(lab, role);
	while (lab->flight_count > 0)
		lab_drop(lab, lab->flight_count - 1);
	for (unsigned i = 0; i < LAB_RECORDS; i++)
		free(lab->records[i].data);
}
