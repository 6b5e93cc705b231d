/* SPDX-License-Identifier: MIT */
/* Messages between a rendezvous and those who meet there, byte by byte. */
#include "messages.h"

static void cookie_ask(void **state)
{
	uint8_t bytes[COOKIE_ASK_SIZE];
	struct words w = words();

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(cookie_ask_encode(bytes, w.id), 64);
	assert_hex(bytes, 64,
		"8101" ID
		"0000000000000000000000000000000000000000000000000000000000000000"
		"0000000000000000000000000000");
}

static bool reads_cookie(const struct words *w, const uint8_t *buf, size_t len)
{
	struct cookie_message m;

	return cookie_decode(&m, buf, len) && m.alt_base == 3500 && m.alt_mask == 15 &&
	       memcmp(m.cookie, w->cookie, COOKIE_SIZE) == 0 &&
	       (addr_equal(&m.observed, &w->guest) || addr_equal(&m.observed, &w->v6));
}

static void cookie(void **state)
{
	uint8_t bytes[COOKIE_MESSAGE_SIZE];
	struct words w = words();
	struct cookie_message m = {
		.observed = w.guest, .alt_base = 3500, .alt_mask = 0xf};

	(void)state;
	memcpy(m.cookie, w.cookie, COOKIE_SIZE);
	assert_int_equal(cookie_encode(bytes, w.id, &m), 59);
	assert_hex(bytes, 59,
		"8201" ID COOKIE "04db1163071415161718191a1b1c1d1e1f8c510dac0000000f");
	expect_sizes(reads_cookie, &w, bytes, 59, 59, true);
	m.observed = w.v6;
	cookie_encode(bytes, w.id, &m);
	expect_no_flips(reads_cookie, &w, bytes, 59, 2, 59);
}

static bool reads_register(const struct words *w, const uint8_t *buf, size_t len)
{
	struct register_message m;

	(void)w;
	return register_decode(&m, buf, len) && register_verify(&m);
}

static struct register_message registration(const struct words *w)
{
	struct register_message m = {.dialled = w->v4, .lease = 0x01020304};

	memcpy(m.cookie, w->cookie, COOKIE_SIZE);
	memcpy(m.service, w->service, sizeof(m.service));
	memcpy(m.asking, w->asking, sizeof(m.asking));
	memcpy(m.instance, w->instance, INSTANCE_SIZE);
	return m;
}

static void registers(void **state)
{
	uint8_t bytes[REGISTER_SIZE];
	struct words w = words();
	struct register_message m = registration(&w), read;

	(void)state;
	assert_int_equal(register_encode(bytes, w.id, &m, w.seed), 201);
	assert_hex(bytes, 201,
		"8301" ID COOKIE SERVICE ASKING INSTANCE
		"04d01110121415161718191a1b1c1d1e1f1d870102030488f86436df8d0ccd79"
		"779ec150cb3639ae418307bcc55fcf1c34046c0008e18b2c73a8fc1259162d1b"
		"5022ad78a9976433659535d2d2a103d38a4b0cf41f180d");
	assert_true(register_decode(&read, bytes, 201));
	assert_memory_equal(read.cookie, m.cookie, COOKIE_SIZE);
	assert_memory_equal(read.service, m.service, sizeof(m.service));
	assert_memory_equal(read.asking, m.asking, sizeof(m.asking));
	assert_memory_equal(read.instance, m.instance, INSTANCE_SIZE);
	assert_true(addr_equal(&read.dialled, &m.dialled));
	assert_int_equal(read.lease, 0x01020304);
	expect_sizes(reads_register, &w, bytes, 201, 201, false);
	/* Another seed than the service's own. */
	register_encode(bytes, w.id, &m, w.asking_seed);
	assert_false(reads_register(&w, bytes, 201));
}

