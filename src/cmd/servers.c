/* SPDX-License-Identifier: MIT */
#include "cmd/servers.h"

#include <stdio.h>
#include <string.h>

#include "cmd/endpoint.h"
#include "cmd/log.h"
#include "cmd/probe.h"
#include "core/rendezvous.h"
#include "net/system.h"

/* Takes the first text off *list, without a comma; NULL at the end. */
static const char *take_text(char *text, const char **list)
{
	size_t len = strcspn(*list, ",");

	if (**list == '\0')
		return NULL;
	snprintf(text, TICKET_SERVERS_MAX + 1, "%.*s", (int)len, *list);
	*list += len;
	if (**list == ',')
		(*list)++;
	return text;
}

const char *servers_add(struct servers *s, const char *list)
{
	char text[TICKET_SERVERS_MAX + 1];
	const char *why;

	if (*list == '\0')
		return "it is empty";
	while (take_text(text, &list) != NULL) {
		size_t len = strlen(s->text);

		why = endpoint_check_rendezvous(text);
		if (why != NULL)
			return why;
		if (len + 1 + strlen(text) > TICKET_SERVERS_MAX)
			return "all of them are too long for a ticket";
		if (len > 0)
			s->text[len++] = ',';
		memcpy(s->text + len, text, strlen(text) + 1);
	}
	return NULL;
}

/* Takes addresses of the families there are. Returns NULL or what is wrong. */
static const char *take_addresses(struct servers *s, const char *text, uint8_t name_of)
{
	struct addr found[SERVERS_PER_NAME];
	const char *why = NULL;
	size_t count = resolve(text, RENDEZVOUS_PORT, found, SERVERS_PER_NAME, &why);
	size_t before = s->count;

	if (count == 0)
		return why != NULL ? why : "the name has no address";
	for (size_t i = 0; i < count && s->count < SERVERS_MAX; i++) {
		if (found[i].port == 0 || addr_is_unspecified(&found[i]) ||
			addr_is_multicast(&found[i]))
			return "no rendezvous can be there";
		if (!probe_family(found[i].family))
			continue;
		s->name_of[s->count] = name_of;
		s->addrs[s->count++] = found[i];
	}
	if (s->count == before && before < SERVERS_MAX)
		return "this machine has no socket of its address family";
	return NULL;
}

bool servers_resolve(struct servers *s)
{
	char text[TICKET_SERVERS_MAX + 1];
	const char *list = s->text;

	for (const char *start = list; take_text(text, &list) != NULL; start = list) {
		const char *why = take_addresses(s, text, (uint8_t)(start - s->text));

		if (why != NULL)
			log_error("cannot resolve the rendezvous %s: %s", text, why);
	}
	return s->count > 0;
}

static uint16_t tls_port(const struct servers *s, size_t i)
{
	char text[TICKET_SERVERS_MAX + 1];
	const char *list = s->text + s->name_of[i];

	return resolve_tls_port(take_text(text, &list) != NULL ? text : "");
}

size_t servers_dial(const struct servers *s, bool tls, struct addr *addrs)
{
	uint16_t ports[SERVERS_MAX];

	for (size_t i = 0; i < s->count; i++)
		ports[i] = tls_port(s, i);
	memcpy(addrs, s->addrs, s->count * sizeof(*addrs));
	return resolve_streams(addrs, s->count, tls ? ports : NULL);
}

size_t servers_index(const struct servers *s, const struct addr *addr)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct addr *server = &s->addrs[i];

		if (addr_same_ip(server, addr) &&
			addr->port == (addr->transport == ADDR_TLS ? tls_port(s, i)
								   : server->port))
			return i;
	}
	return SERVERS_MAX;
}

const char *servers_transport(const struct addr *addr)
{
	switch (addr->transport) {
	case ADDR_TCP: return ", by TCP";
	case ADDR_TLS: return ", by TLS";
	default: return "";
	}
}

const char *servers_short_name(
	char *text, const struct servers *s, const struct addr *addr)
{
	size_t i = servers_index(s, addr);
	const char *list;

	if (i == SERVERS_MAX)
		return addr_format(text, addr);
	list = s->text + s->name_of[i];
	return take_text(text, &list);
}

const char *servers_host(char *text, const struct servers *s, const struct addr *addr)
{
	char host[RESOLVE_HOST_MAX];
	uint16_t port;

	servers_short_name(text, s, addr);
	if (resolve_split(text, host, &port) == NULL)
		memcpy(text, host, strlen(host) + 1);
	return text;
}

const char *servers_name(char *text, const struct servers *s, const struct addr *addr)
{
	char number[ADDR_TEXT_MAX];
	struct addr parsed;

	servers_short_name(text, s, addr);
	if (resolve_numeric(&parsed, text, RENDEZVOUS_PORT) &&
		addr_same_ip(&parsed, addr)) {
		addr_format(text, addr);
		return text;
	}
	sprintf(text + strlen(text), " (%s)", addr_format(number, addr));
	return text;
}
