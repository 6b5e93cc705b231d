/* SPDX-License-Identifier: MIT */
#include "sim/promise.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "core/channel.h"
#include "core/frame.h"
#include "core/message.h"
#include "core/relay.h"
#include "core/resume.h"
#include "core/stun.h"
#include "sim/machine.h"

#define COOKIES 256 /* of the latest an address was told */

struct promise_peer {
	struct addr addr;
	uint64_t in, out; /* bytes of datagrams of no exception */
	uint64_t stun_in, stun_out;
	bool proved;
	uint8_t cookies[COOKIES][COOKIE_SIZE];
	unsigned cookie_count;
	UT_hash_handle hh;
};

struct promise_attempt {
	struct {
		uint8_t id[ID_SIZE];
		struct addr addr; /* zeros: the attempt as a whole */
	} key;
	uint64_t bytes;
	unsigned addresses;
	UT_hash_handle hh;
};

/* As a guest was told of it. */
struct promise_channel {
	uint32_t number;
	uint64_t told_at, passed_at; /* first told, last carried (0: never) */
	struct {
		struct addr addr;
		uint64_t in, out; /* bytes from there, and to there */
	} ends[2];
	UT_hash_handle hh;
};

void promise_fini(struct promise *p)
{
	struct promise_peer *peer, *next_peer;
	struct promise_attempt *attempt, *next_attempt;
	struct promise_channel *channel, *next_channel;

	HASH_ITER (hh, p->peers, peer, next_peer) {
		HASH_DEL(p->peers, peer);
		free(peer);
	}
	HASH_ITER (hh, p->attempts, attempt, next_attempt) {
		HASH_DEL(p->attempts, attempt);
		free(attempt);
	}
	HASH_ITER (hh, p->channels, channel, next_channel) {
		HASH_DEL(p->channels, channel);
		free(channel);
	}
	*p = (struct promise){0};
}

static struct promise_peer *peer_of(struct promise *p, const struct addr *addr)
{
	struct promise_peer *peer;

	HASH_FIND(hh, p->peers, addr, sizeof(*addr), peer);
	if (peer == NULL) {
		peer = sim_alloc(sizeof(*peer));
		peer->addr = *addr;
		HASH_ADD(hh, p->peers, addr, sizeof(peer->addr), peer);
	}
	return peer;
}

static struct promise_attempt *attempt_of(
	struct promise *p, const uint8_t id[ID_SIZE], const struct addr *addr)
{
	struct promise_attempt like = {0}, *a;

	memcpy(like.key.id, id, ID_SIZE);
	if (addr != NULL)
		like.key.addr = *addr;
	HASH_FIND(hh, p->attempts, &like.key, sizeof(like.key), a);
	if (a == NULL) {
		a = sim_alloc(sizeof(*a));
		a->key = like.key;
		HASH_ADD(hh, p->attempts, key, sizeof(a->key), a);
	}
	return a;
}

static bool is_server(const struct machine *m, const struct addr *remote)
{
	for (size_t i = 0; i < m->server_count; i++)
		if (addr_same_ip(&m->servers[i], remote))
			return true;
	return false;
}

static bool is_message(const uint8_t *data, size_t len, uint8_t type)
{
	return message_is(data, len) && message_type(data) == type;
}

/* An address that repeats a cookie it was told has proved itself to a rendezvous. */
static bool repeats_cookie(
	const struct promise_peer *peer, const uint8_t *data, size_t len)
{
	if (!is_message(data, len, MESSAGE_REGISTER) &&
		!is_message(data, len, MESSAGE_ASK))
		return false;
	for (unsigned i = 0; i < COOKIES && i < peer->cookie_count; i++)
		if (len >= MESSAGE_HEADER_SIZE + COOKIE_SIZE &&
			memcmp(data + MESSAGE_HEADER_SIZE, peer->cookies[i],
				COOKIE_SIZE) == 0)
			return true;
	return false;
}

/* One that sent what only the holder of a session's keys can, to a host or guest. */
static bool authenticates(const uint8_t *data, size_t len, enum verdict verdict)
{
	if (verdict != VERDICT_CONSUMED && verdict != VERDICT_DELIVER)
		return false;
	return frame_is(data, len) || resume_is(data, len) ||
	       is_message(data, len, MESSAGE_WELCOME);
}

