/* SPDX-License-Identifier: MIT */
#include "net/system.h"

#include <netdb.h>
#include <stdbool.h>
#include <string.h>

#include "net/sockaddr.h"
#include "net/tls.h"

/* Reads a decimal number from 0 to 65535 that fills the text up to end. */
static bool read_port(uint16_t *port, const char *text, const char *end)
{
	unsigned value = 0;

	if (text == end)
		return false;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (unsigned)(*text - '0');
		if (value > UINT16_MAX)
			return false;
	}
	*port = (uint16_t)value;
	return true;
}

/* An IPv6 address has more colons than two, or two that are neighbours. */
const char *resolve_tls_part(const char *text)
{
	const char *start = *text == '[' ? strchr(text, ']') : text;
	const char *first = start ? strchr(start, ':') : NULL;
	const char *second = first ? strchr(first + 1, ':') : NULL;

	if (!second || second == first + 1 || strchr(second + 1, ':'))
		return NULL;
	return second;
}

uint16_t resolve_tls_port(const char *text)
{
	const char *part = resolve_tls_part(text);
	uint16_t port;

	return part && read_port(&port, part + 1, part + strlen(part)) ? port : TLS_PORT;
}

const char *resolve_split(const char *text, char *host, uint16_t *port)
{
	const char *tls = resolve_tls_part(text), *text_end = text + strlen(text);
	bool bracketed = *text == '[';
	const char *start = text + bracketed, *end, *colon;
	uint16_t tls_port;

	end = start + strcspn(start, bracketed ? "]" : ":");
	if (bracketed && *end != ']')
		return "a bracket is not closed";
	if (!bracketed && !tls && *end == ':' && strchr(end + 1, ':'))
		end += strlen(end);
	colon = end + bracketed;
	if (*colon == ':' && !read_port(port, colon + 1, tls ? tls : text_end))
		return "the port is no number up to 65535";
	if (tls && !read_port(&tls_port, tls + 1, text_end))
		return "the port of TLS is no number up to 65535";
	if (*colon != ':' && *colon != '\0')
		return "after the bracket comes no port";
	if (end == start)
		return "it has no host name";
	if ((size_t)(end - start) >= RESOLVE_HOST_MAX)
		return "the host name is too long";
	memcpy(host, start, (size_t)(end - start));
	host[end - start] = '\0';
	return NULL;
}

static const char *lookup_error(int code)
{
	switch (code) {
	case EAI_AGAIN: return "no name server answers";
	case EAI_FAIL: return "the name server refuses to answer";
	case EAI_MEMORY: return "out of memory";
#if defined(EAI_NODATA) && EAI_NODATA != EAI_NONAME
	case EAI_NODATA:
#endif
	case EAI_NONAME: return "no such host name, or it has no address";
	default: return "the host name does not resolve";
	}
}

static bool is_listed(const struct addr *addrs, size_t count, const struct addr *a)
{
	for (size_t i = 0; i < count; i++) {
		if (addr_equal(&addrs[i], a))
			return true;
	}
	return false;
}

static size_t collect(
	const struct addrinfo *found, uint16_t port, struct addr *addrs, size_t max)
{
	size_t count = 0;

	for (; found && count < max; found = found->ai_next) {
		struct addr a = sockaddr_decode(found->ai_addr);

		a.port = port;
		if (a.family != ADDR_NONE && !addr_is_v4_mapped(&a) &&
			!is_listed(addrs, count, &a))
			addrs[count++] = a;
	}
	return count;
}

bool resolve_numeric(struct addr *addr, const char *text, uint16_t default_port)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_NUMERICHOST};
	struct addrinfo *found = NULL;
	char host[RESOLVE_HOST_MAX];
	uint16_t port = default_port;
	bool is_one;

	if (addr_parse(addr, text, default_port))
		return true;
	if (resolve_split(text, host, &port) || getaddrinfo(host, NULL, &hints, &found))
		return false;
	is_one = collect(found, port, addr, 1) == 1;
	freeaddrinfo(found);
	return is_one;
}

size_t resolve(const char *text, uint16_t default_port, struct addr *addrs, size_t max,
	const char **why)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
	struct addrinfo *found = NULL;
	uint16_t port = default_port;
	char host[RESOLVE_HOST_MAX];
	size_t count;
	int error;

	*why = NULL;
	if (max > 0 && addr_parse(&addrs[0], text, default_port))
		return 1;
	*why = resolve_split(text, host, &port);
	if (*why)
		return 0;
	error = getaddrinfo(host, NULL, &hints, &found);
	if (error) {
		*why = lookup_error(error);
		return 0;
	}
	count = collect(found, port, addrs, max);
	freeaddrinfo(found);
	if (count == 0)
		*why = lookup_error(EAI_NONAME);
	return count;
}

size_t resolve_streams(struct addr *addrs, size_t count, const uint16_t *tls_ports)
{
	for (size_t i = 0; i < count; i++) {
		addrs[count + i] = addrs[i];
		addrs[count + i].transport = ADDR_TCP;
		if (!tls_ports)
			continue;
		addrs[2 * count + i] = addrs[i];
		addrs[2 * count + i].transport = ADDR_TLS;
		addrs[2 * count + i].port = tls_ports[i];
	}
	return (tls_ports ? 3 : 2) * count;
}
