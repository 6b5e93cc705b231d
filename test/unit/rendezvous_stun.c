/* SPDX-License-Identifier: MIT */
/* A rendezvous as an RFC 5780 server of one address. */
#include "asking.h"

static const struct addr guest = {
	.family = ADDR_V4, .port = 4711, .ip = {203, 0, 113, 7}};

static enum verdict ask_change(struct asking *a, const struct addr *from, uint32_t socket,
	const struct stun_question *q, size_t len)
{
	const struct path path = {
		.socket = socket, .local = a->local, .remote = *from, .ifindex = 7};
	uint8_t bytes[64];
	enum verdict verdict;
	struct datagram d;

	len = stun_write_question(bytes, q, len);
	verdict = rendezvous_input(a->r, &path, bytes, len, a->now);
	for (a->answers = 0; rendezvous_output(a->r, &d, a->now); a->answers++) {
		a->answer = d;
		assert_true(addr_equal(&d.path.remote, from));
		assert_int_equal(d.path.ifindex, 7);
		assert_true(!q->change_port || d.len <= len);
	}
	return verdict;
}

static void add_ports(struct asking *a)
{
	static const struct {
		const char *bound;
		uint32_t number;
	} sockets[] = {{"192.0.2.1:3478", 0}, {"[::]:3478", 1}, {"192.0.2.1:3480", 2},
		{"[::]:3480", 3}, {"192.0.2.1:3483", 4}};

	a->config.alt_base = 3479;
	a->config.alt_mask = 1 << 1 | 1 << 4;
	asking_start(a);
	for (size_t i = 0; i < sizeof(sockets) / sizeof(*sockets); i++) {
		struct addr bound;

		assert_true(addr_parse(&bound, sockets[i].bound, 0));
		rendezvous_add_socket(a->r, sockets[i].number, &bound);
	}
}

/* RFC 5780's CHANGE-REQUEST: from the listening port to the first further one and back, not
 * longer than the question, nothing to anywhere else. */
static void answers_from_its_other_port(void **state)
{
	const struct stun_question plain = {.has_change = true},
				   change = {.has_change = true, .change_port = true},
				   both = {.has_change = true,
					   .change_port = true,
					   .change_address = true},
				   port = {.response_port = 4711};
	struct addr far;
	struct asking a;

	(void)state;
	asking_init(&a);
	add_ports(&a);
	assert_int_equal(ask_change(&a, &guest, 0, &plain, 0), VERDICT_CONSUMED);
	assert_int_equal(a.answer.path.local.port, 3478);
	assert_int_equal(ask_change(&a, &guest, 0, &change, 32), VERDICT_CONSUMED);
	assert_int_equal(a.answers, 1);
	assert_int_equal(a.answer.path.socket, 2);
	assert_true(addr_same_ip(&a.answer.path.local, &a.local));
	assert_int_equal(a.answer.path.local.port, 3480);
	assert_int_equal(ask_change(&a, &guest, 0, &change, 28), VERDICT_DROP_MALFORMED);
	assert_int_equal(ask_change(&a, &guest, 0, &both, 44), VERDICT_DROP_MALFORMED);
	assert_int_equal(ask_change(&a, &guest, 0, &port, 44), VERDICT_DROP_MALFORMED);
	assert_int_equal(a.answers, 0);
	a.local.port = 3483;
	assert_int_equal(ask_change(&a, &guest, 4, &change, 32), VERDICT_CONSUMED);
	assert_int_equal(a.answer.path.socket, 0);
	assert_int_equal(a.answer.path.local.port, 3478);
	assert_true(addr_parse(&a.local, "[2001:db8::1]:3478", 0));
	assert_true(addr_parse(&far, "[2001:db8:1::1]:5000", 0));
	assert_int_equal(ask_change(&a, &far, 1, &change, 40), VERDICT_DROP_MALFORMED);
	assert_int_equal(ask_change(&a, &far, 1, &change, 44), VERDICT_CONSUMED);
	assert_int_equal(a.answer.path.socket, 3);
	assert_int_equal(a.answer.len, 44);
	for (unsigned i = 0; i < 17; i++)
		assert_int_equal(
			ask_change(&a, &far, 1, &change, 44 + i % 8), VERDICT_CONSUMED);
	asking_end(&a);
}

/* One limit for answers from either port; none at all without further ports. */
static void limits_answers_from_its_other_port(void **state)
{
	const struct stun_question plain = {.has_change = false},
				   change = {.has_change = true, .change_port = true};
	struct asking a;

	(void)state;
	asking_init(&a);
	add_ports(&a);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(
			ask_change(&a, &guest, 0, &change, 32), VERDICT_CONSUMED);
	assert_int_equal(ask_change(&a, &guest, 0, &change, 32), VERDICT_DROP_LIMIT);
	assert_int_equal(ask_change(&a, &guest, 0, &plain, 0), VERDICT_DROP_LIMIT);
	asking_end(&a);
	asking_begin(&a);
	rendezvous_add_socket(a.r, 0, &a.local);
	assert_int_equal(ask_change(&a, &guest, 0, &change, 32), VERDICT_DROP_MALFORMED);
	for (uint32_t i = 0; i < 2 * RENDEZVOUS_SOCKETS_MAX; i++)
		rendezvous_add_socket(a.r, i, &a.local);
	assert_int_equal(ask_change(&a, &guest, 9, &change, 32), VERDICT_DROP_MALFORMED);
	assert_int_equal(a.answers, 0);
	asking_end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_from_its_other_port),
		cmocka_unit_test(limits_answers_from_its_other_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
