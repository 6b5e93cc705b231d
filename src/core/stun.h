/* SPDX-License-Identifier: MIT */
/* STUN Binding (RFC 8489): what a client asks and what a server answers, without state, with
 * the attributes of NAT behaviour discovery (RFC 5780, section 7). */
#ifndef EYELET_CORE_STUN_H
#define EYELET_CORE_STUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"

#define STUN_ID_SIZE      12
#define STUN_REQUEST_SIZE 20
#define STUN_RESPONSE_V4  32
#define STUN_RESPONSE_MAX 44 /* header and one XOR-MAPPED-ADDRESS of IPv6 */

/* True if the datagram is well-formed STUN: first two bits 0, magic cookie, a length that
 * is the datagram's and a multiple of 4 (RFC 8489, section 5), attributes that fill it. */
bool stun_is_message(const uint8_t *buf, size_t len);

/* Writes a Binding request without attributes: STUN_REQUEST_SIZE bytes. */
size_t stun_write_request(uint8_t *out, const uint8_t id[STUN_ID_SIZE]);

/* If it is a Binding request, gives its id and returns true; with a comprehension-required
 * attribute this server does not know, returns false. */
bool stun_read_request(const uint8_t *buf, size_t len, uint8_t id[STUN_ID_SIZE]);

/* A Binding request and what it asks for beyond a plain answer. */
struct stun_question {
	uint8_t id[STUN_ID_SIZE];
	bool has_change;        /* CHANGE-REQUEST is there: the answer is to come */
	bool change_address;    /* from the server's other address */
	bool change_port;       /* from its other port */
	uint16_t response_port; /* RESPONSE-PORT: of the asker's address, where the answer
				 * is to go; 0 without */
};

/* Writes it, filled up to len bytes (rounded down to a multiple of 4) by attributes that a
 * server passes over; len 0 adds none. */
size_t stun_write_question(uint8_t *out, const struct stun_question *q, size_t len);

/* As stun_read_request, but knows the attributes of struct stun_question. */
bool stun_read_question(const uint8_t *buf, size_t len, struct stun_question *q);

/* Writes a Binding success response with XOR-MAPPED-ADDRESS only: at most
 * STUN_RESPONSE_MAX bytes. */
size_t stun_write_response(
	uint8_t *out, const uint8_t id[STUN_ID_SIZE], const struct addr *mapped);

/* If it is a Binding success response, gives id and the mapped address (XOR-MAPPED-ADDRESS,
 * else RFC 3489's MAPPED-ADDRESS) and returns true. A FINGERPRINT, where present, must be
 * right; the same goes for stun_read_request. */
bool stun_read_response(
	const uint8_t *buf, size_t len, uint8_t id[STUN_ID_SIZE], struct addr *mapped);

/* A Binding success response. */
struct stun_answer {
	uint8_t id[STUN_ID_SIZE];
	struct addr mapped;
	struct addr
		origin; /* RESPONSE-ORIGIN, else SOURCE-ADDRESS; family ADDR_NONE without */
	struct addr
		other; /* OTHER-ADDRESS, else CHANGED-ADDRESS: where the server is, too */
};

/* As stun_read_response, with all of it. */
bool stun_read_answer(const uint8_t *buf, size_t len, struct stun_answer *answer);

#endif
