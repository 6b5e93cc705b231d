/* SPDX-License-Identifier: MIT */
/* What run.sh has callgrind count: seal, open, flow lookup, and the core's whole way of a
 * batch of 32 datagrams from the guest's application to the host's target. Each dump
 * bears the name of what was done, and how many times. */
#include <stdio.h>

#include <valgrind/callgrind.h>

#include "ends.h"
#include "meeting.h"

#define TIMES 320 /* ten batches */
#define BATCH 32
#define FLOWS 100
#define SIZE  200 /* bytes of a payload; others cost libcrypto more, us nothing */

static uint8_t payload[SIZE];
static uint8_t frames[TIMES][SIZE + FRAME_OVERHEAD_MAX];
static size_t sizes[TIMES];

#define COUNT_BEGIN() CALLGRIND_ZERO_STATS
#define COUNT_END(name)                                                                  \
	do {                                                                             \
		CALLGRIND_DUMP_STATS_AT(name);                                           \
		counted++;                                                               \
	} while (0)

static unsigned counted;

static void count_session(void)
{
	struct ends e;
	struct frame frame;

	ends_start(&e, CIPHER_AES_256_GCM, 1000 * SECOND);
	COUNT_BEGIN();
	for (unsigned i = 0; i < TIMES; i++)
		sizes[i] = session_seal(&e.guest.session, 0, 0, 1, payload, SIZE,
			frames[i], 1000 * SECOND);
	COUNT_END("seal");
	COUNT_BEGIN();
	for (unsigned i = 0; i < TIMES; i++)
		assert_int_equal(session_open(&e.host.session, frames[i], sizes[i],
					 &frame, 1000 * SECOND),
			VERDICT_DELIVER);
	COUNT_END("open");
	(void)end_drop(&e.host);
	ends_stop(&e);
}

static struct addr app_of(unsigned i)
{
	return addr_v4(127, 0, 0, 1, (uint16_t)(50000 + i));
}

static void count_lookup(struct meeting *m)
{
	struct addr apps[FLOWS];

	for (unsigned i = 0; i < FLOWS; i++) {
		apps[i] = app_of(i);
		assert_non_null(guest_flow(m->guest->machine, &apps[i], m->net->now));
	}
	COUNT_BEGIN();
	for (unsigned i = 0; i < TIMES; i++)
		assert_non_null(
			guest_flow(m->guest->machine, &apps[i * 7 % FLOWS], m->net->now));
	COUNT_END("lookup");
}

static void seal_batch(struct meeting *m, const struct addr *app, struct path *path)
{
	struct flow *flow = guest_flow(m->guest->machine, app, m->net->now);

	for (unsigned i = 0; i < BATCH; i++) {
		unsigned parts = guest_parts(m->guest->machine, flow, SIZE);

		sizes[i] = guest_seal(m->guest->machine, flow, 0, parts, payload, SIZE,
			frames[i], path, m->net->now);
	}
}

static void open_batch(struct meeting *m, const struct path *path)
{
	struct delivery delivery;

	for (unsigned i = 0; i < BATCH; i++)
		assert_int_equal(host_input(m->host->machine, path, frames[i], sizes[i],
					 m->net->now, &delivery),
			VERDICT_DELIVER);
}

/* As drivers do: what the machines have to say, and when, is asked after each batch. */
static void settle(struct meeting *m)
{
	struct datagram d;

	while (guest_output(m->guest->machine, &d, m->net->now) ||
		host_output(m->host->machine, &d, m->net->now)) {
	}
	assert_true(guest_next_timeout(m->guest->machine) >= m->net->now);
	assert_true(host_next_timeout(m->host->machine) >= m->net->now);
}

static void count_path(struct meeting *m, const struct addr *app, const char *name)
{
	const struct path from = {
		.local = m->host->bound[0], .remote = m->guest->bound[0]};
	struct path path;

	seal_batch(m, app, &path);
	open_batch(m, &from);
	settle(m);
	COUNT_BEGIN();
	for (unsigned i = 0; i < TIMES / BATCH; i++) {
		seal_batch(m, app, &path);
		open_batch(m, &from);
		settle(m);
	}
	COUNT_END(name);
}

int main(void)
{
	struct meeting m;
	struct addr first = app_of(0), last = app_of(FLOWS - 1);

	count_session();
	meeting_begin(&m);
	meeting_connect(&m, m.guest);
	count_lookup(&m);
	count_path(&m, &first, "path");
	count_path(&m, &last, "path-last-flow");
	meeting_end(&m);
	printf("%u things counted, %d times each\n", counted, TIMES);
	return 0;
}
