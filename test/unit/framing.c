/* SPDX-License-Identifier: MIT */
/* RFC 4571 framing: partial reads, the bounded queue, and both against each other. */
#include "net/framing.h"

#include "unit.h"

#define AGE   1000
#define BYTES 1000

static uint8_t scratch[FRAMING_HEADER + FRAMING_MAX + 4096];

/* What a reader got. */
static struct got {
	unsigned count;
	size_t len;
	uint8_t first;
	uint32_t serial; /* the last one's, from its first four bytes */
} got;

/* Hands len bytes to the reader, as one read would. */
static void feed(struct framing_in *in, const uint8_t *bytes, size_t len)
{
	size_t all = framing_begin(in, scratch), at = 0, size;
	uint8_t *datagram;

	memcpy(scratch + all, bytes, len);
	all += len;
	while (framing_next(scratch, all, &at, &datagram, &size)) {
		got.count++;
		got.len = size;
		got.first = datagram[0];
		if (size >= sizeof(got.serial))
			memcpy(&got.serial, datagram, sizeof(got.serial));
	}
	assert_true(framing_end(in, scratch, all, at));
}

static void reads_byte_by_byte(void **state)
{
	static const uint8_t bytes[] = {0, 3, 'a', 'b', 'c', 0, 1, 'd'};
	struct framing_in in = {.len = 0};

	(void)state;
	memset(&got, 0, sizeof(got));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		feed(&in, &bytes[i], 1);
		assert_int_equal(got.count, (i >= 4) + (i >= 7));
	}
	assert_int_equal(got.first, 'd');
	assert_null(in.part); /* an idle stream holds no memory */
}

static void reads_several_at_once(void **state)
{
	static const uint8_t bytes[] = {0, 1, 'a', 0, 2, 'b', 'c', 0, 4, 'd'};
	struct framing_in in = {.len = 0};

	(void)state;
	memset(&got, 0, sizeof(got));
	feed(&in, bytes, sizeof(bytes));
	assert_int_equal(got.count, 2);
	assert_int_equal(got.len, 2);
	assert_int_equal(in.len, 3);
	framing_in_fini(&in);
}

/* RFC 4571, section 2: a null frame is ignored. */
static void passes_over_empty_ones(void **state)
{
	static const uint8_t bytes[] = {0, 0, 0, 0, 0, 1, 'x', 0, 0};
	struct framing_in in = {.len = 0};

	(void)state;
	memset(&got, 0, sizeof(got));
	feed(&in, bytes, sizeof(bytes));
	assert_int_equal(got.count, 1);
	assert_int_equal(got.first, 'x');
	assert_int_equal(in.len, 0);
}

static void takes_the_longest(void **state)
{
	static uint8_t datagram[FRAMING_MAX];
	struct framing_in in = {.len = 0};
	struct framing_out out;

	(void)state;
	memset(&got, 0, sizeof(got));
	memset(datagram, 'z', sizeof(datagram));
	framing_out_init(&out, 70000, AGE);
	assert_true(framing_put(&out, datagram, FRAMING_MAX, 0));
	assert_false(framing_put(&out, datagram, FRAMING_MAX + 1, 0));
	assert_false(framing_put(&out, datagram, 0, 0));
	assert_int_equal(framing_len(&out), FRAMING_HEADER + FRAMING_MAX);
	for (size_t at = 0; at < FRAMING_HEADER + FRAMING_MAX;) {
		size_t left = FRAMING_HEADER + FRAMING_MAX - at;
		size_t len = left < 4000 ? left : 4000;

		feed(&in, framing_bytes(&out), len);
		framing_written(&out, len);
		at += len;
	}
	assert_int_equal(got.count, 1);
	assert_int_equal(got.len, FRAMING_MAX);
	assert_int_equal(got.first, 'z');
	assert_int_equal(out.dropped, 2);
	framing_out_fini(&out);
}

static void put(struct framing_out *out, char letter, size_t len, uint64_t now)
{
	uint8_t datagram[BYTES];

	memset(datagram, letter, len);
	assert_true(framing_put(out, datagram, len, now));
}

/* Writes all that waits; returns the first letters of the datagrams in it. */
static const char *drain(struct framing_out *out, struct framing_in *in)
{
	static char text[64];
	size_t all = framing_begin(in, scratch), at = 0, len = 0, size;
	uint8_t *datagram;

	memcpy(scratch + all, framing_bytes(out), framing_len(out));
	all += framing_len(out);
	framing_written(out, framing_len(out));
	while (framing_next(scratch, all, &at, &datagram, &size))
		text[len++] = (char)datagram[size - 1];
	text[len] = '\0';
	assert_true(framing_end(in, scratch, all, at));
	return text;
}

static void drops_the_oldest_for_room(void **state)
{
	struct framing_in in = {.len = 0};
	struct framing_out out;

	(void)state;
	framing_out_init(&out, BYTES, AGE);
	for (int c = 'a'; c <= 'g'; c++)
		put(&out, (char)c, 198, 0);
	assert_int_equal(out.dropped, 2);
	assert_string_equal(drain(&out, &in), "cdefg");
	assert_int_equal(out.sent, 5);
	framing_out_fini(&out);
}

