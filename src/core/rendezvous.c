/* SPDX-License-Identifier: MIT */
/* Nothing is remembered of a sender until a cookie, computed from its address under a key
 * that turns over every minute, has come back from it. A registration or a first ask then
 * costs one signature; what it buys is a token, computed from address, service and instance
 * under a key of this run, whose MAC pays for all that follows. */
#include "core/rendezvous.h"

#include <stdlib.h>
#include <string.h>

#include "core/rendezvous_parts.h"
#include "core/stun.h"

void rendezvous_config_init(struct rendezvous_config *config)
{
	*config = (struct rendezvous_config){.stun = true,
		.services_max = 1000000,
		.attempts_max = 16384,
		.attempt_rate = 200,
		.attempt_burst = 1000,
		.stun_rate = 20,
		.relay = {16384, 1250000, 125000000}};
}

size_t rendezvous_memory(const struct rendezvous_config *config)
{
	return (size_t)config->services_max * REGISTRY_SERVICE_SIZE;
}

void rendezvous_fill(struct rendezvous *r, uint8_t *bytes, size_t len)
{
	r->config.entropy.fill(r->config.entropy.arg, bytes, len);
}

static void init_limits(struct rendezvous *r, uint64_t now)
{
	uint8_t key[16];

	rendezvous_fill(r, key, sizeof(key));
	bucket_field_init(
		&r->attempts, r->config.attempt_rate, r->config.attempt_burst, key, now);
	bucket_field_init(&r->signatures, SIGNATURE_RATE, SIGNATURE_BURST, key, now);
	bucket_field_init(&r->stun, r->config.stun_rate, r->config.stun_rate, key, now);
	bucket_init(
		&r->stun_all, 50 * r->config.stun_rate, 50 * r->config.stun_rate, now);
}

struct rendezvous *rendezvous_new(const struct rendezvous_config *config, uint64_t now)
{
	struct rendezvous *r = calloc(1, sizeof(*r));
	uint8_t key[16];

	if (r == NULL)
		return NULL;
	r->config = *config;
	rendezvous_fill(r, key, sizeof(key));
	registry_init(&r->registry, key, config->services_max, config->attempts_max);
	rendezvous_fill(r, r->cookie_key, sizeof(r->cookie_key));
	rendezvous_fill(r, r->token_key, sizeof(r->token_key));
	init_limits(r, now);
	relay_init(
		&r->relay, &config->relay, &config->entropy, r->registry.hash_key, now);
	if (outbox_init(&r->outbox, OUTBOX_SIZE))
		return r;
	rendezvous_free(r);
	return NULL;
}

void rendezvous_free(struct rendezvous *r)
{
	if (r == NULL)
		return;
	rendezvous_forget_allowed(r);
	registry_fini(&r->registry);
	relay_fini(&r->relay);
	outbox_fini(&r->outbox);
	crypto_wipe(r->cookie_key, sizeof(r->cookie_key));
	crypto_wipe(r->token_key, sizeof(r->token_key));
	free(r);
}

void rendezvous_add_socket(
	struct rendezvous *r, uint32_t number, const struct addr *bound)
{
	if (r->socket_count < RENDEZVOUS_SOCKETS_MAX)
		r->sockets[r->socket_count++] =
			(struct rendezvous_socket){number, *bound};
}

void rendezvous_set_mapped(struct rendezvous *r, const struct addr *mapped)
{
	r->mapped = mapped != NULL ? *mapped : (struct addr){0};
}

bool rendezvous_allow(struct rendezvous *r, const uint8_t service[32])
{
	struct allowed_service *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return false;
	memcpy(a->name, service, sizeof(a->name));
	TABLE_ADD(r->allowed, r->registry.hash_key, name, sizeof(a->name), a);
	if (TABLE_HOLDS(a))
		return true;
	free(a);
	return false;
}

void rendezvous_forget_allowed(struct rendezvous *r)
{
	struct allowed_service *a, *next;

	HASH_ITER (hh, r->allowed, a, next) {
		HASH_DEL(r->allowed, a);
		free(a);
	}
}

