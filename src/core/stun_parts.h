/* SPDX-License-Identifier: MIT */
/* Numbers of STUN's wire format that reading and writing share. stun.c's and stun_write.c's
 * own. */
#ifndef EYELET_CORE_STUN_PARTS_H
#define EYELET_CORE_STUN_PARTS_H

#include "core/stun.h"

#define STUN_HEADER_SIZE   20
#define STUN_COOKIE        UINT32_C(0x2112a442)
#define STUN_XOR_MASK_SIZE 16 /* cookie and id, which stand side by side */

enum { STUN_TYPE_REQUEST = 0x0001, STUN_TYPE_SUCCESS = 0x0101 };
enum { STUN_FAMILY_V4 = 1, STUN_FAMILY_V6 = 2 };
enum { STUN_CHANGE_PORT = 2, STUN_CHANGE_ADDRESS = 4 }; /* RFC 5780, section 7.2 */

/* RFC 8489, section 18.3, RFC 5780, section 9.1, and what of RFC 3489's was given up. */
enum {
	STUN_ATTR_MAPPED_ADDRESS = 0x0001,
	STUN_ATTR_RESPONSE_ADDRESS = 0x0002,
	STUN_ATTR_CHANGE_REQUEST = 0x0003,
	STUN_ATTR_SOURCE_ADDRESS = 0x0004,
	STUN_ATTR_CHANGED_ADDRESS = 0x0005,
	STUN_ATTR_USERNAME = 0x0006,
	STUN_ATTR_PASSWORD = 0x0007,
	STUN_ATTR_MESSAGE_INTEGRITY = 0x0008,
	STUN_ATTR_ERROR_CODE = 0x0009,
	STUN_ATTR_UNKNOWN_ATTRIBUTES = 0x000a,
	STUN_ATTR_REFLECTED_FROM = 0x000b,
	STUN_ATTR_REALM = 0x0014,
	STUN_ATTR_NONCE = 0x0015,
	STUN_ATTR_MESSAGE_INTEGRITY_SHA256 = 0x001c,
	STUN_ATTR_PASSWORD_ALGORITHM = 0x001d,
	STUN_ATTR_USERHASH = 0x001e,
	STUN_ATTR_XOR_MAPPED_ADDRESS = 0x0020,
	STUN_ATTR_PADDING = 0x0026,
	STUN_ATTR_RESPONSE_PORT = 0x0027,
	STUN_ATTR_SOFTWARE = 0x8022,
	STUN_ATTR_FINGERPRINT = 0x8028,
	STUN_ATTR_RESPONSE_ORIGIN = 0x802b,
	STUN_ATTR_OTHER_ADDRESS = 0x802c,
};

/* Xors an address of ip_len bytes and a port with the cookie and the id. */
static inline void stun_xor_address(
	struct addr *a, size_t ip_len, const uint8_t mask[STUN_XOR_MASK_SIZE])
{
	for (size_t i = 0; i < ip_len; i++)
		a->ip[i] ^= mask[i];
	a->port = (uint16_t)(a->port ^ (mask[0] << 8 | mask[1]));
}

#endif