static void drops_what_is_late(void **state)
{
	struct framing_in in = {.len = 0};
	struct framing_out out;

	(void)state;
	framing_out_init(&out, BYTES, AGE);
	put(&out, 'a', 10, 0);
	put(&out, 'b', 10, 500);
	put(&out, 'c', 10, 1001);
	framing_expire(&out, 1000);
	assert_int_equal(out.dropped, 0);
	framing_expire(&out, 1501);
	assert_int_equal(out.dropped, 2);
	assert_string_equal(drain(&out, &in), "c");
	framing_out_fini(&out);
}

/* A stream whose reader lost a part of a datagram would be lost as a whole. */
static void never_drops_what_is_partly_written(void **state)
{
	struct framing_in in = {.len = 0};
	struct framing_out out;

	(void)state;
	memset(&got, 0, sizeof(got));
	framing_out_init(&out, BYTES, AGE);
	put(&out, 'a', 198, 0);
	put(&out, 'b', 198, 0);
	put(&out, 'c', 198, 0);
	feed(&in, framing_bytes(&out), 50);
	framing_written(&out, 50);
	for (int c = 'd'; c <= 'h'; c++)
		put(&out, (char)c, 198, 0);
	framing_expire(&out, 0);
	assert_int_equal(out.dropped, 3);
	assert_string_equal(drain(&out, &in), "aefgh");
	framing_out_fini(&out);
}

static void never_changes_what_is_committed(void **state)
{
	struct framing_in in = {.len = 0};
	struct framing_out out;
	uint8_t seen[250];

	(void)state;
	framing_out_init(&out, BYTES, AGE);
	for (int c = 'a'; c <= 'd'; c++)
		put(&out, (char)c, 198, 0);
	memcpy(seen, framing_bytes(&out), sizeof(seen));
	framing_commit(&out, sizeof(seen));
	for (int c = 'e'; c <= 'h'; c++)
		put(&out, (char)c, 198, 0);
	framing_expire(&out, AGE + 1);
	assert_memory_equal(framing_bytes(&out), seen, sizeof(seen));
	assert_string_equal(drain(&out, &in), "ab");
	assert_int_equal(out.dropped, 6);
	framing_out_fini(&out);
}

static void refuses_what_has_no_room_behind_committed(void **state)
{
	struct framing_out out;
	uint8_t datagram[600] = {0};

	(void)state;
	framing_out_init(&out, BYTES, AGE);
	put(&out, 'a', 600, 0);
	framing_commit(&out, 1);
	assert_false(framing_put(&out, datagram, sizeof(datagram), 0));
	assert_int_equal(out.dropped, 1);
	framing_out_fini(&out);
}

static void forgets_on_reset_and_trims(void **state)
{
	struct framing_in in = {.len = 0};
	struct framing_out out;

	(void)state;
	framing_out_init(&out, BYTES, AGE);
	put(&out, 'a', 10, 0);
	put(&out, 'b', 10, 0);
	framing_written(&out, 3);
	framing_reset(&out);
	assert_int_equal(framing_len(&out), 0);
	assert_int_equal(out.dropped, 1);
	framing_trim(&out);
	assert_null(out.bytes);
	put(&out, 'c', 10, 0);
	assert_string_equal(drain(&out, &in), "c");
	framing_out_fini(&out);
}

/* A writer that is slower than what it is given, a reader that gets bytes as they fall:
 * all that is counted as sent arrives whole, in order, once. */
static void holds_at_random(void **state)
{
	uint64_t random = random_start(), now = 0;
	struct framing_in in = {.len = 0};
	struct framing_out out;
	uint32_t serial = 0, last;
	uint8_t datagram[3000];

	(void)state;
	memset(&got, 0, sizeof(got));
	framing_out_init(&out, 8000, AGE);
	for (unsigned step = 0; step < 200000; step++) {
		size_t len = 4 + random_below(&random, sizeof(datagram) - 4);
		size_t write = random_below(&random, 4000);

		now += random_below(&random, 300);
		if (random_below(&random, 2) == 0) {
			serial++;
			memset(datagram, (int)serial, len);
			memcpy(datagram, &serial, sizeof(serial));
			(void)framing_put(&out, datagram, len, now);
		}
		if (random_below(&random, 8) == 0)
			framing_expire(&out, now);
		if (write > framing_len(&out))
			write = framing_len(&out);
		if (write == 0)
			continue;
		if (random_below(&random, 4) == 0) {
			framing_commit(&out, write);
			continue;
		}
		last = got.serial;
		feed(&in, framing_bytes(&out), write);
		framing_written(&out, write);
		assert_true(got.serial >= last);
	}
	drain(&out, &in);
	assert_true(got.count > 10000);
	assert_int_equal(out.sent + out.dropped, serial);
	assert_true(out.sent - got.count < 8000 / 6 + 1);
	framing_out_fini(&out);
	framing_in_fini(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_byte_by_byte),
		cmocka_unit_test(reads_several_at_once),
		cmocka_unit_test(passes_over_empty_ones),
		cmocka_unit_test(takes_the_longest),
		cmocka_unit_test(drops_the_oldest_for_room),
		cmocka_unit_test(drops_what_is_late),
		cmocka_unit_test(never_drops_what_is_partly_written),
		cmocka_unit_test(never_changes_what_is_committed),
		cmocka_unit_test(refuses_what_has_no_room_behind_committed),
		cmocka_unit_test(forgets_on_reset_and_trims),
		cmocka_unit_test(holds_at_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
