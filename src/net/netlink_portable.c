/* SPDX-License-Identifier: MIT */
/* No news are to be had: netlink_common.c polls. */
#if !defined(__linux__) || defined(EYELET_PORTABLE)

#include "net/netlink.h"

int netlink_open(void)
{
	return -1;
}

enum netlink_news netlink_read(int fd)
{
	(void)fd;
	return NETLINK_QUIET;
}

#endif
