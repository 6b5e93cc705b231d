/* SPDX-License-Identifier: MIT */
/* The Port Control Protocol (RFC 6887), a client's part: MAP for UDP, ANNOUNCE, and what a
 * server's epoch tells. */
#ifndef EYELET_CORE_PCP_H
#define EYELET_CORE_PCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"

#define PCP_VERSION       2
#define PCP_SERVER_PORT   5351 /* where routers listen: NAT-PMP too */
#define PCP_CLIENT_PORT   5350 /* where they announce themselves, at 224.0.0.1 */
#define PCP_SIZE_MAX      1100
#define PCP_NONCE_SIZE    12
#define PCP_ANNOUNCE_SIZE 24
#define PCP_MAP_SIZE      60

enum pcp_opcode { PCP_ANNOUNCE = 0, PCP_MAP = 1 };

/* Section 7.4: name, value, what a person is told. */
#define PCP_RESULT_MAP(X)                                                                \
	X(SUCCESS, 0, "success")                                                         \
	X(UNSUPP_VERSION, 1, "it speaks another version of PCP")                         \
	X(NOT_AUTHORIZED, 2, "it does not allow it")                                     \
	X(MALFORMED_REQUEST, 3, "it does not understand the request")                    \
	X(UNSUPP_OPCODE, 4, "it maps no ports")                                          \
	X(UNSUPP_OPTION, 5, "it does not know an option")                                \
	X(MALFORMED_OPTION, 6, "it does not understand an option")                       \
	X(NETWORK_FAILURE, 7, "its own connection is down")                              \
	X(NO_RESOURCES, 8, "it has no room for more mappings")                           \
	X(UNSUPP_PROTOCOL, 9, "it maps no UDP")                                          \
	X(USER_EX_QUOTA, 10, "this machine has as many mappings as it may")              \
	X(CANNOT_PROVIDE_EXTERNAL, 11, "it cannot give that port")                       \
	X(ADDRESS_MISMATCH, 12, "another NAT stands before it")                          \
	X(EXCESSIVE_REMOTE_PEERS, 13, "it cannot filter by so many peers")

enum pcp_result {
#define X(name, value, text) PCP_##name = value,
	PCP_RESULT_MAP(X)
#undef X
};
const char *pcp_result_text(uint8_t code);

/* A MAP request or response (sections 11.1 and 11.2), for UDP. */
struct pcp_map {
	uint8_t nonce[PCP_NONCE_SIZE];
	uint16_t internal_port;
	struct addr external; /* suggested or assigned; port 0: any. IPv4 or IPv6 */
	uint32_t lifetime; /* s; of a request 0: delete; of an error: how long it lasts */
};

struct pcp_response {
	uint8_t version; /* all else is meaningful with PCP_VERSION only */
	uint8_t opcode;
	uint8_t result;     /* enum pcp_result, or a later one */
	uint32_t epoch;     /* s since the server's state began */
	struct pcp_map map; /* lifetime always, the rest with PCP_MAP only */
};

/* Each writes a request of client, the own address as the server sees it (its port is of no
 * matter), and returns its length. */
size_t pcp_announce_encode(uint8_t out[PCP_ANNOUNCE_SIZE], const struct addr *client);
size_t pcp_map_encode(
	uint8_t out[PCP_MAP_SIZE], const struct addr *client, const struct pcp_map *map);

/* Reads a response (section 8.3): false for what is none, or none to UDP's MAP or ANNOUNCE.
 * A response of another version is read as far as that version. */
bool pcp_response_decode(struct pcp_response *r, const uint8_t *buf, size_t len);

/* What was last heard of a server's clock. All zeros: nothing. */
struct pcp_epoch {
	bool known;
	uint32_t server;   /* s */
	uint64_t heard_at; /* ns */
};

/* Takes what a response says (section 8.5); returns false if the server has lost its state
 * since the one before. */
bool pcp_epoch_check(struct pcp_epoch *e, uint32_t server, uint64_t now);

#endif
