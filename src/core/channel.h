/* SPDX-License-Identifier: MIT */
/* How a datagram tells that it goes over a relay. It begins with four bytes, the same on both
 * sides of the relay, so it is passed on as it came:
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   |1 1 1|                   number of the channel                 |
 */
#ifndef EYELET_CORE_CHANNEL_H
#define EYELET_CORE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/path.h"

#define CHANNEL_SIZE 4
#define CHANNEL_MAX  UINT32_C(0x1fffffff)

/* True if the first three bits say that a datagram came over a channel. */
bool channel_is(const uint8_t *buf, size_t len);
/* The number of the channel that it came over; 0 is none. */
uint32_t channel_decode(const uint8_t *buf);
void channel_encode(uint8_t out[CHANNEL_SIZE], uint32_t channel);

/* Takes the channel off a datagram that came over one; *relayed is then path with it. Returns
 * false, with nothing changed, if it did not. */
bool channel_strip(
	struct path *relayed, const struct path *path, uint8_t **buf, size_t *len);

#endif