/* The header's id unmasks the address, which is signed; type and version are not. */
static void registers_over_ipv6(void **state)
{
	uint8_t bytes[REGISTER_SIZE];
	struct words w = words();
	struct register_message m = registration(&w);

	(void)state;
	m.dialled = w.v6;
	assert_int_equal(register_encode(bytes, w.id, &m, w.seed), 201);
	assert_hex(bytes, 201,
		"8301" ID COOKIE SERVICE ASKING INSTANCE
		"0630101fab1415161718191a1b1c1d1e1e1d870102030474fc58b1eeed8bf62c"
		"a16c4350f68b861af9f11d097ddb8c9296c46201c8f0d02703f5c67e77d8908d"
		"27b740107407882b0de2a0c869fa567546ffb5ead28201");
	expect_no_flips(reads_register, &w, bytes, 201, 2, 201);
}

static bool reads_registered(const struct words *w, const uint8_t *buf, size_t len)
{
	struct registered_message m;

	return registered_decode(&m, buf, len) && m.lease == 15 &&
	       memcmp(m.token, w->token, TOKEN_SIZE) == 0 &&
	       (addr_equal(&m.observed, &w->guest) || addr_equal(&m.observed, &w->v6));
}

static void registered_and_refreshed(void **state)
{
	uint8_t bytes[REGISTERED_SIZE];
	struct words w = words();
	struct registered_message m = {.lease = 15, .observed = w.guest};

	(void)state;
	memcpy(m.token, w.token, TOKEN_SIZE);
	assert_int_equal(registered_encode(bytes, w.id, &m), 57);
	assert_hex(bytes, 57,
		"8401" ID TOKEN "0000000f04db1163071415161718191a1b1c1d1e1f8c51");
	expect_sizes(reads_registered, &w, bytes, 57, 57, true);
	assert_int_equal(refreshed_encode(bytes, w.id, &m), 57);
	assert_hex(bytes, 57,
		"8601" ID TOKEN "0000000f04db1163071415161718191a1b1c1d1e1f8c51");
	expect_sizes(reads_registered, &w, bytes, 57, 57, true);
	m.observed = w.v6;
	registered_encode(bytes, w.id, &m);
	expect_no_flips(reads_registered, &w, bytes, 57, 2, 57);
}

static bool reads_lease(const struct words *w, const uint8_t *buf, size_t len)
{
	struct lease_message m;

	return lease_decode(&m, buf, len) && message_mac_verify(buf, len, w->token) &&
	       memcmp(m.service, w->service, sizeof(m.service)) == 0 &&
	       memcmp(m.instance, w->instance, INSTANCE_SIZE) == 0;
}

static void refresh_and_unregister(void **state)
{
	uint8_t bytes[LEASE_MESSAGE_SIZE];
	struct words w = words();
	struct lease_message m;

	(void)state;
	memcpy(m.service, w.service, sizeof(m.service));
	memcpy(m.instance, w.instance, INSTANCE_SIZE);
	assert_int_equal(lease_encode(bytes, MESSAGE_REFRESH, w.id, &m, w.token), 82);
	assert_hex(
		bytes, 82, "8501" ID "bddcb6d8588a6d691abdf05377c1309a" SERVICE INSTANCE);
	expect_sizes(reads_lease, &w, bytes, 82, 82, false);
	expect_no_flips(reads_lease, &w, bytes, 82, 0, 82);
	assert_int_equal(lease_encode(bytes, MESSAGE_UNREGISTER, w.id, &m, w.token), 82);
	assert_hex(
		bytes, 82, "8e01" ID "b5bb51b4dce8e5dc8ce7eaa6070de70c" SERVICE INSTANCE);
	expect_no_flips(reads_lease, &w, bytes, 82, 0, 82);
}

/* Asking. */

static bool reads_ask(const struct words *w, const uint8_t *buf, size_t len)
{
	struct ask_message m;

	return ask_decode(&m, buf, len) && m.proof_kind == PROOF_SIGNATURE &&
	       ask_verify(&m, message_id(buf), w->asking);
}

