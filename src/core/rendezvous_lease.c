/* SPDX-License-Identifier: MIT */
/* Hosts and their leases. */
#include <string.h>

#include "core/rendezvous_parts.h"

bool service_is_allowed(const struct rendezvous *r, const uint8_t service[32])
{
	struct allowed_service *a;

	if (!r->config.private)
		return true;
	TABLE_FIND(r->allowed, r->registry.hash_key, service, CRYPTO_KEY_SIZE, a);
	return a != NULL;
}

static enum refusal register_check(struct rendezvous *r, const struct path *path,
	const struct register_message *m, uint64_t now)
{
	if (!cookie_valid(r, m->cookie, &path->remote, now))
		return REFUSAL_STALE_COOKIE;
	if (!dialled_right(r, path, &m->dialled))
		return REFUSAL_WRONG_ADDRESS;
	if (!service_is_allowed(r, m->service))
		return REFUSAL_NOT_ALLOWED;
	if (!bucket_field_take(&r->signatures, &path->remote, 1, now)) {
		rendezvous_note(r, LIMIT_SIGNATURES, &path->remote, now);
		return REFUSAL_BUSY;
	}
	r->counts.signatures++;
	return register_verify(m) ? 0 : REFUSAL_BAD_SIGNATURE;
}

enum verdict register_input(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct register_message m;
	struct registered_message answer = {
		.lease = RENDEZVOUS_LEASE, .observed = path->remote};
	uint64_t proved_at;
	enum refusal refusal;
	struct datagram *d;

	if (!register_decode(&m, buf, len))
		return VERDICT_DROP_MALFORMED;
	refusal = register_check(r, path, &m, now);
	if (refusal != 0)
		return rendezvous_refuse(r, path, message_id(buf), refusal);
	proved_at = cookie_made_at(m.cookie, now);
	/* Repeated by somebody: the host was there, and has gone on. */
	if (registry_is_newer(
		    &r->registry, m.service, m.instance, &path->remote, proved_at, now))
		return rendezvous_refuse(r, path, message_id(buf), REFUSAL_STALE_COOKIE);
	if (!registry_lease(&r->registry, m.service, m.asking, m.instance, path,
		    proved_at, now)) {
		rendezvous_note(r, LIMIT_SERVICES, &path->remote, now);
		return rendezvous_refuse(r, path, message_id(buf), REFUSAL_FULL);
	}
	r->counts.registrations++;
	token_make(
		r, answer.token, &path->remote, m.service, m.instance, token_turn(now));
	d = rendezvous_reply(r, path);
	d->len = (uint16_t)registered_encode(d->data, message_id(buf), &answer);
	return VERDICT_CONSUMED;
}

struct registered_host *host_of(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, const uint8_t *service, const uint8_t *instance,
	uint64_t now)
{
	struct registered_service *s;
	struct registered_host *host;

	if (!token_of_turns(r, buf, len, &path->remote, service, instance, now))
		return NULL;
	s = registry_find(&r->registry, service);
	host = s != NULL ? registry_host(&r->registry, s, instance) : NULL;
	return host != NULL && registry_holds(&r->registry, host, &path->remote, now)
		       ? host
		       : NULL;
}

enum verdict refresh_input(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct registered_message answer = {
		.lease = RENDEZVOUS_LEASE, .observed = path->remote};
	struct lease_message m;
	struct registered_host *host;
	struct datagram *d;

	if (!lease_decode(&m, buf, len))
		return VERDICT_DROP_MALFORMED;
	host = host_of(r, path, buf, len, m.service, m.instance, now);
	if (host == NULL)
		return rendezvous_refuse(r, path, message_id(buf), REFUSAL_UNKNOWN_LEASE);
	if (!service_is_allowed(r, m.service))
		return rendezvous_refuse(r, path, message_id(buf), REFUSAL_NOT_ALLOWED);
	registry_renew(&r->registry, host, path, now);
	r->counts.refreshes++;
	token_make(
		r, answer.token, &path->remote, m.service, m.instance, token_turn(now));
	d = rendezvous_reply(r, path);
	d->len = (uint16_t)refreshed_encode(d->data, message_id(buf), &answer);
	return VERDICT_CONSUMED;
}

enum verdict unregister_input(struct rendezvous *r, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now)
{
	struct lease_message m;

	if (!lease_decode(&m, buf, len))
		return VERDICT_DROP_MALFORMED;
	if (host_of(r, path, buf, len, m.service, m.instance, now) == NULL)
		return VERDICT_DROP_FORGED;
	registry_drop_host(
		&r->registry, registry_find(&r->registry, m.service), m.instance);
	return VERDICT_CONSUMED;
}
