/* SPDX-License-Identifier: MIT */
#include "net/driver_machine.h"

#include "core/guest.h"
#include "core/host.h"
#include "core/rendezvous.h"

#define MACHINE(name)                                                                    \
	static bool name##_do_output(void *core, struct datagram *d, uint64_t now)       \
	{                                                                                \
		return name##_output(core, d, now);                                      \
	}                                                                                \
	static void name##_do_expire(void *core, uint64_t now)                           \
	{                                                                                \
		name##_expire(core, now);                                                \
	}                                                                                \
	static uint64_t name##_do_next_timeout(const void *core)                         \
	{                                                                                \
		return name##_next_timeout(core);                                        \
	}                                                                                \
	static bool name##_do_next_event(void *core, struct event *event)                \
	{                                                                                \
		return name##_next_event(core, event);                                   \
	}                                                                                \
	const struct machine_ops machine_##name = {name##_do_output, name##_do_expire,   \
		name##_do_next_timeout, name##_do_next_event}

MACHINE(host);
MACHINE(guest);
MACHINE(rendezvous);
