/* SPDX-License-Identifier: MIT */
/* Messages between guest and host: punch, hello, welcome, busy, refuse. */
#include "core/message.h"
#include "core/message_parts.h"

#include <string.h>

/* Bytes before the first MAC. */
#define HELLO_MACED (MESSAGE_HEADER_SIZE + HELLO_NOISE_SIZE)

static size_t bare_encode(uint8_t *out, enum message_type type,
	const uint8_t attempt[ID_SIZE], const uint8_t mac_key[CRYPTO_KEY_SIZE])
{
	struct writer w = message_write(out, PUNCH_SIZE, type, attempt);
	uint8_t mac[CRYPTO_MAC_SIZE];

	crypto_mac(mac, mac_key, out, MESSAGE_HEADER_SIZE);
	write_bytes(&w, mac, PUNCH_SIZE - MESSAGE_HEADER_SIZE);
	return writer_len(&w);
}

size_t punch_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const uint8_t mac_key[CRYPTO_KEY_SIZE])
{
	return bare_encode(out, MESSAGE_PUNCH, attempt, mac_key);
}

size_t knock_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const uint8_t mac_key[CRYPTO_KEY_SIZE])
{
	return bare_encode(out, MESSAGE_KNOCK, attempt, mac_key);
}

bool punch_verify(const uint8_t *buf, size_t len, const uint8_t mac_key[CRYPTO_KEY_SIZE])
{
	uint8_t mac[CRYPTO_MAC_SIZE];

	if (len != PUNCH_SIZE)
		return false;
	crypto_mac(mac, mac_key, buf, MESSAGE_HEADER_SIZE);
	return crypto_equal(
		mac, buf + MESSAGE_HEADER_SIZE, PUNCH_SIZE - MESSAGE_HEADER_SIZE);
}

/* The second MAC: under the cookie, over all before it. */
static void cookie_mac(uint8_t mac[CRYPTO_MAC_SIZE], const uint8_t *hello,
	const uint8_t cookie[COOKIE_SIZE])
{
	const struct crypto_slice part = {hello, HELLO_MACED + CRYPTO_MAC_SIZE};
	uint8_t full[CRYPTO_HASH_SIZE];

	crypto_hmac(full, cookie, COOKIE_SIZE, &part, 1);
	memcpy(mac, full, CRYPTO_MAC_SIZE);
}

size_t hello_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const uint8_t noise[HELLO_NOISE_SIZE], const uint8_t mac_key[CRYPTO_KEY_SIZE],
	const uint8_t *cookie)
{
	struct writer w = message_write(out, HELLO_SIZE, MESSAGE_HELLO, attempt);
	uint8_t mac[CRYPTO_MAC_SIZE];

	write_bytes(&w, noise, HELLO_NOISE_SIZE);
	crypto_mac(mac, mac_key, out, HELLO_MACED);
	write_bytes(&w, mac, sizeof(mac));
	memset(mac, 0, sizeof(mac));
	if (cookie != NULL)
		cookie_mac(mac, out, cookie);
	write_bytes(&w, mac, sizeof(mac));
	return writer_len(&w);
}

const uint8_t *hello_decode(
	const uint8_t *buf, size_t len, const uint8_t mac_key[CRYPTO_KEY_SIZE])
{
	uint8_t mac[CRYPTO_MAC_SIZE];

	if (len != HELLO_SIZE)
		return NULL;
	crypto_mac(mac, mac_key, buf, HELLO_MACED);
	return crypto_equal(mac, buf + HELLO_MACED, sizeof(mac))
		       ? buf + MESSAGE_HEADER_SIZE
		       : NULL;
}

bool hello_has_cookie(const uint8_t *buf, const uint8_t cookie[COOKIE_SIZE])
{
	uint8_t mac[CRYPTO_MAC_SIZE];

	cookie_mac(mac, buf, cookie);
	return crypto_equal(mac, buf + HELLO_MACED + CRYPTO_MAC_SIZE, sizeof(mac));
}

/* Appends a MAC over all that is written. */
static size_t finish_mac(struct writer *w, const uint8_t mac_key[CRYPTO_KEY_SIZE])
{
	uint8_t mac[CRYPTO_MAC_SIZE];

	crypto_mac(mac, mac_key, w->start, writer_len(w));
	write_bytes(w, mac, sizeof(mac));
	return writer_len(w);
}

static bool last_mac_verify(
	const uint8_t *buf, size_t len, const uint8_t mac_key[CRYPTO_KEY_SIZE])
{
	uint8_t mac[CRYPTO_MAC_SIZE];

	crypto_mac(mac, mac_key, buf, len - CRYPTO_MAC_SIZE);
	return crypto_equal(mac, buf + len - CRYPTO_MAC_SIZE, CRYPTO_MAC_SIZE);
}

size_t welcome_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const uint8_t noise[WELCOME_NOISE_SIZE], const uint8_t mac_key[CRYPTO_KEY_SIZE])
{
	struct writer w = message_write(out, WELCOME_SIZE, MESSAGE_WELCOME, attempt);

	write_bytes(&w, noise, WELCOME_NOISE_SIZE);
	return finish_mac(&w, mac_key);
}

const uint8_t *welcome_decode(
	const uint8_t *buf, size_t len, const uint8_t mac_key[CRYPTO_KEY_SIZE])
{
	if (len != WELCOME_SIZE || !last_mac_verify(buf, len, mac_key))
		return NULL;
	return buf + MESSAGE_HEADER_SIZE;
}

size_t busy_encode(uint8_t *out, const uint8_t attempt[ID_SIZE],
	const uint8_t cookie[COOKIE_SIZE], const uint8_t mac_key[CRYPTO_KEY_SIZE])
{
	struct writer w = message_write(out, BUSY_SIZE, MESSAGE_BUSY, attempt);

	write_bytes(&w, cookie, COOKIE_SIZE);
	return finish_mac(&w, mac_key);
}

bool busy_decode(uint8_t cookie[COOKIE_SIZE], const uint8_t *buf, size_t len,
	const uint8_t mac_key[CRYPTO_KEY_SIZE])
{
	if (len != BUSY_SIZE || !last_mac_verify(buf, len, mac_key))
		return false;
	memcpy(cookie, buf + MESSAGE_HEADER_SIZE, COOKIE_SIZE);
	return true;
}

size_t refuse_encode(uint8_t *out, const uint8_t attempt[ID_SIZE], uint8_t code,
	const uint8_t mac_key[CRYPTO_KEY_SIZE])
{
	struct writer w = message_write(out, REFUSE_SIZE, MESSAGE_REFUSE, attempt);

	write_u8(&w, code);
	return finish_mac(&w, mac_key);
}

bool refuse_decode(uint8_t *code, const uint8_t *buf, size_t len,
	const uint8_t mac_key[CRYPTO_KEY_SIZE])
{
	if (len != REFUSE_SIZE || !last_mac_verify(buf, len, mac_key))
		return false;
	*code = buf[MESSAGE_HEADER_SIZE];
	return true;
}
