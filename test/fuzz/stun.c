/* SPDX-License-Identifier: MIT */
/* STUN: bytes as they come, or with what a stranger can compute as well put right: cookie,
 * length, FINGERPRINT. The first byte chooses. */
#include "core/stun.h"

#include "fuzz/fuzz.h"

#define HEADER      20
#define FINGERPRINT 8 /* the attribute with its header */

#define QUESTION_MAX 1480

enum { FIX_COOKIE = 1, FIX_LENGTH = 2, FIX_FINGERPRINT = 4 };

static void put32(uint8_t *at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* CRC-32 bit by bit: another way than the core's. */
static uint32_t crc32_slow(const uint8_t *bytes, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
	}
	return ~crc;
}

static void put_right(uint8_t *buf, size_t len, uint8_t what)
{
	if (len < HEADER)
		return;
	if (what & FIX_COOKIE) {
		buf[0] &= 0x3f;
		put32(buf + 4, UINT32_C(0x2112a442));
	}
	if (what & FIX_LENGTH) {
		buf[2] = (uint8_t)((len - HEADER) >> 8);
		buf[3] = (uint8_t)(len - HEADER);
	}
	if (what & FIX_FINGERPRINT && len >= HEADER + FINGERPRINT) {
		put32(buf + len - FINGERPRINT, UINT32_C(0x80280004));
		put32(buf + len - 4,
			crc32_slow(buf, len - FINGERPRINT) ^ UINT32_C(0x5354554e));
	}
}

/* What a server answers about an address, a client reads. */
static void check_answer(const uint8_t id[STUN_ID_SIZE], const struct addr *mapped)
{
	uint8_t out[STUN_RESPONSE_MAX], read_id[STUN_ID_SIZE];
	size_t len = stun_write_response(out, id, mapped);
	struct addr read;

	REQUIRE(len <= STUN_RESPONSE_MAX && stun_is_message(out, len));
	REQUIRE(stun_read_response(out, len, read_id, &read));
	REQUIRE(addr_equal(&read, mapped) && memcmp(read_id, id, STUN_ID_SIZE) == 0);
	REQUIRE(!stun_read_request(out, len, read_id));
}

/* A question that was read is read again as it was, whatever fills it. */
static void check_question(const struct stun_question *q, size_t len)
{
	uint8_t out[QUESTION_MAX];
	struct stun_question again;
	size_t written = stun_write_question(out, q, len % QUESTION_MAX);

	REQUIRE(written <= sizeof(out) && written >= STUN_REQUEST_SIZE);
	REQUIRE(stun_read_question(out, written, &again));
	REQUIRE(memcmp(again.id, q->id, STUN_ID_SIZE) == 0 &&
		again.has_change == q->has_change &&
		again.change_address == q->change_address &&
		again.change_port == q->change_port &&
		again.response_port == q->response_port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = input_over(data, size);
	uint8_t what = input_u8(&in), id[STUN_ID_SIZE];
	uint8_t *buf = fuzz_copy(in.at, in.left);
	struct addr mapped;
	struct stun_question q;
	struct stun_answer answer;
	bool is, request, response;

	put_right(buf, in.left, what);
	is = stun_is_message(buf, in.left);
	request = stun_read_request(buf, in.left, id);
	if (request)
		REQUIRE(memcmp(id, buf + 8, STUN_ID_SIZE) == 0);
	response = stun_read_response(buf, in.left, id, &mapped);
	REQUIRE(is || (!request && !response));
	REQUIRE(!request || !response);
	if (response)
		check_answer(id, &mapped);
	if (stun_read_question(buf, in.left, &q)) {
		REQUIRE(is && request == (!q.has_change && q.response_port == 0));
		check_question(&q, in.left);
	} else {
		REQUIRE(!request);
	}
	REQUIRE(stun_read_answer(buf, in.left, &answer) == response);
	REQUIRE(!response || addr_equal(&answer.mapped, &mapped));
	free(buf);
	return 0;
}
