/* SPDX-License-Identifier: MIT */
#include "core/expiry.h"

static bool is_near(uint64_t a, uint64_t b)
{
	return a < b ? b - a <= EXPIRY_NEAR : a - b <= EXPIRY_NEAR;
}

void expiry_died(struct expiry *e, uint64_t age, uint64_t now)
{
	bool again = age >= EXPIRY_LEAST && age <= EXPIRY_MOST && is_near(age, e->last);

	e->age = 0;
	if (again) {
		e->age = age < e->last ? age : e->last;
		e->known_until = now + EXPIRY_HOLD;
	}
	e->last = age;
}

void expiry_lives(struct expiry *e, uint64_t age)
{
	if (age >= expiry_outlived(e))
		*e = (struct expiry){0};
}

uint64_t expiry_renewal(struct expiry *e, uint64_t now)
{
	uint64_t lead = e->age / 5;

	if (now >= e->known_until)
		e->age = 0;
	if (e->age == 0)
		return NEVER;
	lead = lead < EXPIRY_LEAD_MIN ? EXPIRY_LEAD_MIN : lead;
	return e->age - (lead > EXPIRY_LEAD_MAX ? EXPIRY_LEAD_MAX : lead);
}

uint64_t expiry_outlived(const struct expiry *e)
{
	return e->last == 0 ? NEVER : e->last + 2 * EXPIRY_NEAR;
}
