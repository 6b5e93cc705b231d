/* SPDX-License-Identifier: MIT */
/* What a ping carries for the place it goes to, made by the book: PROTOCOL.md, section 8.4. */
#ifndef EYELET_TEST_UNIT_TOKEN_H
#define EYELET_TEST_UNIT_TOKEN_H

#include <string.h>

#include "core/crypto.h"
#include "core/path.h"

/* Its first 8 bytes are the token. */
static inline void token_mac(uint8_t mac[CRYPTO_MAC_SIZE],
	const uint8_t key[CRYPTO_KEY_SIZE], const struct path *path)
{
	uint8_t place[sizeof(path->remote) + 8];

	memcpy(place, &path->remote, sizeof(path->remote));
	memcpy(place + sizeof(path->remote), &path->channel, 4);
	memcpy(place + sizeof(path->remote) + 4, &path->socket, 4);
	crypto_mac(mac, key, place, sizeof(place));
}

#endif
