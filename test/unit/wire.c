/* SPDX-License-Identifier: MIT */
#include "core/wire.h"
#include "unit.h"

static const uint8_t mask[16] = {0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88,
	0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f};

/* One of everything: 1 + 2 + 4 + 8 + 3 + 2 + 19 bytes. */
#define SAMPLE_SIZE 39

static void write_sample(struct writer *w)
{
	struct addr a = addr_v4(192, 0, 2, 1, 0x1234);

	write_u8(w, 0x01);
	write_u16(w, 0x0203);
	write_u32(w, 0x04050607);
	write_u64(w, UINT64_C(0x08090a0b0c0d0e0f));
	write_bytes(w, (const uint8_t *)"abc", 3);
	write_pad(w, 20);
	write_addr(w, &a, mask);
}

static const char sample_hex[] = "01 0203 04050607 08090a0b0c0d0e0f 616263 0000"
				 "04 40818082 8485868788898a8b8c8d8e8f 92b5";

static void writes_big_endian(void **state)
{
	uint8_t bytes[SAMPLE_SIZE];
	struct writer w = writer_over(bytes, sizeof(bytes));

	(void)state;
	write_sample(&w);
	assert_true(w.ok);
	assert_hex(bytes, writer_len(&w), sample_hex);
}

/* With any smaller room it fails, keeps a prefix and touches nothing behind it. */
static void writes_within_its_room(void **state)
{
	uint8_t whole[SAMPLE_SIZE], bytes[SAMPLE_SIZE + 1];
	struct writer w = writer_over(whole, sizeof(whole));

	(void)state;
	write_sample(&w);
	for (size_t cap = 0; cap < SAMPLE_SIZE; cap++) {
		memset(bytes, 0xee, sizeof(bytes));
		w = writer_over(bytes, cap);
		write_sample(&w);
		assert_false(w.ok);
		assert_true(writer_len(&w) <= cap);
		assert_memory_equal(bytes, whole, writer_len(&w));
		for (size_t i = cap; i < sizeof(bytes); i++)
			assert_int_equal(bytes[i], 0xee);
	}
}

static void stays_failed_as_a_writer(void **state)
{
	uint8_t bytes[4] = {0};
	struct writer w = writer_over(bytes, sizeof(bytes));

	(void)state;
	write_u16(&w, 0x0102);
	write_u32(&w, 0x03040506);
	assert_false(w.ok);
	write_u8(&w, 0xff); /* would fit */
	write_bytes(&w, bytes, 0);
	assert_false(w.ok);
	assert_int_equal(writer_len(&w), 2);
	assert_hex(bytes, sizeof(bytes), "01020000");
}

static void pads_to_a_length(void **state)
{
	uint8_t bytes[6];
	struct writer w = writer_over(bytes, sizeof(bytes));

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	write_u16(&w, 0x0102);
	write_pad(&w, 1);
	write_pad(&w, 2);
	assert_int_equal(writer_len(&w), 2);
	write_pad(&w, 5);
	assert_hex(bytes, sizeof(bytes), "0102000000ee");
	assert_int_equal(writer_len(&w), 5);
	write_pad(&w, 6);
	assert_true(w.ok);
	write_pad(&w, 7);
	assert_false(w.ok);
	assert_int_equal(writer_len(&w), 6);
}

static void reads_big_endian(void **state)
{
	uint8_t bytes[SAMPLE_SIZE], text[5];
	struct reader r = reader_over(bytes, unhex(bytes, sizeof(bytes), sample_hex));
	struct addr expected = addr_v4(192, 0, 2, 1, 0x1234), a;

	(void)state;
	assert_int_equal(reader_left(&r), SAMPLE_SIZE);
	assert_int_equal(read_u8(&r), 0x01);
	assert_int_equal(read_u16(&r), 0x0203);
	assert_int_equal(read_u32(&r), 0x04050607);
	assert_true(read_u64(&r) == UINT64_C(0x08090a0b0c0d0e0f));
	read_bytes(&r, text, sizeof(text));
	assert_memory_equal(text, "abc\0\0", sizeof(text));
	a = read_addr(&r, mask);
	assert_true(addr_equal(&a, &expected));
	assert_int_equal(reader_left(&r), 0);
	assert_true(r.ok);
}

static void fails_truncated_at_every_length(void **state)
{
	uint8_t bytes[SAMPLE_SIZE], text[5];

	(void)state;
	unhex(bytes, sizeof(bytes), sample_hex);
	for (size_t len = 0; len < SAMPLE_SIZE; len++) {
		uint8_t *cut =
			malloc(len ? len : 1); /* its end is where a sanitizer looks */
		struct reader r = reader_over(cut, len);
		struct addr a;

		memcpy(cut, bytes, len);
		read_u8(&r);
		read_u16(&r);
		read_u32(&r);
		read_u64(&r);
		read_bytes(&r, text, sizeof(text));
		a = read_addr(&r, mask);
		assert_false(r.ok);
		assert_true(addr_equal(&a, &(struct addr){0}));
		free(cut);
	}
}

static void stays_failed_as_a_reader(void **state)
{
	static const uint8_t bytes[3] = {1, 2, 3};
	struct reader r = reader_over(bytes, sizeof(bytes));
	uint8_t out[4] = {9, 9, 9, 9};

	(void)state;
	read_bytes(&r, out, sizeof(out));
	assert_hex(out, sizeof(out), "00000000");
	assert_false(r.ok);
	assert_int_equal(read_u8(&r), 0); /* was there before the failure */
	assert_null(read_view(&r, 0));
	assert_int_equal(reader_left(&r), 0);
	assert_false(r.ok);
}

