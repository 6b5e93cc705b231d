/* SPDX-License-Identifier: MIT */
/* One guest's try to reach this host, from its introduction to its hello. Order is by
 * cause: the punches leave before the answer, and the guest's hello, which the answer
 * brings about, finds the hole open. */
#include <stdlib.h>
#include <string.h>

#include "core/host_parts.h"

struct attempt *attempt_find(const struct host *h, const uint8_t id[ID_SIZE])
{
	struct attempt *a;

	TABLE_FIND(h->attempts, h->hash_key, id, ID_SIZE, a);
	return a;
}

/* Forgets the attempt that has rested longest, of that network unless it is NULL; the table
 * keeps the order of entry. */
static bool make_room(struct host *h, const struct census_entry *network)
{
	struct attempt *a, *next;

	HASH_ITER (hh, h->attempts, a, next) {
		if (!a->resting || (network != NULL && a->network != network))
			continue;
		attempt_free(h, a);
		return true;
	}
	return false;
}

/* One more of that network, which is counted already. */
static bool has_room(struct host *h, const struct census_entry *network)
{
	if (census_size(network) > ATTEMPTS_NETWORK)
		return make_room(h, network);
	return HASH_COUNT(h->attempts) < ATTEMPTS_MAX || make_room(h, NULL);
}

static struct attempt *attempt_open(
	struct host *h, const uint8_t id[ID_SIZE], const struct addr *from, uint64_t now)
{
	struct census_entry *network = limit_attempt(h, from);
	struct attempt *a = NULL;

	if (network == NULL)
		return NULL;
	if (has_room(h, network))
		a = calloc(1, sizeof(*a));
	if (a == NULL) {
		census_leave_entry(&h->attempt_networks, network);
		return NULL;
	}
	a->network = network;
	memcpy(a->id, id, ID_SIZE);
	a->began_at = now;
	a->timer.owner = a;
	a->timer.kind = TIMER_ATTEMPT;
	retry_stop(&a->punch);
	for (unsigned i = 0; i < HOST_SERVERS_MAX; i++)
		retry_stop(&a->replies[i].retry);
	TABLE_ADD(h->attempts, h->hash_key, id, ID_SIZE, a);
	if (TABLE_HOLDS(a))
		return a;
	census_leave_entry(&h->attempt_networks, network);
	free(a);
	return NULL;
}

void attempt_free(struct host *h, struct attempt *a)
{
	if (a->connection != NULL)
		a->connection->attempt = NULL;
	timers_clear(&h->timers, &a->timer);
	h->resting -= a->resting ? 1 : 0;
	HASH_DEL(h->attempts, a);
	census_leave_entry(&h->attempt_networks, a->network);
	crypto_wipe(a->welcome, sizeof(a->welcome));
	free(a);
}

void attempt_rearm(struct host *h, struct attempt *a)
{
	uint64_t at = a->asked_at + ATTEMPT_LIFE;

	at = a->punch.next_at < at ? a->punch.next_at : at;
	for (size_t i = 0; i < h->config.server_count; i++)
		if (a->replies[i].retry.next_at < at)
			at = a->replies[i].retry.next_at;
	timers_set(&h->timers, &a->timer, at);
}

/* Introductions. */

static void tell_punching(struct host *h, const struct attempt *a)
{
	struct event *event = events_add(&h->events, EVENT_PUNCHING);

	event->peer = a->from;
	event->number = a->to.count;
	event->ours = behaviour_network(&h->behaviour);
	event->theirs = behaviour_network(&a->theirs);
	event->theirs_v6 = a->theirs_v6;
}

/* The attempt is over, but stays known as long as its introduction may be repeated: what was
 * sent in its name to each address counts on. */
static void attempt_rest(struct host *h, struct attempt *a)
{
	if (a->connection != NULL)
		a->connection->attempt = NULL;
	a->connection = NULL;
	a->resting = true;
	h->resting++;
	crypto_wipe(a->welcome, sizeof(a->welcome));
	timers_set(&h->timers, &a->timer, a->asked_at + ATTEMPT_MEMORY);
}

