/* SPDX-License-Identifier: MIT */
/* Messages of STUN from hex text. */
#ifndef EYELET_TEST_UNIT_STUN_MESSAGE_H
#define EYELET_TEST_UNIT_STUN_MESSAGE_H

#include "unit.h"

#define MESSAGE_MAX 256

struct message {
	uint8_t bytes[MESSAGE_MAX];
	size_t len;
};

/* Of the samples of RFC 5769. */
static const char sample_id[] = "b7e7a701bc34d686fa87dfae";

static inline struct message message_of(const char *text)
{
	struct message m;

	m.len = unhex(m.bytes, sizeof(m.bytes), text);
	return m;
}

static inline void set_length(struct message *m)
{
	m->bytes[2] = (uint8_t)((m->len - 20) >> 8);
	m->bytes[3] = (uint8_t)(m->len - 20);
}

/* A Binding request (0) or success response (1) with these attributes. */
static inline struct message message_with(uint8_t class, const char *attributes)
{
	struct message m = message_of("00010000 2112a442 b7e7a701bc34d686fa87dfae");

	m.bytes[0] = class;
	m.len += unhex(m.bytes + m.len, sizeof(m.bytes) - m.len, attributes);
	set_length(&m);
	return m;
}

#endif
