/* SPDX-License-Identifier: MIT */
/* SipHash-2-4 (Aumasson and Bernstein, 2012): the keyed hash of every table whose keys a
 * stranger may choose. Tables are uthash, with the value computed here. */
#ifndef EYELET_CORE_HASH_H
#define EYELET_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_sip(const uint8_t key[16], const void *bytes, size_t len);

#endif
