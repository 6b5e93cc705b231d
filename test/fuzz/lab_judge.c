/* SPDX-License-Identifier: MIT */
/* The promises about what is sent where, judged from datagrams alone (DESIGN.md, promise 2,
 * and its bounds on punches). */
#include "core/channel.h"
#include "core/frame.h"
#include "core/resume.h"
#include "core/stun.h"
#include "fuzz/lab.h"

#define PUNCH_LONGEST   32
#define PUNCH_BYTES     2048          /* to one address in one attempt */
#define PUNCH_ADDRESSES 8             /* of one attempt */
#define HELLOS          60            /* to one address in one attempt */
#define FORGOTTEN       (10 * SECOND) /* without punches, an attempt may have begun anew */
#define STUN_RATE       2 /* answers a second and network, as the lab sets it up */

static bool is_message(const uint8_t *data, size_t len, uint8_t type)
{
	return message_is(data, len) && message_type(data) == type;
}

/* Returns the account of an address; NULL when there are more than the judge can watch. */
static struct lab_account *account_of(struct lab_judge *j, const struct addr *addr)
{
	struct lab_account *a;

	for (unsigned i = 0; i < j->account_count; i++)
		if (addr_equal(&j->accounts[i].addr, addr))
			return &j->accounts[i];
	if (j->account_count == LAB_RULES)
		return NULL;
	a = &j->accounts[j->account_count++];
	a->addr = *addr;
	return a;
}

/* True if the address was told that cookie: one of the last LAB_COOKIES different ones. */
static bool knows_cookie(const struct lab_account *a, const uint8_t *cookie)
{
	for (unsigned i = 0; i < a->cookie_count && i < LAB_COOKIES; i++)
		if (memcmp(cookie, a->cookies[i], COOKIE_SIZE) == 0)
			return true;
	return false;
}

static void note_cookie(struct lab_account *a, const uint8_t *cookie)
{
	if (!knows_cookie(a, cookie))
		memcpy(a->cookies[a->cookie_count++ % LAB_COOKIES], cookie, COOKIE_SIZE);
}

/* An address that repeats a cookie it was told has proved itself to a rendezvous. */
static bool repeats_cookie(const struct lab_account *a, const uint8_t *data, size_t len)
{
	if (!is_message(data, len, MESSAGE_REGISTER) &&
		!is_message(data, len, MESSAGE_ASK))
		return false;
	return len >= MESSAGE_HEADER_SIZE + COOKIE_SIZE &&
	       knows_cookie(a, data + MESSAGE_HEADER_SIZE);
}

/* Only a holder of the session's keys could have made it. */
static bool authenticates(const uint8_t *data, size_t len, enum verdict verdict)
{
	if (verdict != VERDICT_CONSUMED && verdict != VERDICT_DELIVER)
		return false;
	return frame_is(data, len) || resume_is(data, len) ||
	       is_message(data, len, MESSAGE_WELCOME);
}

void judge_input(struct lab *lab, struct lab_machine *m, const struct addr *remote,
	const uint8_t *data, size_t len, enum verdict verdict, bool spoofed)
{
	struct lab_account *a = account_of(&m->judge, remote);

	(void)lab;
	if (a == NULL)
		return;
	if (stun_is_message(data, len)) {
		a->stun_in++;
		return;
	}
	a->in += len;
	/* A host has to find out whether who made it is at the address; a guest believes the
	 * first welcome of its host from wherever it comes. */
	if (m->role == LAB_RENDEZVOUS ? repeats_cookie(a, data, len)
				      : authenticates(data, len, verdict) &&
						(!spoofed || m->role == LAB_GUEST))
		a->proved = true;
}

static void judge_stun(struct lab *lab, struct lab_account *a, size_t len)
{
	REQUIRE(!lab->setup.no_stun);
	a->stun_out++;
	REQUIRE(len <= STUN_RESPONSE_MAX && a->stun_out <= a->stun_in);
}

static void judge_attempt(struct lab *lab, struct lab_machine *m,
	const struct addr *remote, const uint8_t *data, size_t len, uint64_t bytes_max)
{
	struct lab_judge *j = &m->judge;
	struct lab_attempt *one = NULL;
	unsigned addresses = 0;

	/* The lab's private networks are /24s; behind one NAT all may be tried. */
	if (addr_is_private(remote))
		REQUIRE(lab->setup.same_site || addr_same_prefix(remote, &m->local, 24));

	for (unsigned i = 0; i < j->attempt_count; i++) {
		struct lab_attempt *a = &j->attempts[i];

		if (memcmp(a->id, message_id(data), ID_SIZE) != 0)
			continue;
		addresses++;
		if (addr_equal(&a->addr, remote))
			one = a;
	}
	if (one == NULL) {
		if (j->attempt_count == LAB_RULES)
			return;
		one = &j->attempts[j->attempt_count++];
		*one = (struct lab_attempt){.addr = *remote, .last_at = lab->now};
		memcpy(one->id, message_id(data), ID_SIZE);
		addresses++;
	}
	if (lab->now - one->last_at >= FORGOTTEN)
		one->bytes = 0;
	one->last_at = lab->now;
	one->bytes += len;
	REQUIRE(one->bytes <= bytes_max && addresses <= PUNCH_ADDRESSES);
}