static bool reads_ask_by_token(const struct words *w, const uint8_t *buf, size_t len)
{
	struct ask_message m;

	return ask_decode(&m, buf, len) && m.proof_kind == PROOF_TOKEN &&
	       ask_verify_token(&m, message_id(buf), w->token);
}

static struct ask_message question(const struct words *w, enum ask_proof kind)
{
	struct ask_message m = {.dialled = w->v6,
		.proof_kind = kind,
		.payload = w->payload,
		.payload_len = sizeof(w->payload)};

	memcpy(m.cookie, w->cookie, COOKIE_SIZE);
	memcpy(m.service, w->service, sizeof(m.service));
	return m;
}

/* What is behind the offer is zeros, and nobody reads it. */
#define ASK_ENDS 176

static void ask_signed(void **state)
{
	static const uint8_t zeros[ASK_SIZE];
	uint8_t bytes[ASK_SIZE];
	struct words w = words();
	struct ask_message m = question(&w, PROOF_SIGNATURE), read;

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(ask_encode(bytes, w.id, &m, w.asking_seed), 600);
	assert_hex(bytes, ASK_ENDS,
		"8801" ID COOKIE SERVICE
		"0630101fab1415161718191a1b1c1d1e1e1d8700c49ebe2f84cc5c6af86ffbba"
		"4b416d0d961ace5851184932a0c596abac8b27c63bf94b15a6b09f08308d92c0"
		"cef7139eb6b5c0c780a6916bf274de1db99f90000018" PAYLOAD);
	assert_memory_equal(bytes + ASK_ENDS, zeros, ASK_SIZE - ASK_ENDS);
	assert_true(ask_decode(&read, bytes, 600));
	assert_memory_equal(read.cookie, w.cookie, COOKIE_SIZE);
	assert_memory_equal(read.service, w.service, sizeof(w.service));
	assert_true(addr_equal(&read.dialled, &w.v6));
	assert_int_equal(read.payload_len, sizeof(w.payload));
	assert_ptr_equal(read.payload, bytes + 152);
	expect_sizes(reads_ask, &w, bytes, 600, 600, false);
	expect_no_flips(reads_ask, &w, bytes, 600, 2, ASK_ENDS);
}

static void ask_by_token(void **state)
{
	uint8_t bytes[ASK_SIZE];
	struct words w = words();
	struct ask_message m = question(&w, PROOF_TOKEN);

	(void)state;
	assert_int_equal(ask_encode(bytes, w.id, &m, w.token), 600);
	assert_hex(bytes, ASK_ENDS,
		"8801" ID COOKIE SERVICE
		"0630101fab1415161718191a1b1c1d1e1e1d8701a01fa29a195a5355ce9f38ae"
		"45eca28ca4a35dbbc272794eac7fb574df924ad5000000000000000000000000"
		"00000000000000000000000000000000000000000018" PAYLOAD);
	expect_sizes(reads_ask_by_token, &w, bytes, 600, 600, false);
	/* A MAC fills the first 32 bytes of the proof's 64. */
	expect_no_flips(reads_ask_by_token, &w, bytes, 600, 2, 118);
	expect_no_flips(reads_ask_by_token, &w, bytes, 600, 150, ASK_ENDS);
	assert_false(reads_ask(&w, bytes, 600));
}

/* Every length of an offer goes, and one that is longer is refused. */
static void ask_with_any_offer(void **state)
{
	static uint8_t offer[PAYLOAD_MAX];
	uint8_t bytes[ASK_SIZE];
	struct words w = words();
	struct ask_message m = question(&w, PROOF_TOKEN), read;

	(void)state;
	words_count(offer, sizeof(offer), 3);
	m.payload = offer;
	for (m.payload_len = 0; m.payload_len <= PAYLOAD_MAX; m.payload_len++) {
		assert_int_equal(ask_encode(bytes, w.id, &m, w.token), 600);
		assert_true(reads_ask_by_token(&w, bytes, 600));
		assert_true(ask_decode(&read, bytes, 600));
		assert_int_equal(read.payload_len, m.payload_len);
		assert_memory_equal(read.payload, offer, m.payload_len);
	}
	for (unsigned len = PAYLOAD_MAX + 1; len < 65536; len += 13) {
		bytes[150] = (uint8_t)(len >> 8);
		bytes[151] = (uint8_t)len;
		assert_false(ask_decode(&read, bytes, 600));
	}
}

