/* SPDX-License-Identifier: MIT */
#if !defined(__linux__) || defined(EYELET_PORTABLE)

#include "net/tcp.h"

void tcp_tune(int fd)
{
	(void)fd; /* whoever is silent for long is noticed by the stream's own clock */
}

#endif
