/* SPDX-License-Identifier: MIT */
/* The four bytes in front of a sealed frame, as frame.h draws them. */
#include "core/frame.h"
#include "unit.h"

static void has_the_sizes_drawn(void **state)
{
	(void)state;
	assert_int_equal(FRAME_HEADER_SIZE, 4);
	assert_int_equal(FRAME_OVERHEAD, 20);
	assert_int_equal(FRAME_OVERHEAD_MAX, 32);
}

static void is_known_by_two_bits_and_its_length(void **state)
{
	uint8_t buf[20] = {0};

	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		buf[0] = (uint8_t)first;
		assert_int_equal(frame_is(buf, 20), first >= 0x40 && first < 0x80);
		assert_false(frame_is(buf, 19));
	}
	assert_false(frame_is(buf, 0));
}

static void lays_bits_out_as_drawn(void **state)
{
	static const struct {
		struct frame_header header;
		const char *bytes;
	} cases[] = {
		{{.counter = 0}, "40 000000"},
		{{.epoch = 1}, "50 000000"},
		{{.epoch = 3, .counter = 0xffffff}, "70 ffffff"},
		{{.control = true, .counter = 1}, "48 000001"},
		{{.flow = true, .counter = 0x010203}, "44 010203"},
		{{.part = true}, "42 000000"},
		{{.epoch = 2,
			 .control = true,
			 .flow = true,
			 .part = true,
			 .counter = 0xabcdef},
			"6e abcdef"},
	};
	struct frame_header back;
	uint8_t out[4];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		frame_header_encode(out, &cases[i].header);
		assert_hex(out, 4, cases[i].bytes);
		assert_true(frame_header_decode(&back, out));
		assert_int_equal(back.epoch, cases[i].header.epoch);
		assert_int_equal(back.control, cases[i].header.control);
		assert_int_equal(back.flow, cases[i].header.flow);
		assert_int_equal(back.part, cases[i].header.part);
		assert_int_equal(back.counter, cases[i].header.counter);
	}
}

/* Every header that is one decodes to what encodes to the same bytes. */
static void comes_back_from_every_first_byte(void **state)
{
	struct frame_header h;
	uint8_t out[4];

	(void)state;
	for (unsigned first = 0x40; first < 0x80; first++) {
		const uint8_t buf[4] = {(uint8_t)first, 0x12, 0x34, 0x56};

		assert_int_equal(frame_header_decode(&h, buf), (first & 1) == 0);
		if ((first & 1) != 0)
			continue;
		assert_int_equal(h.counter, 0x123456);
		frame_header_encode(out, &h);
		assert_memory_equal(out, buf, 4);
	}
}

static void writes_low_bits_only(void **state)
{
	const struct frame_header h = {.epoch = 9, .counter = 0xff000001};
	uint8_t out[4];

	(void)state;
	frame_header_encode(out, &h);
	assert_hex(out, 4, "50 000001");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_the_sizes_drawn),
		cmocka_unit_test(is_known_by_two_bits_and_its_length),
		cmocka_unit_test(lays_bits_out_as_drawn),
		cmocka_unit_test(comes_back_from_every_first_byte),
		cmocka_unit_test(writes_low_bits_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