struct datagram *rendezvous_reply(struct rendezvous *r, const struct path *path)
{
	return outbox_add(&r->outbox, path, 0);
}

enum verdict rendezvous_refuse(struct rendezvous *r, const struct path *path,
	const uint8_t id[ID_SIZE], enum refusal code)
{
	struct datagram *d = rendezvous_reply(r, path);

	d->len = (uint16_t)code_encode(d->data, MESSAGE_ERROR, id, (uint8_t)code);
	r->counts.refusals++;
	return code == REFUSAL_STALE_COOKIE ? VERDICT_DROP_STALE : VERDICT_CONSUMED;
}

static enum verdict input_cookie_ask(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct cookie_message m = {.observed = path->remote,
		.alt_base = r->config.alt_base,
		.alt_mask = r->config.alt_mask};
	struct datagram *d;

	if (len < COOKIE_ASK_SIZE)
		return VERDICT_DROP_MALFORMED;
	cookie_make(r, m.cookie, &path->remote, now);
	d = rendezvous_reply(r, path);
	d->len = (uint16_t)cookie_encode(d->data, message_id(buf), &m);
	return VERDICT_CONSUMED;
}

/* The machine. */

static enum verdict input(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct datagram *d;

	if (stun_is_message(buf, len))
		return binding_input(r, path, buf, len, now);
	if (!message_is(buf, len))
		return VERDICT_DROP_MALFORMED;
	if (!message_is_for_rendezvous(buf, len))
		return VERDICT_DROP_UNKNOWN_TYPE;
	if (message_version(buf) != WIRE_VERSION) {
		d = rendezvous_reply(r, path);
		d->len = (uint16_t)version_encode(d->data, message_id(buf));
		return VERDICT_DROP_VERSION;
	}
	switch (message_type(buf)) {
	case MESSAGE_COOKIE_ASK: return input_cookie_ask(r, path, buf, len, now);
	case MESSAGE_REGISTER: return register_input(r, path, buf, len, now);
	case MESSAGE_REFRESH: return refresh_input(r, path, buf, len, now);
	case MESSAGE_UNREGISTER: return unregister_input(r, path, buf, len, now);
	case MESSAGE_ASK: return ask_input(r, path, buf, len, now);
	default: return answer_input(r, path, buf, len, now);
	}
}

enum verdict rendezvous_input(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	return verdict_count(&r->counts.verdicts, input(r, path, buf, len, now));
}

enum verdict rendezvous_relay(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now, struct path *to)
{
	uint64_t crowded = r->relay.crowded;
	enum verdict verdict = relay_pass(&r->relay, path, buf, len, now, to);

	if (r->relay.crowded > crowded)
		rendezvous_note(r, LIMIT_BYTES, &path->remote, now);
	return verdict_count(&r->counts.verdicts, verdict);
}

bool rendezvous_output(struct rendezvous *r, struct datagram *d, uint64_t now)
{
	(void)now;
	return outbox_take(&r->outbox, d);
}

void rendezvous_expire(struct rendezvous *r, uint64_t now)
{
	registry_expire(&r->registry, now);
	relay_expire(&r->relay, now);
}

uint64_t rendezvous_next_timeout(const struct rendezvous *r)
{
	uint64_t registry = registry_next_timeout(&r->registry);
	uint64_t relay = relay_next_timeout(&r->relay);

	return registry < relay ? registry : relay;
}

bool rendezvous_next_event(struct rendezvous *r, struct event *event)
{
	return events_take(&r->events, event);
}

void rendezvous_get_counts(const struct rendezvous *r, struct rendezvous_counts *counts)
{
	*counts = r->counts;
	counts->services = r->registry.services.count;
	counts->hosts = r->registry.hosts.count;
	counts->attempts = HASH_COUNT(r->registry.attempts);
	counts->relayed = r->relay.passed;
	counts->relayed_bytes = r->relay.passed_bytes;
	counts->relay_dropped = r->relay.dropped;
	counts->channels = r->relay.shares.count;
	counts->relay_refused = r->relay.refused;
}
