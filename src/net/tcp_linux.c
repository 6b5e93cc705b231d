/* SPDX-License-Identifier: MIT */
#if defined(__linux__) && !defined(EYELET_PORTABLE)

#include "net/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

void tcp_tune(int fd)
{
	const unsigned patience = TCP_PATIENCE * 1000u; /* ms */
	const int unsent = TCP_UNSENT;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof(patience));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

#endif
