/* SPDX-License-Identifier: MIT */
/* Has the router forward UDP ports to this machine: asks in PCP (RFC 6887), then in NAT-PMP
 * (RFC 6886), renews, notices a router that lost its state, removes what it made. Shaped as
 * host.h says; IPv4 only, since what filters IPv6 maps nothing. */
#ifndef EYELET_CORE_PORTMAP_H
#define EYELET_CORE_PORTMAP_H

#include "core/path.h"
#include "core/verdict.h"

struct portmap;

#define PORTMAP_PORTS_MAX 2

/* name, text */
#define PORTMAP_EVENT_MAP(X)                                                               \
	/* external is forwarded to port, in place of what was before; protocol */         \
	X(MAPPED, "port-mapped")                                                           \
	/* external is not forwarded any more; why */                                      \
	X(LOST, "port-mapping-lost")                                                       \
	/* nothing is, and is asked for again later by itself; why */                      \
	X(FAILED, "port-mapping-failed")                                                   \
	/* the router's own address, external, is private: another NAT stands before it, \
	 * so a port there is of no use, and none is held; why */ \
	X(NESTED, "port-mapping-nested")

enum portmap_event_type {
#define X(name, text) PORTMAP_##name,
	PORTMAP_EVENT_MAP(X)
#undef X
		PORTMAP_EVENT_COUNT
};
const char *portmap_event_name(enum portmap_event_type type);

struct portmap_event {
	enum portmap_event_type type;
	uint16_t port;        /* internal */
	struct addr external; /* family ADDR_NONE if there is none */
	const char *protocol; /* "PCP", "NAT-PMP" or "UPnP"; static text */
	const char *why;      /* static text; NULL with MAPPED alone */
};

struct portmap_config {
	struct entropy entropy;
	uint16_t ports[PORTMAP_PORTS_MAX]; /* internal, UDP */
	size_t port_count;
};

/* Returns NULL if memory ran out. Nothing happens before a gateway is told. */
struct portmap *portmap_new(const struct portmap_config *config);
void portmap_free(struct portmap *p);

/* The IPv4 router's address (its port does not matter) and our own towards it; NULL: there
 * is no router. Told again when the network may have changed: then it asks at once, or looks
 * whether the router has kept its state. */
void portmap_set_gateway(struct portmap *p, const struct addr *gateway,
	const struct addr *own, uint64_t now);

/* Takes one datagram that came from path->remote. */
enum verdict portmap_input(struct portmap *p, const struct path *path, const uint8_t *buf,
	size_t len, uint64_t now);

/* The router says by ICMP that nobody listens there. */
void portmap_refused(struct portmap *p, uint64_t now);

/* Only path.remote is set in *d. */
bool portmap_output(struct portmap *p, struct datagram *d, uint64_t now);
void portmap_expire(struct portmap *p, uint64_t now);
uint64_t portmap_next_timeout(const struct portmap *p);
bool portmap_next_event(struct portmap *p, struct portmap_event *event);

/* Removes the mappings: output gives what is to be sent, and nothing comes after it. */
void portmap_shutdown(struct portmap *p, uint64_t now);

/* True for an address that a router may have towards the internet: neither private nor
 * one that nothing can be sent to. */
bool portmap_is_global(const struct addr *external);

#endif
