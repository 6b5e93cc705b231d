/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "core/frame.h"
#include "core/stun.h"
#include "fuzz/lab.h"

static const char *const roles[LAB_ROLES] = {"rendezvous", "host", "guest"};

static const char *kind_of(const uint8_t *data, size_t len)
{
	if (message_is(data, len))
		return message_name(message_type(data));
	return frame_is(data, len)          ? "frame"
	       : stun_is_message(data, len) ? "stun"
					    : "bytes";
}

void trace_datagram(const struct lab *lab, const char *what, const struct addr *from,
	const struct addr *to, const uint8_t *data, size_t len)
{
	char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];

	if (lab->trace)
		(void)fprintf(stderr, "%9.3f %-8s %s -> %s %s of %zu\n",
			(double)lab->now / 1e9, what, addr_format(a, from),
			addr_format(b, to), kind_of(data, len), len);
}

void trace_verdict(
	const struct lab *lab, const struct lab_machine *m, enum verdict verdict)
{
	if (lab->trace)
		(void)fprintf(stderr, "%9.3f          %s: %s\n", (double)lab->now / 1e9,
			roles[m->role], verdict_name(verdict));
}

void trace_event(
	const struct lab *lab, const struct lab_machine *m, const struct event *event)
{
	char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];

	if (lab->trace)
		(void)fprintf(stderr,
			"%9.3f EVENT    %s: %s addr %s peer %s number %u %s\n",
			(double)lab->now / 1e9, roles[m->role], event_name(event->type),
			addr_format(a, &event->addr), addr_format(b, &event->peer),
			event->number, event->why != NULL ? event->why : "");
}
