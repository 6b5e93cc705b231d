/* SPDX-License-Identifier: MIT */
#include "core/stun.h"
#include "stun_message.h"

/* RFC 5769, sections 2.1 to 2.3. */
static const char sample_request[] =
	"000100582112a442b7e7a701bc34d686fa87dfae"
	"802200105354554e207465737420636c69656e74" /* SOFTWARE "STUN test client" */
	"002400046e0001ff"                         /* PRIORITY */
	"80290008932ff9b151263b36"                 /* ICE-CONTROLLED */
	"000600096576746a3a68367659202020"         /* USERNAME "evtj:h6vY" */
	"000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
	"80280004e57a3bcf";
static const char sample_ipv4[] = "0101003c2112a442b7e7a701bc34d686fa87dfae"
				  "8022000b7465737420766563746f7220"
				  "002000080001a147e112a643"
				  "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
				  "80280004c07d4c96";
static const char sample_ipv6[] = "010100482112a442b7e7a701bc34d686fa87dfae"
				  "8022000b7465737420766563746f7220"
				  "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
				  "00080014a382954e4be67bf11784c97c8292c275bfe3ed41"
				  "80280004c8fb0b4c";

#define PRIORITY_AT    40 /* of sample_request */
#define FINGERPRINT_AT 100

/* CRC-32 bit by bit, not as the module does it. */
static uint32_t crc32_slow(const uint8_t *bytes, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len * 8; i++) {
		uint32_t bit = ((uint32_t)bytes[i / 8] >> i % 8 ^ crc) & 1;

		crc = crc >> 1 ^ (bit ? UINT32_C(0xedb88320) : 0);
	}
	return ~crc;
}

/* Makes the message's last attribute, a FINGERPRINT, right. */
static void set_fingerprint(struct message *m)
{
	uint32_t crc = crc32_slow(m->bytes, m->len - 8) ^ UINT32_C(0x5354554e);

	for (size_t i = 0; i < 4; i++)
		m->bytes[m->len - 4 + i] = (uint8_t)(crc >> (24 - 8 * i));
}

static bool is_request(const struct message *m)
{
	uint8_t id[STUN_ID_SIZE];

	return stun_read_request(m->bytes, m->len, id);
}

static bool is_response(const struct message *m)
{
	uint8_t id[STUN_ID_SIZE];
	struct addr a;

	return stun_read_response(m->bytes, m->len, id, &a);
}

static void reads_response(const char *text, const char *expected)
{
	struct message m = message_of(text);
	uint8_t id[STUN_ID_SIZE];
	struct addr a, want;

	assert_true(addr_parse(&want, expected, 0));
	assert_true(stun_is_message(m.bytes, m.len));
	assert_true(stun_read_response(m.bytes, m.len, id, &a));
	assert_hex(id, sizeof(id), sample_id);
	assert_true(addr_equal(&a, &want));
	assert_false(is_request(&m));
}

