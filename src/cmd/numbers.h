/* SPDX-License-Identifier: MIT */
/* Which guest has which of the numbers that the file of --guests can give, in this run: no
 * two may have one, or the target could not tell them apart. */
#ifndef EYELET_CMD_NUMBERS_H
#define EYELET_CMD_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#define NUMBERS_MAX 65534 /* 127.64.255.254 */

struct numbers {
	uint8_t (*owners)[32]; /* identities by number, all zeros for none; or NULL */
};

/* Gives the number to the guest. Returns false if another has it, or memory ran out; true
 * for all numbers above NUMBERS_MAX. */
bool numbers_claim(struct numbers *n, const uint8_t identity[32], uint32_t number);

/* Returns the guest's number, or 0. */
uint32_t numbers_of(const struct numbers *n, const uint8_t identity[32]);

void numbers_free(struct numbers *n);

#endif
