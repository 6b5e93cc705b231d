/* SPDX-License-Identifier: MIT */
/* The shape that the core's three machines have in common, as functions on a void *. */
#ifndef EYELET_NET_DRIVER_MACHINE_H
#define EYELET_NET_DRIVER_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event.h"
#include "core/path.h"

struct machine_ops {
	bool (*output)(void *core, struct datagram *d, uint64_t now);
	void (*expire)(void *core, uint64_t now);
	uint64_t (*next_timeout)(const void *core);
	bool (*next_event)(void *core, struct event *event);
};

struct machine {
	const struct machine_ops *ops;
	void *core; /* struct host, guest or rendezvous */
};

extern const struct machine_ops machine_host, machine_guest, machine_rendezvous;

#endif