static struct attempt *attempt_wake(struct host *h, struct attempt *a, uint64_t now)
{
	a->resting = false;
	h->resting--;
	a->began_at = now;
	if (a->sequence < ANSWERS_MAX)
		a->sequence++;
	for (unsigned i = 0; i < HOST_SERVERS_MAX; i++) {
		a->replies[i] = (struct attempt_reply){0};
		retry_stop(&a->replies[i].retry);
	}
	return a;
}

static struct attempt *attempt_begin(struct host *h, struct lease *lease,
	struct attempt *known, const struct guest_offer *offer, const uint8_t *id,
	const struct addr *seen, uint64_t now)
{
	struct attempt *a = known != NULL ? attempt_wake(h, known, now)
					  : attempt_open(h, id, seen, now);

	if (a == NULL)
		return NULL;
	a->trial = offer->trial;
	retry_start(&a->punch, now);
	retry_sent(&a->punch, now);
	a->spray = host_spray_begin(h, a, lease, offer, seen, now)
			   ? offer->behaviour.spray
			   : BEHAVIOUR_SPRAY_NONE;
	a->measures = a->spray != BEHAVIOUR_SPRAY_NONE &&
		      h->behaviour.mapping == BEHAVIOUR_SEQUENTIAL;
	answer_seal(h, a);
	lease_probe_mapping(h, lease, now);
	return a;
}

enum verdict attempt_introduced(
	struct host *h, struct lease *lease, const uint8_t *buf, size_t len, uint64_t now)
{
	struct introduce_message m;
	struct guest_offer offer;
	struct attempt *a;
	size_t index = (size_t)(lease - h->leases);
	unsigned first;
	bool fresh;

	if (!introduce_decode(&m, buf, len))
		return VERDICT_DROP_MALFORMED;
	if (!guest_offer_open(
		    &offer, m.payload, m.payload_len, &h->credentials, message_id(buf)))
		return VERDICT_DROP_FORGED;
	a = attempt_find(h, message_id(buf));
	fresh = a == NULL || a->resting;
	if (fresh)
		a = attempt_begin(h, lease, a, &offer, message_id(buf), &m.guest, now);
	if (a == NULL)
		return VERDICT_DROP_LIMIT;
	a->asked_at = now;
	first = a->spray ? a->to.count : attempt_add_targets(h, a, &offer, &m.guest);
	for (unsigned copy = 0; !a->spray && copy < PUNCH_COPIES; copy++)
		attempt_punch(h, a, fresh ? 0 : first, now);
	if (fresh) {
		a->from = m.guest;
		a->theirs = offer.behaviour;
		a->theirs_v6 = candidates_have_v6(&offer.candidates);
		tell_punching(h, a);
	}
	if (a->measures && now - a->began_at < SPRAY_DELAY)
		a->replies[index].wanted = true;
	else if (!a->replies[index].wanted || a->replies[index].acked || a->measures)
		answer_start(h, a, index, now);
	attempt_rearm(h, a);
	return VERDICT_CONSUMED;
}

void attempt_acked(struct host *h, struct lease *lease, const uint8_t *buf, size_t len)
{
	struct attempt *a = attempt_find(h, message_id(buf));
	struct attempt_reply *reply;
	uint8_t sequence;

	if (a == NULL || a->resting || !code_decode(&sequence, buf, len) ||
		sequence != a->sequence)
		return;
	reply = &a->replies[lease - h->leases];
	reply->acked = true;
	retry_stop(&reply->retry);
	attempt_rearm(h, a);
}

void attempt_expire(struct host *h, struct attempt *a, uint64_t now)
{
	if (a->resting) {
		attempt_free(h, a);
		return;
	}
	if (now - a->asked_at >= ATTEMPT_LIFE) {
		attempt_rest(h, a);
		return;
	}
	if (a->punch.next_at <= now) {
		if (!a->spray)
			attempt_punch(h, a, 0, now);
		retry_sent(&a->punch, now);
		if (now - a->punch.began_at >= RETRY_EAGER)
			retry_stop(&a->punch);
	}
	for (size_t i = 0; i < h->config.server_count; i++)
		if (a->replies[i].retry.next_at <= now)
			answer_send(h, a, i, now);
	attempt_rearm(h, a);
}
