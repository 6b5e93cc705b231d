/* SPDX-License-Identifier: MIT */
#include "net/sockaddr.h"

#include <string.h>

socklen_t sockaddr_encode(union sockaddr_any *to, const struct addr *a)
{
	memset(to, 0, sizeof(*to));
	if (a->family == ADDR_V4) {
		to->v4.sin_family = AF_INET;
		to->v4.sin_port = htons(a->port);
		memcpy(&to->v4.sin_addr, a->ip, sizeof(to->v4.sin_addr));
		return sizeof(to->v4);
	}
	to->v6.sin6_family = AF_INET6;
	to->v6.sin6_port = htons(a->port);
	to->v6.sin6_scope_id = a->scope;
	memcpy(&to->v6.sin6_addr, a->ip, sizeof(to->v6.sin6_addr));
	return sizeof(to->v6);
}

struct addr sockaddr_decode_v4(const struct in_addr *ip)
{
	struct addr a = {.family = ADDR_V4};

	memcpy(a.ip, ip, sizeof(*ip));
	return a;
}

struct addr sockaddr_decode_v6(const struct in6_addr *ip, uint32_t scope)
{
	struct addr a = {.family = ADDR_V6};

	memcpy(a.ip, ip, sizeof(*ip));
	if (addr_is_link_local(&a))
		a.scope = scope;
	return a;
}

struct addr sockaddr_decode(const struct sockaddr *from)
{
	struct addr a = {.family = ADDR_NONE};
	union sockaddr_any any;

	if (from->sa_family == AF_INET) {
		memcpy(&any.v4, from, sizeof(any.v4));
		a = sockaddr_decode_v4(&any.v4.sin_addr);
		a.port = ntohs(any.v4.sin_port);
	} else if (from->sa_family == AF_INET6) {
		memcpy(&any.v6, from, sizeof(any.v6));
		a = sockaddr_decode_v6(&any.v6.sin6_addr, any.v6.sin6_scope_id);
		a.port = ntohs(any.v6.sin6_port);
	}
	return a;
}