static void gives_a_view_in_place(void **state)
{
	static const uint8_t bytes[3] = {1, 2, 3};
	struct reader r = reader_over(bytes, sizeof(bytes));

	(void)state;
	assert_ptr_equal(read_view(&r, 1), bytes);
	assert_ptr_equal(read_view(&r, 2), bytes + 1);
	assert_ptr_equal(read_view(&r, 0), bytes + 3);
	assert_true(r.ok);
	assert_null(read_view(&r, 1));
	assert_false(r.ok);
}

static void refuses_a_length_that_wraps(void **state)
{
	uint8_t bytes[3] = {1, 2, 3};
	struct reader r = reader_over(bytes, sizeof(bytes));
	struct writer w = writer_over(bytes, sizeof(bytes));

	(void)state;
	assert_null(read_view(&r, SIZE_MAX));
	write_u8(&w, 7);
	write_bytes(&w, bytes, SIZE_MAX);
	write_pad(&w, SIZE_MAX);
	assert_false(w.ok);
	assert_hex(bytes, sizeof(bytes), "070203");
}

static void takes_nothing_from_nothing(void **state)
{
	struct reader r = reader_over(NULL, 0);
	struct writer w = writer_over(NULL, 0);

	(void)state;
	read_bytes(&r, NULL, 0);
	write_bytes(&w, NULL, 0);
	assert_true(r.ok && w.ok);
	assert_int_equal(reader_left(&r), 0);
	assert_int_equal(writer_len(&w), 0);
	assert_int_equal(read_u8(&r), 0);
	write_u8(&w, 1);
	assert_false(r.ok || w.ok);
}

/* The cyclic mask covers the port with its first two bytes; the family stays readable. */
static void masks_an_address(void **state)
{
	uint8_t bytes[WIRE_ADDR_SIZE];
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct addr a;

	(void)state;
	assert_true(addr_parse(&a, "[2001:db8::ff01]:258", 0));
	write_addr(&w, &a, mask);
	assert_hex(bytes, writer_len(&w), "06 a0808f3b 84858687 88898a8b 8c8d718e 8183");
	w = writer_over(bytes, sizeof(bytes));
	write_addr(&w, &a, NULL);
	assert_hex(bytes, writer_len(&w), "06 20010db8 00000000 00000000 0000ff01 0102");
}

/* The transport stands above the family. */
static void accepts_three_families_only(void **state)
{
	uint8_t bytes[WIRE_ADDR_SIZE];

	(void)state;
	memset(bytes, 0x77, sizeof(bytes));
	for (unsigned kind = 0; kind < 256; kind++) {
		struct reader r = reader_over(bytes, sizeof(bytes));
		unsigned family = kind & 15, transport = kind >> 4;
		struct addr a;

		bytes[0] = (uint8_t)kind;
		a = read_addr(&r, mask);
		assert_int_equal(r.ok,
			kind == 0 || ((family == 4 || family == 6) && transport < 3));
		assert_int_equal(a.family, r.ok ? family : 0);
		assert_int_equal(a.transport, r.ok ? transport : 0);
	}
}

static void writes_the_transport(void **state)
{
	uint8_t bytes[WIRE_ADDR_SIZE];
	struct writer w = writer_over(bytes, sizeof(bytes));
	struct reader r = reader_over(bytes, sizeof(bytes));
	struct addr a = addr_v4(192, 0, 2, 1, 443), b;

	(void)state;
	a.transport = ADDR_TLS;
	write_addr(&w, &a, mask);
	assert_int_equal(bytes[0], 0x24);
	b = read_addr(&r, mask);
	assert_true(addr_equal(&a, &b));
}

/* Whatever bytes come, equal addresses are equal by byte. */
static void reads_canonical_addresses(void **state)
{
	uint64_t random = random_start();

	(void)state;
	for (int i = 0; i < 10000; i++) {
		static const uint8_t families[] = {0, 4, 6, 0x14, 0x16, 0x24, 0x26};
		uint8_t bytes[WIRE_ADDR_SIZE], again[WIRE_ADDR_SIZE];
		struct reader r = reader_over(bytes, sizeof(bytes)), back;
		struct writer w = writer_over(again, sizeof(again));
		struct addr a, b;

		random_bytes(&random, bytes, sizeof(bytes));
		bytes[0] = families[random_below(&random, 7)];
		a = read_addr(&r, mask);
		assert_true(r.ok);
		write_addr(&w, &a, mask);
		back = reader_over(again, sizeof(again));
		b = read_addr(&back, mask);
		assert_true(addr_equal(&a, &b));
		assert_int_equal(a.scope, 0);
		if (a.family == ADDR_NONE)
			assert_true(addr_equal(&a, &(struct addr){0}));
		if (a.family == ADDR_V4)
			assert_memory_equal(a.ip + 4, ((struct addr){0}).ip, 12);
		if (a.family == ADDR_V6)
			assert_memory_equal(again, bytes, sizeof(bytes));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_big_endian),
		cmocka_unit_test(writes_within_its_room),
		cmocka_unit_test(stays_failed_as_a_writer),
		cmocka_unit_test(pads_to_a_length),
		cmocka_unit_test(reads_big_endian),
		cmocka_unit_test(fails_truncated_at_every_length),
		cmocka_unit_test(stays_failed_as_a_reader),
		cmocka_unit_test(gives_a_view_in_place),
		cmocka_unit_test(refuses_a_length_that_wraps),
		cmocka_unit_test(takes_nothing_from_nothing),
		cmocka_unit_test(masks_an_address),
		cmocka_unit_test(accepts_three_families_only),
		cmocka_unit_test(writes_the_transport),
		cmocka_unit_test(reads_canonical_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
