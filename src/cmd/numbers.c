/* SPDX-License-Identifier: MIT */
#include "cmd/numbers.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t nobody[32];

bool numbers_claim(struct numbers *n, const uint8_t identity[32], uint32_t number)
{
	uint8_t *owner;

	if (number > NUMBERS_MAX)
		return true;
	if (n->owners == NULL)
		n->owners = calloc(NUMBERS_MAX + 1, sizeof(*n->owners));
	if (n->owners == NULL)
		return false;
	owner = n->owners[number];
	if (memcmp(owner, nobody, sizeof(nobody)) == 0)
		memcpy(owner, identity, sizeof(*n->owners));
	return memcmp(owner, identity, sizeof(*n->owners)) == 0;
}

uint32_t numbers_of(const struct numbers *n, const uint8_t identity[32])
{
	for (uint32_t number = 1; n->owners != NULL && number <= NUMBERS_MAX; number++)
		if (memcmp(n->owners[number], identity, sizeof(*n->owners)) == 0)
			return number;
	return 0;
}

void numbers_free(struct numbers *n)
{
	free(n->owners);
	n->owners = NULL;
}
