/* SPDX-License-Identifier: MIT */
#include "net/system.h"

#include <time.h>

uint64_t clock_now(void)
{
	struct timespec now = {0};

#if defined(CLOCK_BOOTTIME)
	if (clock_gettime(CLOCK_BOOTTIME, &now))
#endif
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}
