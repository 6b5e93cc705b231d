/* SPDX-License-Identifier: MIT */
/* What all messages share: header, names, and the MAC that stands behind the header. */
#include "core/message.h"
#include "core/message_parts.h"

#include <string.h>

const char *message_name(uint8_t type)
{
	switch (type) {
#define X(name, value, text)                                                             \
	case value: return text;
		MESSAGE_MAP(X)
#undef X
	default: return "unknown";
	}
}

const char *refusal_text(uint8_t code)
{
	switch (code) {
#define X(name, value, text)                                                             \
	case value: return text;
		REFUSAL_MAP(X)
#undef X
	default: return "it gave no reason that this version knows";
	}
}

bool message_is(const uint8_t *buf, size_t len)
{
	return len >= MESSAGE_HEADER_SIZE && buf[0] >> 6 == 2;
}

bool message_is_for_rendezvous(const uint8_t *buf, size_t len)
{
	if (!message_is(buf, len))
		return false;
	switch (message_type(buf)) {
	case MESSAGE_COOKIE_ASK:
	case MESSAGE_REGISTER:
	case MESSAGE_REFRESH:
	case MESSAGE_ASK:
	case MESSAGE_ANSWER:
	case MESSAGE_UNREGISTER: return true;
	default: return false;
	}
}

struct writer message_write(
	uint8_t *out, size_t cap, enum message_type type, const uint8_t id[ID_SIZE])
{
	struct writer w = writer_over(out, cap);

	write_u8(&w, (uint8_t)(0x80 | type));
	write_u8(&w, WIRE_VERSION);
	write_bytes(&w, id, ID_SIZE);
	return w;
}

struct reader message_read(const uint8_t *buf, size_t len)
{
	struct reader r = reader_over(buf, len);

	read_view(&r, MESSAGE_HEADER_SIZE);
	return r;
}

/* The MAC covers the header and all behind the MAC. */
static void mac_compute(uint8_t mac[CRYPTO_MAC_SIZE], const uint8_t *buf, size_t len,
	const uint8_t token[TOKEN_SIZE])
{
	const size_t rest = MESSAGE_HEADER_SIZE + CRYPTO_MAC_SIZE;
	const struct crypto_slice parts[] = {
		{buf, MESSAGE_HEADER_SIZE}, {buf + rest, len - rest}};
	uint8_t full[CRYPTO_HASH_SIZE];

	crypto_hmac(full, token, TOKEN_SIZE, parts, 2);
	memcpy(mac, full, CRYPTO_MAC_SIZE);
}

size_t message_seal_mac(const struct writer *w, const uint8_t token[TOKEN_SIZE])
{
	size_t len = writer_len(w);

	mac_compute(w->start + MESSAGE_HEADER_SIZE, w->start, len, token);
	return len;
}

bool message_mac_verify(const uint8_t *buf, size_t len, const uint8_t token[TOKEN_SIZE])
{
	uint8_t mac[CRYPTO_MAC_SIZE];

	if (len < MESSAGE_HEADER_SIZE + CRYPTO_MAC_SIZE)
		return false;
	mac_compute(mac, buf, len, token);
	return crypto_equal(mac, buf + MESSAGE_HEADER_SIZE, CRYPTO_MAC_SIZE);
}

size_t code_encode(
	uint8_t *out, enum message_type type, const uint8_t id[ID_SIZE], uint8_t code)
{
	struct writer w = message_write(out, CODE_SIZE, type, id);

	write_u8(&w, code);
	return writer_len(&w);
}

bool code_decode(uint8_t *code, const uint8_t *buf, size_t len)
{
	struct reader r = message_read(buf, len);

	*code = read_u8(&r);
	return r.ok;
}

size_t version_encode(uint8_t *out, const uint8_t id[ID_SIZE])
{
	struct writer w = message_write(out, MESSAGE_HEADER_SIZE, MESSAGE_VERSION, id);

	return writer_len(&w);
}
