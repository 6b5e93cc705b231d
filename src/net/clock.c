/* SPDX-License-Identifier: MIT */
#include "net/system.h"

#include <time.h>

static uint64_t to_ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * SECOND + (uint64_t)t->tv_nsec;
}

uint64_t clock_now(void)
{
	struct timespec now = {0};

#if defined(CLOCK_BOOTTIME)
	if (clock_gettime(CLOCK_BOOTTIME, &now))
#endif
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return to_ns(&now);
}

uint64_t clock_awake(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return to_ns(&now);
}

bool clock_is_fine(void)
{
	struct timespec step;

	return clock_getres(CLOCK_MONOTONIC, &step) == 0 && to_ns(&step) <= 1000;
}

void clock_sleep(uint64_t span)
{
	struct timespec t = {(time_t)(span / SECOND), (long)(span % SECOND)};

	if (span > 0)
		(void)nanosleep(&t, NULL);
}
