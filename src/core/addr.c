/* SPDX-License-Identifier: MIT */
#include "core/addr.h"

#include <arpa/inet.h>
#include <string.h>

#define IP_TEXT_MAX 46 /* the longest IPv6 address, with its final NUL */

/* Padding would make byte comparison depend on garbage. */
_Static_assert(sizeof(struct addr) == 24, "struct addr has padding");

struct addr addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
	return (struct addr){.family = ADDR_V4, .port = port, .ip = {a, b, c, d}};
}

/* Reads one to five digits, up to the end of the text. */
static bool parse_port(uint16_t *port, const char *text)
{
	uint32_t value = 0;
	size_t digits = 0;

	for (; text[digits]; digits++) {
		if (digits == 5 || text[digits] < '0' || text[digits] > '9')
			return false;
		value = value * 10 + (uint32_t)(text[digits] - '0');
	}
	if (digits == 0 || value > UINT16_MAX)
		return false;
	*port = (uint16_t)value;
	return true;
}

/* Reads the len characters of text as an address of that family. */
static bool parse_ip(struct addr *a, uint8_t family, const char *text, size_t len)
{
	char ip[IP_TEXT_MAX];

	if (len >= sizeof(ip))
		return false;
	memcpy(ip, text, len);
	ip[len] = '\0';
	a->family = family;
	return inet_pton(family == ADDR_V4 ? AF_INET : AF_INET6, ip, a->ip) == 1;
}

bool addr_parse(struct addr *a, const char *text, uint16_t default_port)
{
	struct addr parsed = {.port = default_port};
	const char *colon = strchr(text, ':');
	const char *rest; /* what follows the address */
	bool ok;

	if (text[0] == '[') {
		rest = strchr(text, ']');
		ok = rest &&
		     parse_ip(&parsed, ADDR_V6, text + 1, (size_t)(rest - text) - 1);
		rest = rest ? rest + 1 : text;
	} else if (colon && strchr(colon + 1, ':')) { /* two colons: IPv6 without port */
		rest = text + strlen(text);
		ok = parse_ip(&parsed, ADDR_V6, text, (size_t)(rest - text));
	} else {
		rest = colon ? colon : text + strlen(text);
		ok = parse_ip(&parsed, ADDR_V4, text, (size_t)(rest - text));
	}
	if (!ok || (*rest && (*rest != ':' || !parse_port(&parsed.port, rest + 1))))
		return false;
	*a = parsed;
	return true;
}

/* Writes ":port" and the final NUL. */
static void format_port(char *text, uint16_t port)
{
	char digits[5];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + port % 10);
		port = (uint16_t)(port / 10);
	} while (port);
	*text++ = ':';
	while (n)
		*text++ = digits[--n];
	*text = '\0';
}

const char *addr_format(char *text, const struct addr *a)
{
	char *at = text;

	if (a->family == ADDR_V4) {
		inet_ntop(AF_INET, a->ip, at, IP_TEXT_MAX);
		at += strlen(at);
	} else if (a->family == ADDR_V6) {
		*at++ = '[';
		inet_ntop(AF_INET6, a->ip, at, IP_TEXT_MAX);
		at += strlen(at);
		*at++ = ']';
	} else {
		memcpy(text, "-", 2);
		return text;
	}
	format_port(at, a->port);
	return text;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool addr_is_among(const struct addr *a, const struct addr *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (addr_equal(&list[i], a))
			return true;
	return false;
}

bool addr_same_ip(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool addr_is_unspecified(const struct addr *a)
{
	static const uint8_t zeros[sizeof(a->ip)];

	return memcmp(a->ip, zeros, sizeof(zeros)) == 0;
}

bool addr_is_loopback(const struct addr *a)
{
	static const uint8_t one[sizeof(a->ip)] = {[15] = 1};

	if (a->family == ADDR_V4)
		return a->ip[0] == 127;
	return a->family == ADDR_V6 && memcmp(a->ip, one, sizeof(one)) == 0;
}

bool addr_is_link_local(const struct addr *a)
{
	if (a->family == ADDR_V4)
		return a->ip[0] == 169 && a->ip[1] == 254;
	return a->family == ADDR_V6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

bool addr_is_private(const struct addr *a)
{
	if (addr_is_link_local(a))
		return true;
	if (a->family == ADDR_V6)
		return (a->ip[0] & 0xfe) == 0xfc;
	if (a->family != ADDR_V4)
		return false;
	return a->ip[0] == 10 || (a->ip[0] == 172 && (a->ip[1] & 0xf0) == 16) ||
	       (a->ip[0] == 192 && a->ip[1] == 168) ||
	       (a->ip[0] == 100 && (a->ip[1] & 0xc0) == 64);
}

bool addr_is_multicast(const struct addr *a)
{
	if (a->family == ADDR_V4)
		return (a->ip[0] & 0xf0) == 224;
	return a->family == ADDR_V6 && a->ip[0] == 0xff;
}

bool addr_is_v4_mapped(const struct addr *a)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return a->family == ADDR_V6 && memcmp(a->ip, prefix, sizeof(prefix)) == 0;
}

bool addr_is_sendable(const struct addr *a)
{
	if (a->port == 0 || addr_is_unspecified(a) || addr_is_loopback(a) ||
		addr_is_link_local(a) || addr_is_multicast(a))
		return false;
	if (a->family == ADDR_V4) /* 240/4 has the broadcast address in it */
		return a->ip[0] != 0 && a->ip[0] < 240;
	return a->family == ADDR_V6 && !addr_is_v4_mapped(a);
}

/* Returns how many bits an address of that family has. */
static unsigned family_bits(uint8_t family)
{
	return family == ADDR_V4 ? 32 : family == ADDR_V6 ? 128 : 0;
}

bool addr_same_prefix(const struct addr *a, const struct addr *b, unsigned bits)
{
	unsigned whole, rest;

	if (a->family != b->family || family_bits(a->family) == 0)
		return false;
	if (bits > family_bits(a->family))
		bits = family_bits(a->family);
	whole = bits / 8;
	rest = bits % 8;
	if (memcmp(a->ip, b->ip, whole) != 0)
		return false;
	return rest == 0 || (a->ip[whole] ^ b->ip[whole]) >> (8 - rest) == 0;
}

struct addr addr_network(const struct addr *a)
{
	struct addr network = {.family = a->family, .scope = a->scope};
	size_t whole = a->family == ADDR_V4 ? 3 : a->family == ADDR_V6 ? 7 : 0;

	memcpy(network.ip, a->ip, whole);
	return network;
}
