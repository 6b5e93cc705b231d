/* SPDX-License-Identifier: MIT */
/* How many there are of each kind: sessions by network, handshakes by identity. What nobody
 * has takes no memory. */
#ifndef EYELET_CORE_CENSUS_H
#define EYELET_CORE_CENSUS_H

#include <stdbool.h>
#include <stdint.h>

#define CENSUS_KEY_SIZE 32

struct census_entry; /* those of one key */

struct census {
	struct census_entry *entries;
	uint8_t hash_key[16];
};

void census_init(struct census *c, const uint8_t hash_key[16]);
void census_fini(struct census *c);

/* How many entered under that key and have not left. */
uint32_t census_count(const struct census *c, const uint8_t key[CENSUS_KEY_SIZE]);

/* How many of them are in. */
uint32_t census_size(const struct census_entry *entry);

/* One more. Returns the entry, which lasts until the last of its key has left; NULL, with
 * nothing changed, if memory ran out. */
struct census_entry *census_enter(struct census *c, const uint8_t key[CENSUS_KEY_SIZE]);

/* How many of them the owner calls active: its own count, 0 at first. */
uint32_t *census_active(struct census_entry *entry);

/* One less; there must be one. */
void census_leave(struct census *c, const uint8_t key[CENSUS_KEY_SIZE]);
void census_leave_entry(struct census *c, struct census_entry *entry);

#endif
