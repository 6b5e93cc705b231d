/* SPDX-License-Identifier: MIT */
#if !defined(__linux__) || defined(EYELET_PORTABLE)

#include "net/receiver.h"

void receiver_query_init(struct receiver_query *q)
{
	*q = (struct receiver_query){.fd = -1};
}

void receiver_query_fini(struct receiver_query *q)
{
	(void)q;
}

bool receiver_look(struct receiver_query *q, const struct addr *from,
	const struct addr *to, struct receiver_state *state)
{
	(void)q, (void)from, (void)to, (void)state;
	return false;
}

#endif