void promise_input(struct machine *m, const struct addr *remote, const uint8_t *data,
	size_t len, enum verdict verdict)
{
	struct promise_peer *peer = peer_of(&m->promise, remote);

	if (stun_is_message(data, len)) {
		peer->stun_in++;
		m->promise.stun_questions++;
		return;
	}
	peer->in += len;
	if (!peer->proved)
		m->promise.unproved_in += len;
	if (m->kind == MACHINE_RENDEZVOUS ? repeats_cookie(peer, data, len)
					  : authenticates(data, len, verdict))
		peer->proved = true;
}

static const char *text_of(const struct addr *addr)
{
	static char text[ADDR_TEXT_MAX];

	return addr_format(text, addr);
}

static struct promise_channel *channel_of(struct promise *p, const uint8_t *data)
{
	uint32_t number = channel_decode(data);
	struct promise_channel *c;

	HASH_FIND(hh, p->channels, &number, sizeof(number), c);
	return c;
}

/* Of 28 bits, a number comes again now and then. */
static bool is_over(const struct promise_channel *c, uint64_t now)
{
	return c->passed_at != 0 ? now - c->passed_at >= RELAY_IDLE
				 : now - c->told_at >= RELAY_TOLD;
}

/* The answer that tells a guest of a channel names both its ends. */
static void note_channel(
	struct machine *m, const struct addr *guest, const uint8_t *data, size_t len)
{
	struct answered_message told;
	struct promise_channel *c;

	if (!is_message(data, len, MESSAGE_ANSWERED) ||
		!answered_decode(&told, data, len) || told.channel == 0)
		return;
	HASH_FIND(hh, m->promise.channels, &told.channel, sizeof(told.channel), c);
	if (c != NULL && is_over(c, m->node.world->now)) {
		HASH_DEL(m->promise.channels, c);
		free(c);
		c = NULL;
	}
	if (c == NULL) {
		c = sim_alloc(sizeof(*c));
		c->number = told.channel;
		c->told_at = m->node.world->now;
		c->ends[0].addr = *guest;
		c->ends[1].addr = told.host;
		HASH_ADD(hh, m->promise.channels, number, sizeof(c->number), c);
	}
	if (!addr_equal(&c->ends[0].addr, guest) ||
		!addr_equal(&c->ends[1].addr, &told.host))
		world_fail(m->node.world, "%s: channel %u has other ends now",
			m->node.name, c->number);
}

void promise_relay(
	struct machine *m, const struct addr *remote, const uint8_t *data, size_t len)
{
	struct promise_channel *c = channel_of(&m->promise, data);

	for (unsigned i = 0; i < 2 && c != NULL; i++)
		if (addr_equal(&c->ends[i].addr, remote))
			c->ends[i].in += len;
}

static unsigned end_of(const struct promise_channel *c, const struct addr *remote)
{
	return addr_equal(&c->ends[0].addr, remote) ? 0 : 1;
}

/* To an end of the channel, and no more than came from the other one. */
static void output_relayed(
	struct machine *m, const struct addr *remote, const uint8_t *data, size_t len)
{
	struct promise_channel *c = channel_of(&m->promise, data);
	unsigned to = c != NULL ? end_of(c, remote) : 0;

	if (m->rendezvous.mischief != NULL)
		return; /* it promised nothing */
	if (c == NULL || !addr_equal(&c->ends[to].addr, remote)) {
		world_fail(m->node.world, "%s: relays to %s, no end of channel %u",
			m->node.name, text_of(remote), channel_decode(data));
		return;
	}
	c->passed_at = m->node.world->now;
	c->ends[to].out += len;
	if (c->ends[to].out > c->ends[1 - to].in)
		world_fail(m->node.world,
			"%s: relays %" PRIu64 " bytes to %s, of %" PRIu64, m->node.name,
			c->ends[to].out, text_of(remote), c->ends[1 - to].in);
}

static void note_cookie(struct promise_peer *peer, const uint8_t *data, size_t len)
{
	if (is_message(data, len, MESSAGE_COOKIE))
		memcpy(peer->cookies[peer->cookie_count++ % COOKIES],
			data + MESSAGE_HEADER_SIZE, COOKIE_SIZE);
}

