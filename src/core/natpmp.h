/* SPDX-License-Identifier: MIT */
/* The NAT Port Mapping Protocol (RFC 6886), a client's part: what came before PCP, on the
 * same port. */
#ifndef EYELET_CORE_NATPMP_H
#define EYELET_CORE_NATPMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"

#define NATPMP_VERSION      0
#define NATPMP_ADDRESS_SIZE 2
#define NATPMP_MAP_SIZE     12

enum natpmp_opcode { NATPMP_ADDRESS = 0, NATPMP_MAP_UDP = 1 };

/* Section 3.5: name, value, what a person is told. */
#define NATPMP_RESULT_MAP(X)                                                             \
	X(SUCCESS, 0, "success")                                                         \
	X(UNSUPP_VERSION, 1, "it speaks another version of NAT-PMP")                     \
	X(NOT_AUTHORIZED, 2, "it does not allow it")                                     \
	X(NETWORK_FAILURE, 3, "its own connection is down")                              \
	X(NO_RESOURCES, 4, "it has no room for more mappings")                           \
	X(UNSUPP_OPCODE, 5, "it maps no ports")

enum natpmp_result {
#define X(name, value, text) NATPMP_##name = value,
	NATPMP_RESULT_MAP(X)
#undef X
};
const char *natpmp_result_text(uint16_t code);

struct natpmp_response {
	uint8_t opcode; /* enum natpmp_opcode */
	uint16_t
		result; /* enum natpmp_result, or a later one: then only epoch is meant */
	uint32_t epoch; /* s since the router's state began */
	struct addr external;   /* NATPMP_ADDRESS: port 0 */
	uint16_t internal_port; /* NATPMP_MAP_UDP, as the next two */
	uint16_t external_port;
	uint32_t lifetime; /* s */
};

/* Asks for the external address (section 3.2); returns the length. */
size_t natpmp_address_encode(uint8_t out[NATPMP_ADDRESS_SIZE]);

/* Asks for a mapping of UDP (section 3.3); lifetime, in s, 0 deletes it (3.4), and the
 * suggested port is then 0. Returns the length. */
size_t natpmp_map_encode(uint8_t out[NATPMP_MAP_SIZE], uint16_t internal_port,
	uint16_t suggested_port, uint32_t lifetime);

/* Reads a response; false for what is none, or none to the two requests. */
bool natpmp_response_decode(struct natpmp_response *r, const uint8_t *buf, size_t len);

/* What was last heard of a router's clock. All zeros: nothing. */
struct natpmp_epoch {
	bool known;
	uint32_t server;   /* s */
	uint64_t heard_at; /* ns */
};

/* Takes what a response says (section 3.6); returns false if the router has lost its state
 * since the one before. */
bool natpmp_epoch_check(struct natpmp_epoch *e, uint32_t server, uint64_t now);

#endif