static bool reads_asked(const struct words *w, const uint8_t *buf, size_t len)
{
	uint8_t token[TOKEN_SIZE];
	struct addr observed;

	return asked_decode(token, &observed, buf, len) &&
	       memcmp(token, w->token, TOKEN_SIZE) == 0 &&
	       (addr_equal(&observed, &w->guest) || addr_equal(&observed, &w->v6));
}

static void asked(void **state)
{
	uint8_t bytes[ASKED_SIZE];
	struct words w = words();

	(void)state;
	assert_int_equal(asked_encode(bytes, w.id, w.token, &w.guest), 53);
	assert_hex(bytes, 53, "8901" ID TOKEN "04db1163071415161718191a1b1c1d1e1f8c51");
	expect_sizes(reads_asked, &w, bytes, 53, 53, true);
	asked_encode(bytes, w.id, w.token, &w.v6);
	expect_no_flips(reads_asked, &w, bytes, 53, 2, 53);
}

/* Passing on. */

static bool reads_introduce(const struct words *w, const uint8_t *buf, size_t len)
{
	struct introduce_message m;

	(void)w;
	return introduce_decode(&m, buf, len);
}

static bool reads_true_introduce(const struct words *w, const uint8_t *buf, size_t len)
{
	return reads_introduce(w, buf, len) && message_mac_verify(buf, len, w->token);
}

static void introduce(void **state)
{
	uint8_t bytes[INTRODUCE_MAX + 1] = {0};
	struct words w = words();
	struct introduce_message read,
		m = {.guest = w.guest, .payload = w.payload, .payload_len = 24};

	(void)state;
	assert_int_equal(introduce_encode(bytes, w.id, &m, w.token), 77);
	assert_hex(bytes, 77,
		"8a01" ID
		"d1d8dd0053176dde955b0c13933582f104db1163071415161718191a1b1c1d1e"
		"1f8c51" PAYLOAD);
	assert_true(introduce_decode(&read, bytes, 77));
	assert_true(addr_equal(&read.guest, &w.guest));
	assert_int_equal(read.payload_len, 24);
	assert_memory_equal(read.payload, w.payload, 24);
	for (size_t len = 18; len < 77; len++) {
		assert_int_equal(
			reads_exactly(reads_introduce, &w, bytes, len), len >= 53);
		assert_false(reads_exactly(reads_true_introduce, &w, bytes, len));
	}
	expect_no_flips(reads_true_introduce, &w, bytes, 77, 0, 77);
	assert_true(introduce_decode(&read, bytes, INTRODUCE_MAX));
	assert_false(introduce_decode(&read, bytes, INTRODUCE_MAX + 1));
}

static bool reads_answer(const struct words *w, const uint8_t *buf, size_t len)
{
	struct answer_message m;

	(void)w;
	return answer_decode(&m, buf, len);
}

static bool reads_true_answer(const struct words *w, const uint8_t *buf, size_t len)
{
	return reads_answer(w, buf, len) && message_mac_verify(buf, len, w->token);
}