static void output_stun(struct machine *m, struct promise_peer *peer, size_t len)
{
	m->promise.stun_answers++;
	if (m->kind != MACHINE_RENDEZVOUS)
		return;
	peer->stun_out++;
	if (len > STUN_ANSWER_LONGEST || peer->stun_out > peer->stun_in)
		world_fail(m->node.world,
			"%s: STUN answer %" PRIu64
			" of %zu bytes to %s, which asked %" PRIu64,
			m->node.name, peer->stun_out, len, text_of(&peer->addr),
			peer->stun_in);
}

static bool may_spray(const struct machine *m)
{
	return m->kind == MACHINE_HOST ? m->host.effort != EFFORT_LOW
				       : m->guest.effort != EFFORT_LOW;
}

/* Punches, and a guest's hellos: bounded by address and attempt. */
static void output_attempt(struct machine *m, const struct addr *remote,
	const uint8_t *data, size_t len, uint64_t bytes_max)
{
	struct promise_attempt *one = attempt_of(&m->promise, message_id(data), remote);
	struct promise_attempt *all = attempt_of(&m->promise, message_id(data), NULL);

	if (one->bytes == 0)
		all->addresses++;
	one->bytes += len;
	if (one->bytes > bytes_max)
		world_fail(m->node.world,
			"%s: %" PRIu64 " bytes of %s to %s in one attempt", m->node.name,
			one->bytes, message_name(message_type(data)), text_of(remote));
	/* Hellos go to eight ports of where the knocks went. */
	if (all->addresses > PUNCH_ADDRESSES + (may_spray(m) ? 1 : 0))
		world_fail(m->node.world, "%s: %u addresses in one attempt", m->node.name,
			all->addresses);
}

/* A punch, or a knock: where many ports may be tried, bounded by IP address. */
static void output_punch(
	struct machine *m, const struct addr *remote, const uint8_t *data, size_t len)
{
	struct addr ip = *remote;

	m->promise.punch_bytes += len;
	if (len > PUNCH_LONGEST)
		world_fail(m->node.world, "%s: a punch of %zu bytes", m->node.name, len);
	if (!may_spray(m)) {
		output_attempt(m, remote, data, len, PUNCH_BYTES);
		return;
	}
	ip.port = 0;
	output_attempt(m, &ip, data, len, SPRAY_BYTES);
}

static void output_plain(
	struct machine *m, struct promise_peer *peer, const uint8_t *data, size_t len)
{
	if (m->kind == MACHINE_RENDEZVOUS) {
		note_cookie(peer, data, len);
		note_channel(m, &peer->addr, data, len);
	}
	peer->out += len;
	if (peer->proved)
		return;
	m->promise.unproved_out += len;
	if (peer->out > peer->in)
		world_fail(m->node.world,
			"%s: %" PRIu64
			" bytes to %s, which proved nothing and sent %" PRIu64
			" (%s of %zu)",
			m->node.name, peer->out, text_of(&peer->addr), peer->in,
			message_is(data, len) ? message_name(message_type(data))
					      : "frame",
			len);
}

/* Streams go to where the user said, and nowhere else. */
static void check_stream(struct machine *m, const struct addr *remote)
{
	for (size_t i = 0; i < m->server_count; i++)
		if (addr_equal(&m->servers[i], remote))
			return;
	world_fail(
		m->node.world, "%s: opens a stream to %s", m->node.name, text_of(remote));
}

void promise_output(
	struct machine *m, const struct addr *remote, const uint8_t *data, size_t len)
{
	if (m->kind != MACHINE_RENDEZVOUS && remote->transport != ADDR_UDP)
		check_stream(m, remote);
	if (m->kind != MACHINE_RENDEZVOUS && is_server(m, remote))
		return;
	if (!addr_is_sendable(remote))
		world_fail(
			m->node.world, "%s: sends to %s", m->node.name, text_of(remote));
	if (m->kind == MACHINE_RENDEZVOUS && channel_is(data, len)) {
		output_relayed(m, remote, data, len);
	} else if (stun_is_message(data, len)) {
		output_stun(m, peer_of(&m->promise, remote), len);
	} else if (is_message(data, len, MESSAGE_PUNCH) ||
		   is_message(data, len, MESSAGE_KNOCK)) {
		output_punch(m, remote, data, len);
	} else if (m->kind == MACHINE_GUEST && is_message(data, len, MESSAGE_HELLO)) {
		output_attempt(m, remote, data, len, HELLO_BYTES);
	} else {
		output_plain(m, peer_of(&m->promise, remote), data, len);
	}
}