static void reads_the_sample_responses(void **state)
{
	(void)state;
	reads_response(sample_ipv4, "192.0.2.1:32853");
	reads_response(sample_ipv6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
}

/* Its structure is right, but PRIORITY is ICE's, comprehension-required and not ours. */
static void knows_the_sample_request(void **state)
{
	struct message m = message_of(sample_request);

	(void)state;
	assert_int_equal(m.len, 108);
	assert_true(stun_is_message(m.bytes, m.len));
	assert_false(is_request(&m));
	assert_false(is_response(&m));
	assert_int_equal(
		crc32_slow(m.bytes, FINGERPRINT_AT) ^ UINT32_C(0x5354554e), 0xe57a3bcf);
}

/* False where a flipped bit left a message without FINGERPRINT: it made another type of
 * it, or an attribute grow over it. */
static bool has_fingerprint(const struct message *m)
{
	size_t at = 20;

	while (at + 4 <= m->len) {
		if (m->bytes[at] == 0x80 && m->bytes[at + 1] == 0x28)
			return true;
		at += 4 +
		      (((size_t)m->bytes[at + 2] << 8 | m->bytes[at + 3]) + 3) / 4 * 4;
	}
	return false;
}

/* The same with PRIORITY made optional: then the FINGERPRINT alone decides. */
static void verifies_the_fingerprint_of_a_request(void **state)
{
	struct message m = message_of(sample_request);
	uint8_t id[STUN_ID_SIZE];
	size_t hidden = 0;

	(void)state;
	m.bytes[PRIORITY_AT] = 0x80;
	assert_false(is_request(&m));
	set_fingerprint(&m);
	assert_true(stun_read_request(m.bytes, m.len, id));
	assert_hex(id, sizeof(id), sample_id);
	for (size_t bit = 0; bit < m.len * 8; bit++) {
		m.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (has_fingerprint(&m) || !stun_is_message(m.bytes, m.len))
			assert_false(is_request(&m));
		else
			hidden++;
		m.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(hidden < 20); /* 16 bits of its type, and few more */
}

static void refuses_flipped_bits(const char *text)
{
	struct message m = message_of(text);
	size_t hidden = 0;

	for (size_t bit = 0; bit < m.len * 8; bit++) {
		m.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (has_fingerprint(&m) || !stun_is_message(m.bytes, m.len))
			assert_false(is_response(&m));
		else
			hidden++;
		m.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(is_response(&m));
	assert_true(hidden < 20); /* 16 bits of its type, and few more */
}

static void refuses_changed_responses(void **state)
{
	(void)state;
	refuses_flipped_bits(sample_ipv4);
	refuses_flipped_bits(sample_ipv6);
}

/* Cut as it came, and cut with a length that agrees. */
static void refuses_truncated_messages(void **state)
{
	static const char *const samples[] = {sample_request, sample_ipv4, sample_ipv6};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct message whole = message_of(samples[i]);

		for (size_t len = 0; len < whole.len; len++) {
			uint8_t *cut = malloc(len ? len : 1), id[STUN_ID_SIZE];
			struct addr a;

			memcpy(cut, whole.bytes, len);
			assert_false(stun_is_message(cut, len));
			assert_false(stun_read_request(cut, len, id));
			assert_false(stun_read_response(cut, len, id, &a));
			if (len >= 20) {
				cut[3] = (uint8_t)(len - 20);
				stun_read_request(cut, len, id);
				stun_read_response(cut, len, id, &a);
			}
			if (len >= 20 && len % 4)
				assert_false(stun_is_message(cut, len));
			free(cut);
		}
	}
}

static void checks_the_header(void **state)
{
	struct message good = message_with(0, "");

	(void)state;
	assert_true(stun_is_message(good.bytes, good.len));
	for (size_t bit = 0; bit < 8 * 8; bit++) {
		struct message m = good;
		bool type = bit < 6 ||
			    (bit >= 8 && bit < 16); /* all but its first two bits */

		m.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(stun_is_message(m.bytes, m.len), type);
		assert_false(is_request(&m));
	}
	assert_false(stun_is_message(NULL, 0));
	good.len++;
	assert_false(stun_is_message(good.bytes, good.len));
}

static void checks_that_attributes_fill_it(void **state)
{
	static const struct {
		const char *attributes;
		bool good;
	} table[] = {
		{"80220000", true},
		{"80220001 61000000", true},
		{"80220004 61626364", true},
		{"80220003 616263ff", true}, /* padding may be anything */
		{"80220001", false},
		{"80220005 61626364", false},
		{"8022ffff 61626364", false},
		{"8022fffd 61626364", false},
		{"80220000 80", false},
		{"80220000 8022", false},
		{"80220004 61626364 80220001", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct message m = message_with(0, table[i].attributes);

		assert_int_equal(stun_is_message(m.bytes, m.len), table[i].good);
		assert_int_equal(is_request(&m), table[i].good);
	}
}

/* 192.0.2.1:32853 is 0001a147e112a643 xored, 00018055c0000201 plain. */
static void chooses_the_mapped_address(void **state)
{
	static const struct {
		const char *attributes, *mapped; /* NULL: no response of use */
	} table[] = {
		{"00010008 00018055c0000201", "192.0.2.1:32853"},
		{"00010014 00028055 20010db8000000000000000000000001",
			"[2001:db8::1]:32853"},
		{"00010008 0001000101010101 00200008 0001a147e112a643",
			"192.0.2.1:32853"},
		{"00200008 0001a147e112a643 00010008 0001000101010101",
			"192.0.2.1:32853"},
		{"00200008 0001a147e112a643 00200008 0001000000000000",
			"192.0.2.1:32853"},
		{"00200008 ff01a147e112a643", "192.0.2.1:32853"}, /* reserved byte */
		{"", NULL},
		{"80220000", NULL},
		{"00200000", NULL},
		{"00200004 0001a147", NULL},
		{"00200007 0001a147e112a600", NULL},
		{"0020000c 0001a147e112a643 00000000", NULL},
		{"00200008 0002a147e112a643", NULL},
		{"00200008 0000a147e112a643", NULL},
		{"00200008 0003a147e112a643", NULL},
		{"00200014 0001a147 e112a643 000000000000000000000000", NULL},
		{"00010008 00018055c0000201 00200000",
			NULL}, /* no falling back from a bad one */
		/* Behind an integrity attribute nothing counts. */
		{"001c0000 00200008 0001a147e112a643", NULL},
		{"00080000 00200008 0001a147e112a643", NULL},
		{"00200008 0001a147e112a643 00080000 7fff0000", "192.0.2.1:32853"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct message m = message_with(1, table[i].attributes);
		uint8_t id[STUN_ID_SIZE];
		struct addr a, want;
		bool ok = stun_read_response(m.bytes, m.len, id, &a);

		if (ok != !!table[i].mapped)
			fail_msg("wrong about %s", table[i].attributes);
		if (!ok)
			continue;
		assert_true(addr_parse(&want, table[i].mapped, 0));
		assert_true(addr_equal(&a, &want));
	}
}

/* A plain request is one that does not ask its answer to go elsewhere. */
static void reads_questions(void **state)
{
	static const struct {
		const char *attributes;
		bool good, change;
		uint16_t response_port;
	} table[] = {
		{"", true, false, 0},
		{"00030004 fffffff9", true, true, 0}, /* bits that mean nothing */
		{"00030003 00000000", false, false, 0},
		{"00030008 00000000 00000000", false, false, 0},
		{"00270002 00350000", true, false, 53},
		{"00270004 00350000", true, false, 53},
		{"00270002 00000000", false, false, 0},
		{"00270001 35000000", false, false, 0},
		{"00260004 00000000", false, false, 0}, /* PADDING */
		{"00040008 0001000001020304", false, false, 0},
		/* Behind an integrity attribute nothing counts. */
		{"00080000 00030004 00000002", true, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct message m = message_with(0, table[i].attributes);
		struct stun_question q = {.has_change = false};

		if (stun_read_question(m.bytes, m.len, &q) != table[i].good)
			fail_msg("wrong about %s", table[i].attributes);
		assert_int_equal(is_request(&m),
			table[i].good && !table[i].change && table[i].response_port == 0);
		if (!table[i].good)
			continue;
		assert_int_equal(q.has_change, table[i].change);
		assert_false(q.change_address || q.change_port);
		assert_int_equal(q.response_port, table[i].response_port);
	}
}

static void assert_address(const struct addr *a, const char *text)
{
	struct addr want = {0};

	assert_true(text == NULL || addr_parse(&want, text, 0));
	assert_true(addr_equal(a, &want));
}

/* RFC 5780, sections 7.3 and 7.4: neither is xored. */
static void reads_origin_and_other_address(void **state)
{
	static const struct {
		const char *attributes, *origin, *other;
	} table[] = {
		{"", NULL, NULL},
		{"802b0008 00010d96c0000201 802c0008 00010d97c0000202", "192.0.2.1:3478",
			"192.0.2.2:3479"},
		{"802b0014 00020d96 20010db8000000000000000000000001",
			"[2001:db8::1]:3478", NULL},
		{"00040008 00010d96c0000201 00050008 00010d97c0000202", "192.0.2.1:3478",
			"192.0.2.2:3479"},
		{"00050008 00010d97c0000203 802c0008 00010d97c0000202", NULL,
			"192.0.2.2:3479"},
		{"802c0007 00010d97c0000200", NULL, NULL},
		{"802c0008 00030d97c0000200", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		char text[128] = "00200008 0001a147e112a643";
		struct message m = message_with(1, strcat(text, table[i].attributes));
		struct stun_answer a;

		assert_true(stun_read_answer(m.bytes, m.len, &a));
		assert_hex(a.id, sizeof(a.id), sample_id);
		assert_address(&a.mapped, "192.0.2.1:32853");
		assert_address(&a.origin, table[i].origin);
		assert_address(&a.other, table[i].other);
	}
}

static bool in(uint16_t type, const uint16_t *types, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (types[i] == type)
			return true;
	}
	return false;
}

/* Every type there is: RFC 8489's own and the optional ones pass; in a response RFC
 * 3489's and PADDING pass as well. */
static void knows_what_it_must_understand(void **state)
{
	static const uint16_t known[] = {
		1, 6, 8, 9, 10, 0x14, 0x15, 0x1c, 0x1d, 0x1e, 0x20};
	static const uint16_t old[] = {2, 3, 4, 5, 7, 11, 0x26};

	(void)state;
	for (unsigned type = 0; type <= 0xffff; type++) {
		struct message q = message_with(0, "00000000");
		struct message r = message_with(1, "00200008 0001a147e112a643 00000000");
		bool pass = in((uint16_t)type, known, 11) || type >= 0x8000;
		bool old_pass = pass || in((uint16_t)type, old, 7);

		if (type == 0x8028) /* FINGERPRINT has its own tests */
			continue;
		q.bytes[20] = r.bytes[32] = (uint8_t)(type >> 8);
		q.bytes[21] = r.bytes[33] = (uint8_t)type;
		assert_true(stun_is_message(q.bytes, q.len));
		assert_int_equal(is_request(&q), pass);
		assert_int_equal(is_response(&r), old_pass);
	}
}

static void wants_the_fingerprint_last_and_whole(void **state)
{
	struct message m = message_with(0, "80280004 00000000");

	(void)state;
	assert_false(is_request(&m));
	set_fingerprint(&m);
	assert_true(is_request(&m));
	m.len += unhex(m.bytes + m.len, 4, "80220000");
	set_length(&m);
	assert_false(is_request(&m));
	m = message_with(0, "80280000");
	assert_false(is_request(&m));
	m = message_with(0, "80280008 0000000000000000");
	assert_false(is_request(&m));
	m = message_with(0, "00080000 80280004 00000000"); /* behind an integrity too */
	assert_false(is_request(&m));
	set_fingerprint(&m);
	assert_true(is_request(&m));
}

static void reads_no_other_type(void **state)
{
	(void)state;
	for (unsigned type = 0; type <= 0xffff; type++) {
		struct message m = message_with(0, "00200008 0001a147e112a643");

		m.bytes[0] = (uint8_t)(type >> 8);
		m.bytes[1] = (uint8_t)type;
		assert_int_equal(stun_is_message(m.bytes, m.len), type < 0x4000);
		assert_int_equal(is_request(&m), type == 0x0001);
		assert_int_equal(is_response(&m), type == 0x0101);
	}
}

/* Nothing to assert but that a sanitizer stays quiet, and that what is read is STUN. */
static void survives_random_changes(void **state)
{
	static const char *const samples[] = {sample_request, sample_ipv4, sample_ipv6};
	uint64_t random = random_start();

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct message m = message_of(samples[i % 3]);
		uint8_t id[STUN_ID_SIZE];
		struct addr a;
		uint8_t *copy;
		bool read;

		m.len = random_below(&random, 4) ? m.len
						 : random_below(&random, m.len + 1);
		for (uint64_t n = random_below(&random, 6); n > 0 && m.len; n--)
			m.bytes[random_below(&random, m.len)] =
				(uint8_t)random_u64(&random);
		if (m.len >= 20 && i % 2)
			set_length(&m);
		copy = malloc(m.len ? m.len : 1);
		memcpy(copy, m.bytes, m.len);
		read = stun_read_request(copy, m.len, id);
		read |= stun_read_response(copy, m.len, id, &a);
		assert_true(!read || stun_is_message(copy, m.len));
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_sample_responses),
		cmocka_unit_test(knows_the_sample_request),
		cmocka_unit_test(verifies_the_fingerprint_of_a_request),
		cmocka_unit_test(refuses_changed_responses),
		cmocka_unit_test(refuses_truncated_messages),
		cmocka_unit_test(checks_the_header),
		cmocka_unit_test(checks_that_attributes_fill_it),
		cmocka_unit_test(chooses_the_mapped_address),
		cmocka_unit_test(reads_questions),
		cmocka_unit_test(reads_origin_and_other_address),
		cmocka_unit_test(knows_what_it_must_understand),
		cmocka_unit_test(wants_the_fingerprint_last_and_whole),
		cmocka_unit_test(reads_no_other_type),
		cmocka_unit_test(survives_random_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
