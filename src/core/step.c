/* SPDX-License-Identifier: MIT */
#include "core/step.h"

#define PORT_MIN 1024 /* no NAT gives those below to others (RFC 4787, REQ-3) */

int step_between(const struct addr *first, const struct addr *second)
{
	int step = (int)second->port - (int)first->port;

	if (!addr_same_ip(first, second) || step > STEP_MAX || step < -STEP_MAX)
		return 0;
	return step;
}

void step_predict(
	struct candidates *list, const struct addr *last, int step, unsigned count)
{
	for (unsigned i = 1; step != 0 && i <= count; i++) {
		struct addr next = *last;
		int port = (int)last->port + step * (int)i;

		if (port < PORT_MIN || port > UINT16_MAX)
			return;
		next.port = (uint16_t)port;
		candidates_add(list, &next, CANDIDATE_PREDICTED);
	}
}