static void answer(void **state)
{
	uint8_t bytes[ANSWER_MAX + 1] = {0};
	struct words w = words();
	struct answer_message read,
		m = {.sequence = 2, .payload = w.payload, .payload_len = 24};

	(void)state;
	memcpy(m.service, w.service, sizeof(m.service));
	memcpy(m.instance, w.instance, INSTANCE_SIZE);
	assert_int_equal(answer_encode(bytes, w.id, &m, w.token), 107);
	assert_hex(bytes, 107,
		"8b01" ID "aed96e2464a784cfbadbe37c7b29c062" SERVICE INSTANCE
		"02" PAYLOAD);
	assert_true(answer_decode(&read, bytes, 107));
	assert_memory_equal(read.service, w.service, sizeof(w.service));
	assert_memory_equal(read.instance, w.instance, INSTANCE_SIZE);
	assert_int_equal(read.sequence, 2);
	assert_int_equal(read.payload_len, 24);
	assert_memory_equal(read.payload, w.payload, 24);
	for (size_t len = 18; len < 107; len++) {
		assert_int_equal(reads_exactly(reads_answer, &w, bytes, len), len >= 83);
		assert_false(reads_exactly(reads_true_answer, &w, bytes, len));
	}
	expect_no_flips(reads_true_answer, &w, bytes, 107, 0, 107);
	assert_true(answer_decode(&read, bytes, ANSWER_MAX));
	assert_false(answer_decode(&read, bytes, ANSWER_MAX + 1));
}

/* Nothing of it is authentic but the offer in it: whatever comes is read or dropped. */
static bool reads_answered(const struct words *w, const uint8_t *buf, size_t len)
{
	struct answered_message m;

	(void)w;
	return answered_decode(&m, buf, len);
}

static void answered(void **state)
{
	uint8_t bytes[ANSWERED_MAX + 1] = {0};
	struct words w = words();
	struct answered_message read, m = {.host = w.v4,
					      .sequence = 2,
					      .channel = 0x01020304,
					      .payload = w.payload,
					      .payload_len = 24};

	(void)state;
	memcpy(m.instance, w.instance, INSTANCE_SIZE);
	assert_int_equal(answered_encode(bytes, w.id, &m), 82);
	assert_hex(bytes, 82,
		"8c01" ID "04d01110121415161718191a1b1c1d1e1f1d87" INSTANCE
		"02 01020304" PAYLOAD);
	assert_true(answered_decode(&read, bytes, 82));
	assert_true(addr_equal(&read.host, &w.v4));
	assert_memory_equal(read.instance, w.instance, INSTANCE_SIZE);
	assert_int_equal(read.sequence, 2);
	assert_int_equal(read.channel, 0x01020304);
	assert_int_equal(read.payload_len, 24);
	assert_memory_equal(read.payload, w.payload, 24);
	for (size_t len = 18; len < 82; len++)
		assert_int_equal(
			reads_exactly(reads_answered, &w, bytes, len), len >= 58);
	assert_true(answered_decode(&read, bytes, ANSWERED_MAX));
	assert_false(answered_decode(&read, bytes, ANSWERED_MAX + 1));
	bytes[54] = 0x20; /* no channel has so high a number */
	assert_false(answered_decode(&read, bytes, 82));
}

/* What comes back to a stranger is not longer than what it asked with. */
static void answers_are_not_longer_than_questions(void **state)
{
	(void)state;
	assert_true(COOKIE_MESSAGE_SIZE <= COOKIE_ASK_SIZE);
	assert_true(REGISTERED_SIZE <= LEASE_MESSAGE_SIZE);
	assert_true(REGISTERED_SIZE <= REGISTER_SIZE);
	assert_true(ANSWERED_MAX <= ASK_SIZE);
	assert_true(INTRODUCE_MAX <= ASK_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookie_ask),
		cmocka_unit_test(cookie),
		cmocka_unit_test(registers),
		cmocka_unit_test(registers_over_ipv6),
		cmocka_unit_test(registered_and_refreshed),
		cmocka_unit_test(refresh_and_unregister),
		cmocka_unit_test(ask_signed),
		cmocka_unit_test(ask_by_token),
		cmocka_unit_test(ask_with_any_offer),
		cmocka_unit_test(asked),
		cmocka_unit_test(introduce),
		cmocka_unit_test(answer),
		cmocka_unit_test(answered),
		cmocka_unit_test(answers_are_not_longer_than_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
