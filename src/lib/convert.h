/* SPDX-License-Identifier: MIT */
/* Between the public structs and the core's: small values are copied as they lie, since both
 * have one layout, which is asserted here; payloads are never copied. */
#ifndef EYELET_LIB_CONVERT_H
#define EYELET_LIB_CONVERT_H

#include <string.h>

#include "core/event.h"
#include "core/flow.h"
#include "core/path.h"
#include "core/secrets.h"
#include "core/verdict.h"
#include "eyelet.h"

#define SAME_FIELD(ours, core, field)                                                    \
	_Static_assert(offsetof(struct ours, field) == offsetof(struct core, field) &&   \
			       sizeof(((struct ours *)0)->field) ==                      \
				       sizeof(((struct core *)0)->field),                \
		#ours " and " #core " differ in " #field)
#define SAME_SIZE(ours, core)                                                            \
	_Static_assert(                                                                  \
		sizeof(struct ours) == sizeof(struct core), #ours " has another size")

SAME_FIELD(eyelet_addr, addr, family);
SAME_FIELD(eyelet_addr, addr, port);
SAME_FIELD(eyelet_addr, addr, scope);
SAME_FIELD(eyelet_addr, addr, ip);
SAME_SIZE(eyelet_addr, addr);
SAME_FIELD(eyelet_path, path, socket);
SAME_FIELD(eyelet_path, path, ifindex);
SAME_FIELD(eyelet_path, path, local);
SAME_FIELD(eyelet_path, path, remote);
SAME_FIELD(eyelet_path, path, channel);
SAME_SIZE(eyelet_path, path);
SAME_SIZE(eyelet_service, service);
_Static_assert(EYELET_ADDR_V4 == ADDR_V4 && EYELET_ADDR_V6 == ADDR_V6, "families differ");
_Static_assert(EYELET_DATAGRAM_MAX == DATAGRAM_MAX, "datagrams differ");
_Static_assert(EYELET_NEVER == NEVER && EYELET_SECOND == SECOND, "times differ");

static inline struct addr addr_in(const struct eyelet_addr *from)
{
	struct addr to;

	memcpy(&to, from, sizeof(to));
	return to;
}

static inline struct eyelet_addr addr_out(const struct addr *from)
{
	struct eyelet_addr to;

	memcpy(&to, from, sizeof(to));
	return to;
}

static inline void addrs_in(struct addr *to, const struct eyelet_addr *from, size_t count)
{
	if (count > 0)
		memcpy(to, from, count * sizeof(*to));
}

static inline struct path path_in(const struct eyelet_path *from)
{
	struct path to;

	memcpy(&to, from, sizeof(to));
	return to;
}

static inline struct eyelet_path path_out(const struct path *from)
{
	struct eyelet_path to;

	memcpy(&to, from, sizeof(to));
	return to;
}

static inline struct entropy entropy_in(const struct eyelet_entropy *from)
{
	return (struct entropy){.fill = from->fill, .arg = from->arg};
}

/* The opaque public type is the core's own. */
static inline struct flow *flow_in(struct eyelet_flow *flow)
{
	return (struct flow *)(void *)flow;
}

static inline struct eyelet_flow *flow_out(struct flow *flow)
{
	return (struct eyelet_flow *)(void *)flow;
}

static inline struct eyelet_delivery delivery_out(const struct delivery *from)
{
	return (struct eyelet_delivery){flow_out(from->flow), from->payload, from->len};
}

void datagram_out(struct eyelet_datagram *to, const struct datagram *from);
void event_out(struct eyelet_event *to, const struct event *from);
enum eyelet_verdict verdict_out(enum verdict verdict);
void verdicts_out(uint64_t to[EYELET_VERDICTS_MAX], const struct verdict_counts *from);

/* True if the ticket's list of servers ends, and is one that eyelet_ticket_decode takes. */
bool ticket_servers_valid(const char servers[EYELET_SERVERS_MAX]);

/* Derives what the core's guest takes; *c is to be wiped. */
void ticket_credentials(struct credentials *c, const struct eyelet_ticket *ticket);

/* Copies the bytes; *to is to be wiped. */
static inline void service_in(struct service *to, const struct eyelet_service *from)
{
	memcpy(to, from, sizeof(*to));
}

#endif