/* Nothing goes to what no address of a peer can be, nor to ourselves or the target. */
static void judge_place(const struct lab_machine *m, const struct addr *remote)
{
	REQUIRE(remote->family == ADDR_V4 || remote->family == ADDR_V6);
	if (m->role == LAB_RENDEZVOUS)
		return; /* it answers whoever asked */
	REQUIRE(addr_is_sendable(remote));
	if (addr_same_ip(remote, &m->local))
		REQUIRE(m->role != LAB_HOST || remote->port != 27015);
	for (unsigned i = 0; i < LAB_SOCKETS; i++)
		REQUIRE(!m->sockets[i].open || !addr_equal(remote, &m->sockets[i].bound));
}

/* Returns the channel; NULL if no guest was told of it, or it is one too many to watch. */
static struct lab_channel *channel_of(struct lab_judge *j, uint32_t number)
{
	for (unsigned i = 0; i < j->channel_count; i++)
		if (j->channels[i].number == number)
			return &j->channels[i];
	return NULL;
}

/* The answer that tells a guest of a channel names both its ends. */
static void note_channel(
	struct lab_judge *j, const struct addr *guest, const uint8_t *data, size_t len)
{
	struct answered_message m;
	struct lab_channel *c;

	if (!is_message(data, len, MESSAGE_ANSWERED) || !answered_decode(&m, data, len) ||
		m.channel == 0)
		return;
	c = channel_of(j, m.channel);
	if (c == NULL && j->channel_count < LAB_RULES) {
		c = &j->channels[j->channel_count++];
		*c = (struct lab_channel){.number = m.channel, .ends = {*guest, m.host}};
	}
	REQUIRE(c == NULL ||
		(addr_equal(&c->ends[0], guest) && addr_equal(&c->ends[1], &m.host)));
}

void judge_relay(
	struct lab_machine *m, const struct addr *remote, const uint8_t *data, size_t len)
{
	struct lab_channel *c = channel_of(&m->judge, channel_decode(data));

	for (unsigned i = 0; i < 2 && c != NULL; i++)
		if (addr_equal(&c->ends[i], remote))
			c->in[i] += len;
}

/* To an end of the channel, and no more than came from the other one. */
static void judge_relayed(struct lab *lab, struct lab_machine *m,
	const struct addr *remote, const uint8_t *data, size_t len)
{
	struct lab_channel *c = channel_of(&m->judge, channel_decode(data));
	unsigned to;

	REQUIRE(!lab->setup.no_relay);
	REQUIRE(c != NULL || m->judge.channel_count == LAB_RULES);
	if (c == NULL)
		return;
	to = addr_equal(&c->ends[0], remote) ? 0 : 1;
	REQUIRE(addr_equal(&c->ends[to], remote));
	c->out[to] += len;
	REQUIRE(c->out[to] <= c->in[1 - to]);
}

static void judge_plain(
	struct lab_machine *m, struct lab_account *a, const uint8_t *data, size_t len)
{
	if (m->role == LAB_RENDEZVOUS && is_message(data, len, MESSAGE_COOKIE))
		note_cookie(a, data + MESSAGE_HEADER_SIZE);
	a->out += len;
	REQUIRE(a->proved || a->out <= a->in);
}

void judge_output(struct lab *lab, struct lab_machine *m, const struct addr *remote,
	const uint8_t *data, size_t len)
{
	const struct addr v4 = lab_server(lab, false), v6 = lab_server(lab, true);
	bool server = addr_same_prefix(remote, &v4, 24) || addr_same_ip(remote, &v6);
	struct lab_account *a;

	if (m->role != LAB_RENDEZVOUS && server)
		return; /* it is configured */
	judge_place(m, remote);
	if (m->role == LAB_RENDEZVOUS && channel_is(data, len)) {
		judge_relayed(lab, m, remote, data, len);
		return;
	}
	if (m->role == LAB_RENDEZVOUS)
		note_channel(&m->judge, remote, data, len);
	a = account_of(&m->judge, remote);
	if (a == NULL)
		return;
	if (stun_is_message(data, len)) {
		judge_stun(lab, a, len);
	} else if (m->role == LAB_HOST && is_message(data, len, MESSAGE_PUNCH)) {
		REQUIRE(len <= PUNCH_LONGEST);
		judge_attempt(lab, m, remote, data, len, PUNCH_BYTES);
	} else if (m->role == LAB_GUEST && is_message(data, len, MESSAGE_HELLO)) {
		judge_attempt(lab, m, remote, data, len, HELLOS * HELLO_SIZE);
	} else {
		judge_plain(m, a, data, len);
	}
}
