/* SPDX-License-Identifier: MIT */
/* How many there are of each kind: sessions by network, handshakes by identity. What nobody
 * has takes no memory. */
#ifndef EYELET_CORE_CENSUS_H
#define EYELET_CORE_CENSUS_H

#include <stdbool.h>
#include <stdint.h>

#define CENSUS_KEY_SIZE 32

struct census_entry;

struct census {
	struct census_entry *entries;
	uint8_t hash_key[16];
};

void census_init(struct census *c, const uint8_t hash_key[16]);
void census_fini(struct census *c);

/* How many entered under that key and have not left. */
uint32_t census_count(const struct census *c, const uint8_t key[CENSUS_KEY_SIZE]);

/* One more. Returns false, with nothing changed, if memory ran out. */
bool census_enter(struct census *c, const uint8_t key[CENSUS_KEY_SIZE]);

/* One less; there must be one. */
void census_leave(struct census *c, const uint8_t key[CENSUS_KEY_SIZE]);

#endif
