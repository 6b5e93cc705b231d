/* SPDX-License-Identifier: MIT */
/* The judge of payloads, judged. */
#include <stdlib.h>

#include "sim/stream.h"
#include "sim/trial.h"
#include "sim/world.h"

static const char *judged(struct stream *s, uint8_t *buf, size_t len)
{
	const struct arrival arrival = {.ordered = true};

	return stream_take(s, true, &arrival, buf, len, 1);
}

void selftest_stream(struct trial *t)
{
	static const size_t sizes[] = {0, 1, 15, 16, 31, 32, 33, 100, 65507};
	uint8_t *buf = sim_alloc(STREAM_MAX), *older = sim_alloc(64);
	struct stream s;

	stream_init(&s, 3, 4);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		stream_write(&s, buf, sizes[i], 1, 1);
		if (judged(&s, buf, sizes[i]) != NULL ||
			judged(&s, buf, sizes[i]) == NULL)
			trial_fail(t, "%zu bytes: not once", sizes[i]);
	}
	buf[40] ^= 1;
	if (judged(&s, buf, 65507) == NULL)
		trial_fail(t, "a flipped bit passes");
	stream_write(&s, older, 64, 1, 1);
	stream_write(&s, buf, 64, 1, 1);
	if (judged(&s, buf, 64) != NULL || judged(&s, older, 64) == NULL)
		trial_fail(t, "order is not judged");
	stream_fini(&s);
	free(buf);
	free(older);
}
