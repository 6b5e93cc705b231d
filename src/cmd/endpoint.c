/* SPDX-License-Identifier: MIT */
#include "cmd/endpoint.h"

#include <stdio.h>
#include <string.h>

#include "core/ticket.h"
#include "net/system.h"

#define FORMS "it is none of PORT, HOST:PORT and [V6]:PORT"

/* Reads one to five digits up to the end of the text. */
static bool parse_port(uint16_t *port, const char *text)
{
	uint32_t value = 0;
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 5 || text[digits] != '\0')
		return false;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (uint32_t)(text[i] - '0');
	*port = (uint16_t)value;
	return value <= UINT16_MAX;
}

static bool has_port(const char *text)
{
	const char *bracket = strchr(text, ']');

	if (bracket != NULL)
		return bracket[1] == ':';
	return strchr(text, ':') != NULL && strchr(text, ':') == strrchr(text, ':');
}

static void set_loopbacks(struct endpoint *e, uint16_t port)
{
	e->bare = true;
	e->addrs[0] = addr_v4(127, 0, 0, 1, port);
	e->addrs[1] = (struct addr){.family = ADDR_V6, .port = port, .ip = {[15] = 1}};
	e->count = 2;
}

/* What the letters of a name may be; resolving tells the rest. */
static const char *check_name(const char *text, bool port_wanted, const char *forms)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789.-_";
	size_t len = strspn(text, allowed);
	uint16_t port;

	if (len == 0 || (text[len] != ':' && text[len] != '\0'))
		return forms;
	if (text[len] == '\0')
		return port_wanted ? "the port is missing" : NULL;
	if (!parse_port(&port, text + len + 1))
		return "the port is not a number up to 65535";
	return NULL;
}

const char *endpoint_parse(struct endpoint *e, const char *text)
{
	uint16_t port;

	*e = (struct endpoint){.text = text};
	if (text[strspn(text, "0123456789")] == '\0') {
		if (!parse_port(&port, text))
			return "the port is not a number up to 65535";
		set_loopbacks(e, port);
		return NULL;
	}
	if (!addr_parse(&e->addrs[0], text, 0))
		return check_name(text, true, FORMS);
	if (!has_port(text))
		return e->addrs[0].family == ADDR_V6 && text[0] != '['
			       ? "the port is missing (IPv6 is written [V6]:PORT)"
			       : "the port is missing";
	e->count = 1;
	return addr_is_multicast(&e->addrs[0]) ? "it is a multicast address" : NULL;
}

const char *endpoint_resolve(struct endpoint *e)
{
	const char *why = NULL;

	if (e->count == 0)
		e->count = resolve(e->text, 0, e->addrs, ENDPOINT_ADDRS_MAX, &why);
	if (e->count > 0)
		return NULL;
	return why != NULL ? why : "the name has no address";
}

const char *endpoint_check_server(const char *text)
{
	struct addr addr;

	/* A link-local address with its interface is for the resolver. */
	if (addr_parse(&addr, text, 0) || strchr(text, '%') != NULL)
		return NULL;
	return check_name(text, false, "it is neither HOST nor HOST:PORT");
}

const char *endpoint_check_rendezvous(const char *text)
{
	const char *tls = resolve_tls_part(text);
	char plain[TICKET_SERVERS_MAX + 1];
	uint16_t port;

	if (tls == NULL)
		return endpoint_check_server(text);
	if (!parse_port(&port, tls + 1) || port == 0)
		return "the port of TLS is not a number from 1 to 65535";
	if (tls - text > TICKET_SERVERS_MAX)
		return "it is too long";
	snprintf(plain, sizeof(plain), "%.*s", (int)(tls - text), text);
	return endpoint_check_server(plain);
}

bool endpoint_public(struct addr *addr, const char *text, uint16_t default_port)
{
	return addr_parse(addr, text, default_port) && addr->port != 0 &&
	       !addr_is_unspecified(addr) && !addr_is_multicast(addr) &&
	       !addr_is_v4_mapped(addr);
}

bool endpoint_is_open(const struct endpoint *e)
{
	for (size_t i = 0; i < e->count; i++)
		if (!addr_is_loopback(&e->addrs[i]))
			return true;
	return false;
}

const char *endpoint_list(char *text, const struct addr *addrs, size_t count)
{
	char one[ADDR_TEXT_MAX];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < count && len < ENDPOINT_LIST_MAX; i++) {
		const char *before = i == 0 ? "" : i + 1 == count ? " and " : ", ";

		len += (size_t)snprintf(text + len, ENDPOINT_LIST_MAX - len, "%s%s",
			before, addr_format(one, &addrs[i]));
	}
	return text;
}

bool endpoint_reaches(const struct addr *at, const struct addr *to,
	const struct addr *own, size_t own_count)
{
	if (at->port != to->port || at->family != to->family)
		return false;
	if (addr_same_ip(at, to))
		return true;
	if (!addr_is_unspecified(at))
		return addr_is_unspecified(to) && addr_is_loopback(at);
	if (addr_is_loopback(to) || addr_is_unspecified(to))
		return true;
	for (size_t i = 0; i < own_count; i++)
		if (addr_same_ip(&own[i], to))
			return true;
	return false;
}
