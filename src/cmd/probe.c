/* SPDX-License-Identifier: MIT */
#include "cmd/probe.h"

#include <errno.h>

#include "net/udp.h"

#define ANY_PORT_TRIES 16

/* Returns 0 or -errno; *port becomes the one that was bound. */
static int try_open(enum addr_family family, uint16_t *port)
{
	const struct udp_options options = {.public_side = false};
	const struct addr any = {.family = (uint8_t)family, .port = *port};
	struct udp_socket s;
	int error = udp_open(&s, &any, &options);

	if (error == 0)
		*port = s.bound.port;
	udp_close(&s);
	return error;
}

bool probe_family(enum addr_family family)
{
	uint16_t port = 0;

	return try_open(family, &port) == 0;
}

bool probe_port(uint16_t port)
{
	return try_open(ADDR_V4, &port) != -EADDRINUSE &&
	       try_open(ADDR_V6, &port) != -EADDRINUSE;
}

uint16_t probe_any_port(void)
{
	for (int i = 0; i < ANY_PORT_TRIES; i++) {
		uint16_t port = 0;

		if (try_open(ADDR_V4, &port) != 0 && try_open(ADDR_V6, &port) != 0)
			return 0;
		if (probe_port(port))
			return port;
	}
	return 0;
}
