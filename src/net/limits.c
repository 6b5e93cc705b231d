/* SPDX-License-Identifier: MIT */
#include "net/system.h"

#include <sys/resource.h>

size_t descriptors_raise(void)
{
	struct rlimit limit;
	rlim_t old;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	old = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	if (limit.rlim_cur != old && setrlimit(RLIMIT_NOFILE, &limit))
		limit.rlim_cur = old; /* macOS refuses "unlimited" */
	return limit.rlim_cur == RLIM_INFINITY ? SIZE_MAX : (size_t)limit.rlim_cur;
}
