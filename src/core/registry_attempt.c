/* SPDX-License-Identifier: MIT */
/* The registry's attempts. */
#include <stdlib.h>
#include <string.h>

#include "core/registry_parts.h"

/* Of the room for attempts, one network has a fifth at most, and one service the half. */
#define ATTEMPTS_FROM_PART 4
#define ATTEMPTS_FEW       64

static void drop_attempt(struct registry *r, struct registered_attempt *a)
{
	for (unsigned i = 0; i < a->answer_count; i++)
		free(a->answers[i].payload);
	timers_clear(&r->timers, &a->timer);
	HASH_DEL(r->attempts, a);
	--*a->tallies[0];
	--*a->tallies[1];
	free(a);
}

void attempts_fini(struct registry *r)
{
	while (r->attempts != NULL)
		drop_attempt(r, r->attempts);
	timers_fini(&r->timers);
}

struct registered_attempt *registry_attempt(
	const struct registry *r, const uint8_t id[ID_SIZE])
{
	struct registered_attempt *a;

	TABLE_FIND(r->attempts, r->hash_key, id, ID_SIZE, a);
	return a;
}

struct registered_attempt *registry_attempt_open(struct registry *r,
	const uint8_t id[ID_SIZE], const uint8_t service[CRYPTO_KEY_SIZE],
	const struct addr *guest, uint64_t now)
{
	struct addr network = addr_network(guest);
	uint32_t *tallies[] = {
		tally_of(&r->attempts_from, &network, sizeof(network)),
		tally_of(&r->attempts_for, service, CRYPTO_KEY_SIZE),
	};
	uint32_t count = HASH_COUNT(r->attempts);
	struct registered_attempt *a;

	if (count >= r->attempts_max ||
		!room_allows(*tallies[0], r->attempts_max, count, ATTEMPTS_FROM_PART,
			ATTEMPTS_FEW) ||
		!room_allows(*tallies[1], r->attempts_max, count, 1, ATTEMPTS_FEW))
		return NULL;
	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return NULL;
	memcpy(a->tallies, tallies, sizeof(tallies));
	memcpy(a->id, id, ID_SIZE);
	memcpy(a->service, service, CRYPTO_KEY_SIZE);
	a->asked_at = now;
	a->timer.owner = a;
	TABLE_ADD(r->attempts, r->hash_key, id, ID_SIZE, a);
	if (!TABLE_HOLDS(a)) {
		free(a);
		return NULL;
	}
	++*a->tallies[0];
	++*a->tallies[1];
	if (!timers_set(&r->timers, &a->timer, now + ATTEMPT_SPAN)) {
		drop_attempt(r, a);
		return NULL;
	}
	return a;
}

static struct kept_answer *answer_of(
	struct registered_attempt *a, const uint8_t instance[INSTANCE_SIZE])
{
	for (unsigned i = 0; i < a->answer_count; i++)
		if (memcmp(a->answers[i].instance, instance, INSTANCE_SIZE) == 0)
			return &a->answers[i];
	if (a->answer_count == ATTEMPT_ANSWERS)
		return NULL;
	memcpy(a->answers[a->answer_count].instance, instance, INSTANCE_SIZE);
	return &a->answers[a->answer_count++];
}

bool registry_keep_answer(struct registered_attempt *a, const struct answer_message *m,
	const struct path *host)
{
	struct kept_answer *kept;
	uint8_t *payload = malloc(m->payload_len + 1);

	if (payload == NULL)
		return false;
	kept = answer_of(a, m->instance);
	if (kept == NULL || (kept->payload != NULL && m->sequence <= kept->sequence)) {
		free(payload);
		return false;
	}
	memcpy(payload, m->payload, m->payload_len);
	free(kept->payload);
	kept->payload = payload;
	kept->payload_len = m->payload_len;
	kept->sequence = m->sequence;
	kept->host = *host;
	return true;
}

void attempts_expire(struct registry *r, uint64_t now)
{
	for (unsigned i = 0; i < REGISTRY_SWEEP; i++) {
		struct timer *timer = timers_pop(&r->timers, now);
		struct registered_attempt *a;

		if (timer == NULL)
			break;
		a = timer->owner;
		if (now - a->asked_at >= ATTEMPT_SPAN)
			drop_attempt(r, a);
		else
			timers_set(&r->timers, &a->timer, a->asked_at + ATTEMPT_SPAN);
	}
}
