/* SPDX-License-Identifier: MIT */
/* Guests' asks, and hosts' answers to them. */
#include <string.h>

#include "core/rendezvous_parts.h"

static struct attempt_guest *guest_of(
	struct registered_attempt *a, const struct path *path)
{
	return &a->guests[attempt_place(&path->remote)];
}

/* Tells one host of the attempt at each address it holds a lease for, as long as the bytes
 * of the ask pay for it. */
static void introduce(struct rendezvous *r, struct registered_service *s,
	struct registered_host *host, const struct registered_attempt *a,
	const struct attempt_guest *guest, const struct ask_message *m, size_t *paid,
	uint64_t now)
{
	const size_t len = INTRODUCE_MAX - PAYLOAD_MAX + m->payload_len;

	for (enum lease_place place = 0; place < LEASE_PLACES; place++) {
		struct lease_path lease;
		struct introduce_message out = {.guest = guest->path.remote,
			.payload = m->payload,
			.payload_len = m->payload_len};
		uint8_t token[TOKEN_SIZE];
		struct datagram *d;

		if (*paid < len ||
			!registry_lease_of(&r->registry, host, place, now, &lease))
			continue;
		*paid -= len;
		token_make(r, token, &lease.path.remote, s->entry.key, host->instance,
			token_turn(lease.renewed_at));
		d = rendezvous_reply(r, &lease.path);
		d->len = (uint16_t)introduce_encode(d->data, a->id, &out, token);
		r->counts.introductions++;
	}
}

static bool has_answered(const struct registered_attempt *a, const uint8_t *instance)
{
	for (unsigned i = 0; i < a->answer_count; i++)
		if (memcmp(a->answers[i].instance, instance, INSTANCE_SIZE) == 0)
			return true;
	return false;
}

/* The relay between that guest and the host that answered: opened with the first answer. */
static uint32_t channel_of(struct rendezvous *r, const struct registered_attempt *a,
	const struct attempt_guest *guest, struct kept_answer *kept, uint64_t now)
{
	uint32_t *channel = &kept->channels[attempt_place(&guest->path.remote)];

	if (!relay_joins(&r->relay, *channel, &guest->path, &kept->host))
		*channel =
			relay_open(&r->relay, &guest->path, &kept->host, a->service, now);
	if (*channel == 0 && r->config.relay.max > 0)
		rendezvous_note(r, LIMIT_CHANNELS, &guest->path.remote, now);
	return *channel;
}

/* Passes a kept answer on, as often as the guest has asked with enough bytes for it. */
static void pass_answer(struct rendezvous *r, const struct registered_attempt *a,
	struct attempt_guest *guest, struct kept_answer *kept, uint64_t now)
{
	struct answered_message m = {.host = kept->host.remote,
		.sequence = kept->sequence,
		.payload = kept->payload,
		.payload_len = kept->payload_len};
	struct datagram *d;
	size_t len = ANSWERED_MAX - PAYLOAD_MAX + kept->payload_len;

	if (guest->credit < len)
		return;
	m.channel = channel_of(r, a, guest, kept, now);
	memcpy(m.instance, kept->instance, INSTANCE_SIZE);
	for (unsigned copy = 0; copy < COPIES && guest->credit >= len; copy++) {
		guest->credit -= len;
		d = rendezvous_reply(r, &guest->path);
		d->len = (uint16_t)answered_encode(d->data, a->id, &m);
		r->counts.answers++;
	}
}

static void send_asked(struct rendezvous *r, const struct registered_attempt *a,
	struct attempt_guest *guest, uint64_t now)
{
	uint8_t token[TOKEN_SIZE];
	struct datagram *d;

	if (guest->credit < ASKED_SIZE)
		return;
	guest->credit -= ASKED_SIZE;
	token_make(r, token, &guest->path.remote, a->service, NULL, token_turn(now));
	d = rendezvous_reply(r, &guest->path);
	d->len = (uint16_t)asked_encode(d->data, a->id, token, &guest->path.remote);
}

static bool ask_token_valid(struct rendezvous *r, const struct path *path,
	const struct ask_message *m, const uint8_t id[ID_SIZE], uint64_t now)
{
	uint8_t token[TOKEN_SIZE];

	for (uint64_t back = 0; back < 2; back++) {
		token_make(r, token, &path->remote, m->service, NULL,
			token_turn(now) - back);
		if (ask_verify_token(m, id, token))
			return true;
	}
	return false;
}

/* What a stranger asks must not tell whether the service is there: all that can be said
 * without knowing it is said first. */
static enum refusal ask_check(struct rendezvous *r, const struct path *path,
	const struct ask_message *m, const uint8_t id[ID_SIZE],
	const struct registered_service *s, uint64_t now)
{
	if (m->proof_kind == PROOF_TOKEN) {
		if (!ask_token_valid(r, path, m, id, now))
			return REFUSAL_STALE_COOKIE;
		return s != NULL ? 0 : REFUSAL_NO_SERVICE;
	}
	if (!bucket_field_take(&r->signatures, &path->remote, 1, now)) {
		rendezvous_note(r, LIMIT_SIGNATURES, &path->remote, now);
		return REFUSAL_BUSY;
	}
	if (s == NULL)
		return REFUSAL_NO_SERVICE;
	r->counts.signatures++;
	return ask_verify(m, id, s->asking) ? 0 : REFUSAL_NO_SERVICE;
}

