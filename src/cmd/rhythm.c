/* SPDX-License-Identifier: MIT */
#include "cmd/rhythm.h"

#define LEAST  (5 * SECOND) /* ages below it are those of a network that comes and goes */
#define STEADY 2

static bool is_near(uint64_t age, uint64_t before)
{
	uint64_t apart = age > before ? age - before : before - age;

	return before >= LEAST && apart <= before / 8;
}

bool rhythm_renews(struct rhythm *r, const struct path *path, uint64_t now)
{
	const struct rhythm before = *r;
	bool follows;

	*r = (struct rhythm){.since = now};
	if (path->channel != 0)
		return false;
	r->remote = path->remote;
	follows = before.remote.family != ADDR_NONE &&
		  addr_same_ip(&before.remote, &path->remote);
	r->age = follows ? now - before.since : 0;
	r->steady = follows && is_near(r->age, before.age) ? before.steady + 1 : 0;
	return r->steady >= STEADY;
}

struct rhythm *rhythms_find(struct rhythms *r, uint32_t number)
{
	uint32_t place = number % RHYTHMS_MAX;

	if (r->numbers[place] != number)
		r->of[place] = (struct rhythm){.since = 0};
	r->numbers[place] = number;
	return &r->of[place];
}
