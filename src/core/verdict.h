/* SPDX-License-Identifier: MIT */
/* What became of an input, by name, and the counters of each. */
#ifndef EYELET_CORE_VERDICT_H
#define EYELET_CORE_VERDICT_H

#include <stdint.h>

/* name, text for logs and metrics */
#define VERDICT_MAP(X)                                                                   \
	X(CONSUMED, "consumed")                                                          \
	X(DELIVER, "deliver")                                                            \
	X(DROP_MALFORMED, "malformed")                                                   \
	X(DROP_UNKNOWN_TYPE, "unknown-type")                                             \
	X(DROP_VERSION, "version")                                                       \
	X(DROP_UNSOLICITED, "unsolicited")                                               \
	X(DROP_NO_SESSION, "no-session")                                                 \
	X(DROP_REPLAY, "replay")                                                         \
	X(DROP_FORGED, "forged")                                                         \
	X(DROP_STALE, "stale")                                                           \
	X(DROP_LIMIT, "limit")                                                           \
	X(DROP_MEMORY, "memory")                                                         \
	X(DROP_NOT_ALLOWED, "not-allowed")

enum verdict {
#define X(name, text) VERDICT_##name,
	VERDICT_MAP(X)
#undef X
		VERDICT_COUNT
};

/* Counts inputs by verdict. */
struct verdict_counts {
	uint64_t of[VERDICT_COUNT];
};

const char *verdict_name(enum verdict v);

/* Counts v and returns it. */
enum verdict verdict_count(struct verdict_counts *counts, enum verdict v);

#endif
