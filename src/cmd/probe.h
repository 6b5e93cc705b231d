/* SPDX-License-Identifier: MIT */
/* What sockets this machine lets us have, found by opening one and closing it again. */
#ifndef EYELET_CMD_PROBE_H
#define EYELET_CMD_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"

/* True if the machine has this family at all. */
bool probe_family(enum addr_family family);

/* True if no socket of this machine holds the port, in any family there is. */
bool probe_port(uint16_t port);

/* Returns a port that is free in all families, or 0. */
uint16_t probe_any_port(void);

#endif
