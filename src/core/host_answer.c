/* SPDX-License-Identifier: MIT */
/* What an attempt answers to its introductions: where this host is. */
#include <string.h>

#include "core/host_parts.h"

static void offer_own(struct host *h, struct candidates *own)
{
	/* First, lest many rendezvous and a mapping for each leave no room for it. */
	for (unsigned i = 0; i < HOST_SOCKETS_MAX; i++)
		candidates_add(own, &h->sockets[i].mapped, CANDIDATE_MAPPED);
	for (size_t i = 0; i < h->config.server_count; i++)
		if (h->leases[i].state == LEASE_HELD)
			candidates_add(own, &h->leases[i].observed, CANDIDATE_OBSERVED);
	candidates_add(own, &h->spoilt, CANDIDATE_OBSERVED);
	if (h->spoilt.family == ADDR_V4)
		step_predict(own, &h->spoilt, h->behaviour.delta, PREDICTIONS);
	for (unsigned i = 0; i < 2; i++)
		candidates_add(own, &h->config.publics[i], CANDIDATE_PUBLIC);
	for (size_t i = 0; !h->config.no_local_candidates && i < h->local_count; i++) {
		struct addr local = h->locals[i];
		unsigned family = family_index(&local);

		if (!h->has_default[family])
			continue;
		local.port = h->sockets[h->defaults[family]].bound.port;
		candidates_add(own, &local, CANDIDATE_LOCAL);
	}
}

void answer_seal(struct host *h, struct attempt *a)
{
	struct host_offer offer = {.behaviour = host_behaviour(h)};

	offer.behaviour.spray = a->spray;

	memcpy(offer.host_static, h->host_static_public, CRYPTO_KEY_SIZE);
	offer_own(h, &offer.candidates);
	a->payload_len = host_offer_seal(a->payload, &offer, &h->service, &h->credentials,
		a->id, a->sequence, &h->config.entropy);
}

void answer_send(struct host *h, struct attempt *a, size_t i, uint64_t now)
{
	const struct lease *lease = &h->leases[i];
	const struct path path = {.socket = lease->socket, .remote = lease->server};
	struct answer_message m = {.sequence = a->sequence,
		.payload = a->payload,
		.payload_len = a->payload_len};
	struct datagram *d;

	retry_sent(&a->replies[i].retry, now);
	if (lease->state != LEASE_HELD)
		return;
	memcpy(m.service, h->credentials.service, sizeof(m.service));
	memcpy(m.instance, h->service.instance, INSTANCE_SIZE);
	d = outbox_add(&h->outbox, &path, 0);
	d->len = (uint16_t)answer_encode(d->data, a->id, &m, lease->token);
}

void answer_start(struct host *h, struct attempt *a, size_t i, uint64_t now)
{
	a->replies[i].wanted = true;
	a->replies[i].acked = false;
	retry_start(&a->replies[i].retry, now);
	answer_send(h, a, i, now);
}

/* Sets the attempt's timer to what comes first. */
void attempts_measured(struct host *h)
{
	struct attempt *a, *next;

	HASH_ITER (hh, h->attempts, a, next)
		a->measures = false;
}

void attempts_answer_again(struct host *h, uint64_t now)
{
	struct attempt *a, *next;

	HASH_ITER (hh, h->attempts, a, next) {
		if (a->resting || a->connection != NULL ||
			now - a->began_at > RETRY_EAGER || a->sequence == ANSWERS_MAX)
			continue;
		a->sequence++;
		answer_seal(h, a);
		for (size_t i = 0; i < h->config.server_count; i++)
			if (a->replies[i].wanted)
				answer_start(h, a, i, now);
		attempt_rearm(h, a);
	}
}
