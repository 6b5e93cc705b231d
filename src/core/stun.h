/* SPDX-License-Identifier: MIT */
/* STUN Binding (RFC 8489): what a client asks and what a server answers, without state. */
#ifndef EYELET_CORE_STUN_H
#define EYELET_CORE_STUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"

#define STUN_ID_SIZE      12
#define STUN_REQUEST_SIZE 20
#define STUN_RESPONSE_MAX 44 /* header and one XOR-MAPPED-ADDRESS of IPv6 */

/* True if the datagram is well-formed STUN: first two bits 0, magic cookie, a length that
 * is the datagram's and a multiple of 4 (RFC 8489, section 5), attributes that fill it. */
bool stun_is_message(const uint8_t *buf, size_t len);

/* Writes a Binding request without attributes: STUN_REQUEST_SIZE bytes. */
size_t stun_write_request(uint8_t *out, const uint8_t id[STUN_ID_SIZE]);

/* If it is a Binding request, gives its id and returns true; with a comprehension-required
 * attribute this server does not know, returns false. */
bool stun_read_request(const uint8_t *buf, size_t len, uint8_t id[STUN_ID_SIZE]);

/* Writes a Binding success response with XOR-MAPPED-ADDRESS only: at most
 * STUN_RESPONSE_MAX bytes. */
size_t stun_write_response(
	uint8_t *out, const uint8_t id[STUN_ID_SIZE], const struct addr *mapped);

/* If it is a Binding success response, gives id and the mapped address (XOR-MAPPED-ADDRESS,
 * else RFC 3489's MAPPED-ADDRESS) and returns true. A FINGERPRINT, where present, must be
 * right; the same goes for stun_read_request. */
bool stun_read_response(
	const uint8_t *buf, size_t len, uint8_t id[STUN_ID_SIZE], struct addr *mapped);

#endif
