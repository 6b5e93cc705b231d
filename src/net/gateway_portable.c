/* SPDX-License-Identifier: MIT */
/* Where the system's table of routes has no portable face: the own address alone. */
#if !defined(__linux__) || defined(EYELET_PORTABLE)

#include "net/gateway.h"

#include <sys/socket.h>
#include <unistd.h>

#include "net/sockaddr.h"

/* Connecting a UDP socket looks the way up, and sends nothing. */
bool gateway_find(struct gateway *g)
{
	const struct addr far = GATEWAY_FAR;
	union sockaddr_any any;
	socklen_t len = sockaddr_encode(&any, &far);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	*g = (struct gateway){.router = {.family = ADDR_NONE}};
	if (fd < 0)
		return false;
	if (connect(fd, &any.sa, len) == 0) {
		len = sizeof(any);
		if (getsockname(fd, &any.sa, &len) == 0)
			g->own = sockaddr_decode(&any.sa);
	}
	close(fd);
	g->own.port = 0;
	return g->own.family == ADDR_V4;
}

#endif
