/* SPDX-License-Identifier: MIT */
#include "core/ticket.h"

#include <string.h>

#define PREFIX     "eyelet:"
#define PREFIX_LEN 7
#define CODED      64 /* characters for 48 bytes */

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static char *base64_encode(char *text, const uint8_t *bytes, size_t len)
{
	uint32_t bits = 0;
	unsigned held = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | bytes[i];
		for (held += 8; held >= 6; held -= 6)
			*text++ = alphabet[bits >> (held - 6) & 63];
	}
	if (held > 0)
		*text++ = alphabet[bits << (6 - held) & 63];
	*text = '\0';
	return text;
}

/* Decodes exactly len bytes; unused bits of the last character must be zero. */
static bool base64_decode(uint8_t *bytes, size_t len, const char *text, size_t text_len)
{
	uint32_t bits = 0;
	unsigned held = 0;
	size_t out = 0;

	for (size_t i = 0; i < text_len; i++) {
		const char *at = text[i] != '\0' ? strchr(alphabet, text[i]) : NULL;

		if (at == NULL)
			return false;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		held += 6;
		if (held >= 8) {
			if (out == len)
				return false;
			held -= 8;
			bytes[out++] = (uint8_t)(bits >> held);
		}
	}
	return out == len && (bits & ((1u << held) - 1)) == 0;
}

void ticket_encode(char *text, const struct ticket *ticket)
{
	uint8_t bytes[CRYPTO_KEY_SIZE + SECRET_SIZE];

	memcpy(bytes, ticket->service, CRYPTO_KEY_SIZE);
	memcpy(bytes + CRYPTO_KEY_SIZE, ticket->secret, SECRET_SIZE);
	memcpy(text, PREFIX, PREFIX_LEN);
	text = base64_encode(text + PREFIX_LEN, bytes, sizeof(bytes));
	*text++ = '@';
	memcpy(text, ticket->servers, strlen(ticket->servers) + 1);
	crypto_wipe(bytes, sizeof(bytes));
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool servers_valid(const char *text, size_t len)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789.-_:[],%";

	if (len == 0 || text[0] == ',' || text[len - 1] == ',')
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0' || strchr(allowed, text[i]) == NULL ||
			(text[i] == ',' && text[i - 1] == ','))
			return false;
	return true;
}

const char *ticket_decode(struct ticket *ticket, const char *text)
{
	uint8_t bytes[CRYPTO_KEY_SIZE + SECRET_SIZE];
	size_t len;

	while (is_space(*text))
		text++;
	len = strlen(text);
	while (len > 0 && is_space(text[len - 1]))
		len--;
	if (len < PREFIX_LEN || memcmp(text, PREFIX, PREFIX_LEN) != 0)
		return "it does not start with \"" PREFIX "\"";
	text += PREFIX_LEN;
	len -= PREFIX_LEN;
	if (len < CODED || !base64_decode(bytes, sizeof(bytes), text, CODED))
		return "its 64 characters after \"" PREFIX "\" are damaged or cut short";
	if (len == CODED || text[CODED] != '@')
		return "the rendezvous after \"@\" is missing";
	text += CODED + 1;
	len -= CODED + 1;
	if (len > TICKET_SERVERS_MAX || !servers_valid(text, len))
		return "the rendezvous after \"@\" is not a list of names or addresses";
	memcpy(ticket->service, bytes, CRYPTO_KEY_SIZE);
	memcpy(ticket->secret, bytes + CRYPTO_KEY_SIZE, SECRET_SIZE);
	memcpy(ticket->servers, text, len);
	ticket->servers[len] = '\0';
	crypto_wipe(bytes, sizeof(bytes));
	return NULL;
}

void service_name_encode(char *text, const uint8_t service[CRYPTO_KEY_SIZE])
{
	base64_encode(text, service, CRYPTO_KEY_SIZE);
}

bool service_name_decode(uint8_t service[CRYPTO_KEY_SIZE], const char *text)
{
	return base64_decode(service, CRYPTO_KEY_SIZE, text, strlen(text));
}