/* True if the attempt may be asked for from there: one address a place. */
static bool attempt_is_of(struct registered_attempt *a, const struct path *path,
	const struct ask_message *m)
{
	const struct attempt_guest *guest = guest_of(a, path);

	return memcmp(a->service, m->service, sizeof(a->service)) == 0 &&
	       (guest->path.remote.family == ADDR_NONE ||
		       addr_equal(&guest->path.remote, &path->remote));
}

static struct registered_attempt *attempt_of(struct rendezvous *r,
	const struct path *path, const struct ask_message *m, const uint8_t id[ID_SIZE],
	struct registered_service *s, uint64_t now)
{
	struct registered_attempt *a = registry_attempt(&r->registry, id);

	if (a != NULL)
		return attempt_is_of(a, path, m) ? a : NULL;
	if (bucket_field_take(&r->attempts, &path->remote, 1, now) &&
		registry_service_take(
			s, r->config.attempt_rate, r->config.attempt_burst, now))
		a = registry_attempt_open(
			&r->registry, id, m->service, &path->remote, now);
	if (a == NULL)
		rendezvous_note(r, LIMIT_ATTEMPTS, &path->remote, now);
	return a;
}

/* Tells the hosts that have not answered yet, and the others once of each address: in turn,
 * beginning with another one at each ask, and twice where an ask pays for that too. */
static void introduce_all(struct rendezvous *r, struct registered_service *s,
	struct registered_attempt *a, struct attempt_guest *guest,
	const struct ask_message *m, uint64_t now)
{
	struct registered_host *hosts[RENDEZVOUS_HOSTS_MAX];
	unsigned count = registry_hosts(&r->registry, s, hosts);
	unsigned first = a->introduce_turn++;
	size_t paid = ASK_SIZE;

	for (unsigned i = 0; i < COPIES * count; i++) {
		struct registered_host *host = hosts[(first + i) % count];

		if (guest->asks < count || !has_answered(a, host->instance))
			introduce(r, s, host, a, guest, m, &paid, now);
	}
	guest->asks++;
}

enum verdict ask_input(struct rendezvous *r, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now)
{
	const uint8_t *id = message_id(buf);
	struct ask_message m;
	struct registered_service *s;
	struct registered_attempt *a;
	struct attempt_guest *guest;
	enum refusal refusal;

	if (!ask_decode(&m, buf, len))
		return VERDICT_DROP_MALFORMED;
	if (!cookie_valid(r, m.cookie, &path->remote, now))
		return rendezvous_refuse(r, path, id, REFUSAL_STALE_COOKIE);
	if (!dialled_right(r, path, &m.dialled))
		return rendezvous_refuse(r, path, id, REFUSAL_WRONG_ADDRESS);
	s = registry_find(&r->registry, m.service);
	refusal = ask_check(r, path, &m, id, s, now);
	if (refusal != 0)
		return rendezvous_refuse(r, path, id, refusal);
	a = attempt_of(r, path, &m, id, s, now);
	if (a == NULL)
		return rendezvous_refuse(r, path, id, REFUSAL_BUSY);
	r->counts.asks++;
	a->asked_at = now;
	guest = guest_of(a, path);
	guest->path = *path;
	guest->credit = guest->credit < 4 * len ? guest->credit + len : guest->credit;
	introduce_all(r, s, a, guest, &m, now);
	if (a->answer_count > 0)
		pass_answer(r, a, guest, &a->answers[a->answer_turn++ % a->answer_count],
			now);
	else
		send_asked(r, a, guest, now);
	return VERDICT_CONSUMED;
}

/* An instance's answer came in: on with it to wherever the guest asked from. */
static void pass_news(struct rendezvous *r, struct registered_attempt *a,
	const uint8_t instance[INSTANCE_SIZE], uint64_t now)
{
	for (unsigned i = 0; i < a->answer_count; i++) {
		if (memcmp(a->answers[i].instance, instance, INSTANCE_SIZE) != 0)
			continue;
		for (unsigned k = 0; k < ATTEMPT_PLACES; k++)
			if (a->guests[k].path.remote.family != ADDR_NONE)
				pass_answer(r, a, &a->guests[k], &a->answers[i], now);
	}
}

enum verdict answer_input(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct answer_message m;
	struct registered_attempt *a;
	struct datagram *d;

	if (!answer_decode(&m, buf, len))
		return VERDICT_DROP_MALFORMED;
	if (host_of(r, path, buf, len, m.service, m.instance, now) == NULL)
		return VERDICT_DROP_FORGED;
	a = registry_attempt(&r->registry, message_id(buf));
	if (a != NULL && memcmp(a->service, m.service, sizeof(m.service)) != 0)
		return VERDICT_DROP_FORGED;
	if (a != NULL && registry_keep_answer(a, &m, path))
		pass_news(r, a, m.instance, now);
	d = rendezvous_reply(r, path);
	d->len = (uint16_t)code_encode(d->data, MESSAGE_ACK, message_id(buf), m.sequence);
	return VERDICT_CONSUMED;
}
