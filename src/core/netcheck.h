/* SPDX-License-Identifier: MIT */
/* Finds out how a network treats UDP (core/network.h), by questions to rendezvous of ours or
 * to RFC 5780 servers. Shaped as host.h says: what it wants sent comes by netcheck_output,
 * sockets it wants by EVENT_SOCKET_WANTED. It ends by itself; netcheck_done tells. */
#ifndef EYELET_CORE_NETCHECK_H
#define EYELET_CORE_NETCHECK_H

#include "core/event.h"
#include "core/network.h"
#include "core/path.h"
#include "core/verdict.h"

struct netcheck;

#define NETCHECK_SERVERS_MAX  8
#define NETCHECK_LOCALS_MAX   16
#define NETCHECK_SOCKETS_MAX  32
#define NETCHECK_HOPS         5
#define NETCHECK_LIFETIME_MAX 300 /* seconds of silence that are tried at most */

enum netcheck_protocol { NETCHECK_RENDEZVOUS, NETCHECK_STUN };

struct netcheck_server {
	struct addr addr;
	enum netcheck_protocol protocol;
};

struct netcheck_config {
	struct entropy entropy;
	struct netcheck_server servers[NETCHECK_SERVERS_MAX]; /* of both families */
	size_t server_count;
	struct addr locals[NETCHECK_LOCALS_MAX]; /* own addresses, ports ignored */
	size_t local_count;
	bool lifetime; /* measure that too, which takes as long as it says */
};

struct netcheck *netcheck_new(const struct netcheck_config *config, uint64_t now);
void netcheck_free(struct netcheck *n);

/* A socket that was wanted is open. One that cannot be had is not told of. */
void netcheck_add_socket(
	struct netcheck *n, uint32_t number, const struct addr *bound, uint64_t now);

enum verdict netcheck_input(struct netcheck *n, const struct path *path,
	const uint8_t *buf, size_t len, uint64_t now);
void netcheck_icmp(struct netcheck *n, const struct path *path,
	const struct addr *offender, uint8_t type, uint8_t code, const uint8_t *quoted,
	size_t quoted_len, uint64_t now);
bool netcheck_output(struct netcheck *n, struct datagram *d, uint64_t now);
void netcheck_expire(struct netcheck *n, uint64_t now);
uint64_t netcheck_next_timeout(const struct netcheck *n);
bool netcheck_next_event(struct netcheck *n, struct event *event);

/* name, text: what is being found out, in this order. */
#define NETCHECK_STEP_MAP(X)                                                             \
	X(REACH, "servers")                                                              \
	X(MAPPING, "mapping")                                                            \
	X(PORTS, "ports")                                                                \
	X(BEHAVIOUR, "filtering, hairpin, path MTU, hops")                               \
	X(POISON, "poison")                                                              \
	X(LIFETIME, "lifetime")                                                          \
	X(DONE, "done")

enum netcheck_step {
#define X(name, text) NETCHECK_##name,
	NETCHECK_STEP_MAP(X)
#undef X
		NETCHECK_STEP_COUNT
};

enum netcheck_step netcheck_step(const struct netcheck *n);
const char *netcheck_step_name(enum netcheck_step step);
bool netcheck_done(const struct netcheck *n);

/* What was seen so far; whole once it is done. */
struct netcheck_result {
	bool heard;             /* any server answered: UDP is not blocked */
	struct network network; /* of IPv4, or of IPv6 where only that one is heard */
	struct netcheck_server server; /* that most was asked of */
	uint64_t rtt;                  /* ns, to it */
	struct addr local, mapped;     /* of the first socket, there */
	bool other_port;    /* the server answers from another port if asked to */
	bool other_address; /* or address: all can be told */
	struct addr hops[NETCHECK_HOPS]; /* routers by TTL - 1, those that told */
	struct addr mapped6;  /* family ADDR_NONE: no server was heard over IPv6 */
	bool translated6;     /* it is not the machine's own */
	bool asked6;          /* there was an IPv6 server to ask */
	uint32_t answered[2]; /* servers heard, of IPv4 and IPv6, */
	uint32_t asked[2];    /* of so many */
};
void netcheck_get_result(const struct netcheck *n, struct netcheck_result *result);

#endif
