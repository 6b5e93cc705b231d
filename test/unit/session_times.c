/* SPDX-License-Identifier: MIT */
/* A session's liveness, reports and the limits of its counters. All times are literals.
 */
#include "core/session.h"
#include "ends.h"

#define CHACHA    CIPHER_CHACHA20_POLY1305
#define AT(s, ms) (UINT64_C(1000000000) * (s) + UINT64_C(1000000) * (ms))

static uint8_t sealed[128];
static struct heard heard;

static size_t seal_one(struct end *from, uint64_t now)
{
	return session_seal(
		&from->session, 0, 0, 1, (const uint8_t *)"x", 1, sealed, now);
}

static void send_one(struct end *from, struct end *to, uint64_t sent, uint64_t now)
{
	size_t len = seal_one(from, sent);

	assert_int_equal(len, 21);
	assert_int_equal(end_hear(to, &heard, sealed, len, now), VERDICT_DELIVER);
}

/* Both ends have heard each other at that time and have no report to give for a second.
 */
static void settle(struct ends *e, uint64_t now)
{
	ends_start(e, CHACHA, now);
	send_one(&e->guest, &e->host, now, now);
	send_one(&e->host, &e->guest, now, now);
	assert_int_equal(ends_pass(&e->guest, &e->host, now), 1);
	assert_int_equal(ends_pass(&e->host, &e->guest, now), 1);
}

/* Pops the timer, which must be due at that very time. */
static enum session_health expire(struct end *e, uint64_t at)
{
	assert_int_equal(timers_next(&e->timers), at);
	assert_null(timers_pop(&e->timers, at - 1));
	assert_ptr_equal(timers_pop(&e->timers, at), &e->session.timer);
	return session_expire(&e->session, at);
}

/* Runs the timer until it stands beyond a time; returns how many frames it sent. */
static unsigned idle(struct end *e, uint64_t until)
{
	unsigned frames = 0;

	while (timers_next(&e->timers) <= until) {
		uint64_t at = timers_next(&e->timers);

		assert_int_equal(expire(e, at), SESSION_FINE);
		frames += end_drop(e);
	}
	return frames;
}

/* A round trip is not known yet. */
static void asks_after_250_ms_of_silence(void **state)
{
	static const uint64_t at[] = {
		UINT64_C(70250000000), UINT64_C(70450000000), UINT64_C(70650000000)};
	struct ends e;

	(void)state;
	settle(&e, UINT64_C(60000000000));
	idle(&e.guest, AT(69, 0));
	seal_one(&e.guest, UINT64_C(70000000000));
	seal_one(&e.guest, UINT64_C(70300000000)); /* puts nothing off */
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(
			expire(&e.guest, at[i]), i == 0 ? SESSION_FINE : SESSION_DOUBTED);
		assert_int_equal(end_drop(&e.guest), 1);
	}
	assert_int_equal(expire(&e.guest, UINT64_C(70850000000)), SESSION_SUSPECT);
	assert_int_equal(end_drop(&e.guest), 1);
	assert_int_equal(expire(&e.guest, UINT64_C(71050000000)), SESSION_SUSPECT);
	ends_stop(&e);
}

/* Two round trips until the first pings, one and a half from then on, two pings a time. */
static void asks_as_the_round_trip_has_it(void **state)
{
	static const struct {
		uint64_t rtt, first, next; /* ms */
	} rows[] = {{1, 250, 150}, {100, 250, 150}, {200, 400, 300}, {300, 600, 450},
		{800, 1000, 500}, {5000, 1000, 500}};
	struct ends e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t at = AT(70, rows[i].first);

		settle(&e, AT(60, 0));
		idle(&e.guest, AT(69, 0));
		e.guest.session.rtt = rows[i].rtt * 1000000;
		seal_one(&e.guest, AT(70, 0));
		for (unsigned ping = 0; ping < 4; ping++) {
			enum session_health health =
				expire(&e.guest, at + ping * rows[i].next * 1000000);

			assert_int_equal(health, ping == 0  ? SESSION_FINE
						 : ping < 3 ? SESSION_DOUBTED
							    : SESSION_SUSPECT);
			assert_int_equal(end_drop(&e.guest), 2);
		}
		ends_stop(&e);
	}
}

static void is_fine_again_when_heard(void **state)
{
	struct ends e;

	(void)state;
	settle(&e, UINT64_C(60000000000));
	idle(&e.guest, UINT64_C(60400000000));
	seal_one(&e.guest, UINT64_C(61750000000));
	idle(&e.guest, UINT64_C(61900000000));
	send_one(&e.host, &e.guest, UINT64_C(61950000000), UINT64_C(61950000000));
	end_drop(&e.guest); /* its report, at 61.95 s, which the keepalive counts from */
	assert_int_equal(expire(&e.guest, UINT64_C(62000000000)), SESSION_FINE);
	assert_int_equal(end_drop(&e.guest), 0);
	seal_one(&e.guest, UINT64_C(70000000000));
	assert_int_equal(expire(&e.guest, UINT64_C(70250000000)), SESSION_FINE);
	assert_int_equal(end_drop(&e.guest), 1);
	assert_int_equal(timers_next(&e.guest.timers), UINT64_C(70450000000));
	ends_stop(&e);
}

/* What else the host sends arrives, old answers as well; they tell of one direction. */
static void stays_suspect_until_it_is_answered(void **state)
{
	struct ends e;

	(void)state;
	settle(&e, AT(60, 0));
	idle(&e.guest, AT(69, 0));
	session_ping(&e.guest.session, AT(69, 100));
	assert_int_equal(ends_pass(&e.guest, &e.host, AT(69, 100)), 1);
	send_one(&e.host, &e.guest, AT(69, 200), AT(69, 200));
	end_drop(&e.guest);
	idle(&e.guest, AT(69, 900));
	seal_one(&e.guest, AT(70, 0));
	for (unsigned i = 0; i < 3; i++) {
		expire(&e.guest, AT(70, 250 + 200 * i));
		assert_int_equal(end_drop(&e.guest), 1);
	}
	assert_int_equal(expire(&e.guest, AT(70, 850)), SESSION_SUSPECT);
	assert_true(session_is_suspect(&e.guest.session));
	send_one(&e.host, &e.guest, AT(70, 900), AT(70, 900));
	assert_true(session_is_suspect(&e.guest.session));
	assert_true(ends_pass(&e.host, &e.guest, AT(70, 900)) >= 1); /* the old answer */
	assert_true(session_is_suspect(&e.guest.session));
	assert_true(ends_pass(&e.guest, &e.host, AT(70, 900)) >= 1);
	assert_true(ends_pass(&e.host, &e.guest, AT(70, 950)) >= 1);
	assert_false(session_is_suspect(&e.guest.session));
	ends_stop(&e);
}

static void is_gone_after_45_seconds(void **state)
{
	struct ends e;
	enum session_health health = SESSION_FINE;
	uint64_t at = 0;

	(void)state;
	settle(&e, UINT64_C(60000000000));
	seal_one(&e.guest, UINT64_C(60000000000));
	while (health != SESSION_GONE) {
		at = timers_next(&e.guest.timers);
		health = expire(&e.guest, at);
		end_drop(&e.guest);
	}
	assert_int_equal(at, UINT64_C(105000000000));
	ends_stop(&e);
}

/* Who has nothing to say keeps the mapping: the guest after 15 s, the host after 20. */
static void keeps_alive(void **state)
{
	struct ends e;

	(void)state;
	settle(&e, UINT64_C(60000000000));
	assert_int_equal(idle(&e.guest, UINT64_C(74999999999)), 0);
	assert_int_equal(idle(&e.host, UINT64_C(79999999999)), 0);
	assert_int_equal(expire(&e.guest, UINT64_C(75000000000)), SESSION_FINE);
	assert_int_equal(e.guest.outbox.count, 1);
	assert_int_equal(expire(&e.host, UINT64_C(80000000000)), SESSION_FINE);
	assert_int_equal(e.host.outbox.count, 1);
	/* A keepalive is a ping: without an answer it is repeated after 250 ms. */
	assert_int_equal(expire(&e.guest, UINT64_C(75250000000)), SESSION_FINE);
	assert_int_equal(e.guest.outbox.count, 2);
	assert_int_equal(expire(&e.guest, UINT64_C(75450000000)), SESSION_DOUBTED);
	ends_stop(&e);
}

static void counts_the_keepalive_from_the_last_frame(void **state)
{
	struct ends e;

	(void)state;
	settle(&e, UINT64_C(60000000000));
	idle(&e.guest, UINT64_C(64000000000));
	send_one(&e.guest, &e.host, UINT64_C(65000000000), UINT64_C(65000000000));
	assert_int_equal(ends_pass(&e.host, &e.guest, UINT64_C(65000000000)), 1);
	ends_pass(&e.guest, &e.host, UINT64_C(65000000000));
	assert_int_equal(idle(&e.guest, UINT64_C(79999999999)), 0);
	assert_int_equal(expire(&e.guest, UINT64_C(80000000000)), SESSION_FINE);
	assert_int_equal(end_drop(&e.guest), 1);
	ends_stop(&e);
}

/* Only what asks for an answer, or may well get one, makes silence suspicious. */
static void expects_no_answer_to_a_goodbye(void **state)
{
	struct ends e;

	(void)state;
	settle(&e, UINT64_C(60000000000));
	idle(&e.guest, UINT64_C(60999999999));
	session_bye(&e.guest.session, 0, UINT64_C(61000000000));
	session_close_flow(&e.guest.session, 1, UINT64_C(61000000000));
	assert_int_equal(end_drop(&e.guest), 2);
	assert_int_equal(idle(&e.guest, UINT64_C(75999999999)), 0);
	assert_int_equal(expire(&e.guest, UINT64_C(76000000000)), SESSION_FINE);
	ends_stop(&e);
}

static void asks_at_once_on_a_hint(void **state)
{
	struct ends e;

	(void)state;
	settle(&e, UINT64_C(60000000000));
	session_hint(&e.guest.session, UINT64_C(60100000000)); /* nothing is unanswered */
	assert_int_equal(timers_next(&e.guest.timers), UINT64_C(60100000000));
	assert_int_equal(expire(&e.guest, UINT64_C(60100000000)), SESSION_FINE);
	assert_int_equal(ends_pass(&e.guest, &e.host, UINT64_C(60100000000)), 1);
	ends_pass(&e.host, &e.guest, UINT64_C(60100000000));
	idle(&e.guest, UINT64_C(61000000000));
	seal_one(&e.guest, UINT64_C(62000000000));
	session_hint(&e.guest.session, UINT64_C(62200000000));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(expire(&e.guest, AT(62, 200 + 200 * i)),
			i == 0 ? SESSION_FINE : SESSION_DOUBTED);
		assert_int_equal(end_drop(&e.guest), 1);
		session_hint(
			&e.guest.session, AT(62, 200 + 200 * i)); /* no flood of them */
	}
	assert_int_equal(expire(&e.guest, UINT64_C(62800000000)), SESSION_SUSPECT);
	ends_stop(&e);
}

static void hints_in_the_first_second_of_time(void **state)
{
	struct ends e;

	(void)state;
	ends_start(&e, CHACHA, 0);
	seal_one(&e.guest, UINT64_C(100000000));
	session_hint(&e.guest.session, UINT64_C(200000000));
	assert_int_equal(expire(&e.guest, UINT64_C(200000000)), SESSION_FINE);
	assert_int_equal(end_drop(&e.guest), 1);
	assert_int_equal(expire(&e.guest, UINT64_C(400000000)), SESSION_DOUBTED);
	ends_stop(&e);
}

static void measures_the_round_trip(void **state)
{
	struct ends e;
	struct datagram d;
	struct frame frame;

	(void)state;
	settle(&e, UINT64_C(60000000000));
	session_ping(&e.guest.session, UINT64_C(60500000000));
	assert_int_equal(ends_pass(&e.guest, &e.host, UINT64_C(60503000000)), 1);
	end_take(&e.host, &d);
	assert_int_equal(session_open(&e.guest.session, d.data, d.len, &frame,
				 UINT64_C(60507000000)),
		VERDICT_CONSUMED);
	assert_int_equal(frame.type, CONTROL_PONG);
	assert_int_equal(e.guest.session.rtt, 7000000);
	assert_int_equal(e.guest.outbox.count, 0); /* a pong is not answered */
	ends_stop(&e);
}

static void reports_every_second_of_receiving(void **state)
{
	struct ends e;
	unsigned reports = 0;

	(void)state;
	settle(&e, UINT64_C(60000000000));
	for (unsigned ms = 10; ms < 10000; ms += 10) {
		send_one(&e.guest, &e.host, AT(60, ms), AT(60, ms));
		assert_int_equal(e.host.outbox.count, ms % 1000 == 0);
		reports += end_drop(&e.host);
	}
	assert_int_equal(reports, 9);
	/* And every 10 s it asks how long the round trip is by now. */
	send_one(&e.guest, &e.host, AT(70, 0), AT(70, 0));
	assert_int_equal(e.host.outbox.count, 2);
	ends_stop(&e);
}

static void takes_reports_that_can_be(void **state)
{
	static const struct {
		const char *plain;
		uint64_t reported;
	} table[] = {
		{"0000000000000001 03 0000000000000064", 100},
		{"0000000000000002 03 0000000000000063", 100}, /* late */
		{"0000000000000003 03 00000000000000c9", 100}, /* never sent */
		{"0000000000000004 03 ffffffffffffffff", 100},
		{"0000000000000005 02 0000000000000000 0000000000000000 00000000000000c8",
			200},
	};
	uint8_t plain[64];
	struct ends e;

	(void)state;
	ends_start(&e, CHACHA, AT(60, 0));
	session_current(&e.host.session)->sent = 200;
	for (size_t i = 0; i < 5; i++) {
		size_t len = unhex(plain, sizeof(plain), table[i].plain);

		len = ends_forge(e.keys.to_host, CHACHA, 0x08, i + 1, plain, len, sealed);
		assert_int_equal(end_hear(&e.host, &heard, sealed, len, AT(60, 0)),
			VERDICT_CONSUMED);
		session_current(&e.host.session)->sent = 200; /* less what it answered */
		assert_int_equal(
			session_current(&e.host.session)->reported, table[i].reported);
	}
	ends_stop(&e);
}

/* The sender is that far ahead, all of it lost but the frames that the test sends. */
static void leap(struct end *from, uint64_t counter)
{
	session_current(&from->session)->sent = counter;
}

static void reports_after_a_million_frames(void **state)
{
	struct ends e;

	(void)state;
	settle(&e, UINT64_C(60000000000));
	leap(&e.guest, 1048576 + 1); /* the host reported when it had seen the first */
	seal_one(&e.guest, AT(60, 1));
	leap(&e.guest, 1048575);
	send_one(&e.guest, &e.host, AT(60, 1), AT(60, 1));
	assert_int_equal(e.host.outbox.count, 0);
	leap(&e.guest, 1048577);
	send_one(&e.guest, &e.host, AT(60, 1), AT(60, 1));
	assert_int_equal(e.host.outbox.count, 1);
	send_one(&e.guest, &e.host, AT(60, 2), AT(60, 2));
	assert_int_equal(e.host.outbox.count, 1);
	ends_stop(&e);
}

/* However much is lost, a counter's low 24 bits say which it was. */
static void follows_counters_across_losses(void **state)
{
	static const uint64_t counters[] = {0, 1, 0x7ffffe, 0xfffffe, 0xffffff, 0x1000000,
		0x1000001, 0x13fffff, 0x1bfffff, 0x2000000, 0xfffffff};
	struct ends e;
	uint64_t lost = 0;

	(void)state;
	ends_start(&e, CIPHER_AES_256_GCM, AT(60, 0));
	for (size_t i = 0; i + 1 < sizeof(counters) / sizeof(counters[0]); i++) {
		lost += counters[i] - (i > 0 ? counters[i - 1] + 1 : 0);
		leap(&e.guest, counters[i]);
		session_current(&e.guest.session)->reported = counters[i];
		send_one(&e.guest, &e.host, AT(60, 0), AT(60, 0));
		assert_int_equal(
			session_current(&e.host.session)->replay.next, counters[i] + 1);
		assert_int_equal(e.host.session.counts.lost_in, lost);
	}
	ends_stop(&e);
}

static void stops_when_nothing_is_reported(void **state)
{
	struct ends e;

	(void)state;
	settle(&e, UINT64_C(60000000000));
	assert_int_equal(session_current(&e.guest.session)->reported, 1);
	leap(&e.guest, 4194304); /* 2^22 - 1 since that report */
	send_one(&e.guest, &e.host, AT(60, 1), AT(60, 1));
	assert_int_equal(seal_one(&e.guest, AT(60, 1)), 0);
	assert_int_equal(session_current(&e.guest.session)->sent, 4194305);
	/* It may still ask, and the answer sets it free. */
	end_drop(&e.host);
	session_ping(&e.guest.session, AT(60, 2));
	assert_int_equal(ends_pass(&e.guest, &e.host, AT(60, 2)), 1);
	assert_true(ends_pass(&e.host, &e.guest, AT(60, 2)) > 0);
	assert_int_equal(session_current(&e.guest.session)->reported, 4194306);
	send_one(&e.guest, &e.host, AT(60, 3), AT(60, 3));
	ends_stop(&e);
}

static void never_wears_a_key_out(void **state)
{
	struct ends e;

	(void)state;
	ends_start(&e, CHACHA, AT(60, 0));
	leap(&e.guest, 268435455); /* 2^28 - 1 */
	session_current(&e.guest.session)->reported = 268435455;
	assert_int_equal(seal_one(&e.guest, AT(60, 0)), 21);
	session_current(&e.guest.session)->reported = 268435456;
	assert_int_equal(seal_one(&e.guest, AT(60, 0)), 0);
	session_ping(&e.guest.session, AT(60, 0));
	session_bye(&e.guest.session, 0, AT(60, 0));
	assert_int_equal(e.guest.outbox.count, 0);
	assert_int_equal(session_current(&e.guest.session)->sent, 268435456);
	ends_stop(&e);
}

/* A datagram whose rest does not come must not keep its buffer from the other sessions
 * longer than a datagram takes. */
static void gives_buffers_of_the_unfinished_back(void **state)
{
	static uint8_t big[2000], part[1100];
	struct ends e;
	size_t len;

	(void)state;
	settle(&e, UINT64_C(60000000000));
	idle(&e.host, UINT64_C(62000000000));
	len = session_seal(&e.guest.session, 0, 0, 3, big, 2000, part, AT(62, 0));
	assert_int_equal(
		end_hear(&e.host, &heard, part, len, AT(62, 0)), VERDICT_CONSUMED);
	end_drop(&e.host);
	assert_null(e.host.pool.free);
	idle(&e.host, UINT64_C(64000000000));
	assert_non_null(e.host.pool.free);
	assert_int_equal(e.host.session.parts.dropped, 1);
	ends_stop(&e);
}

/* A path with 600 ms each way, and nothing to carry: frames of the session itself must
 * not call forth each other for ever. Two keepalives in a minute, asked and answered with
 * a report each, and pings a second later since the answer takes 1.2 s, are well
 * below 80. */
static void falls_silent_on_a_slow_path(void **state)
{
	struct flight {
		uint64_t at;
		bool to_host;
		struct datagram d;
	} flights[512];
	unsigned head = 0, tail = 0;
	struct ends e;
	struct frame frame;

	(void)state;
	ends_start(&e, CHACHA, AT(60, 0));
	session_ping(&e.guest.session, AT(60, 0));
	for (uint64_t now = AT(60, 0); now < AT(120, 0); now += AT(0, 10)) {
		for (; head < tail && flights[head].at <= now; head++)
			session_open(flights[head].to_host ? &e.host.session
							   : &e.guest.session,
				flights[head].d.data, flights[head].d.len, &frame, now);
		if (timers_pop(&e.guest.timers, now) != NULL)
			session_expire(&e.guest.session, now);
		if (timers_pop(&e.host.timers, now) != NULL)
			session_expire(&e.host.session, now);
		for (unsigned side = 0; side < 2; side++)
			while (outbox_take(side ? &e.guest.outbox : &e.host.outbox,
				&flights[tail].d)) {
				flights[tail].to_host = side;
				flights[tail++].at = now + AT(0, 600);
				assert_true(tail < 80);
			}
	}
	ends_stop(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_after_250_ms_of_silence),
		cmocka_unit_test(asks_as_the_round_trip_has_it),
		cmocka_unit_test(is_fine_again_when_heard),
		cmocka_unit_test(stays_suspect_until_it_is_answered),
		cmocka_unit_test(is_gone_after_45_seconds),
		cmocka_unit_test(keeps_alive),
		cmocka_unit_test(counts_the_keepalive_from_the_last_frame),
		cmocka_unit_test(expects_no_answer_to_a_goodbye),
		cmocka_unit_test(asks_at_once_on_a_hint),
		cmocka_unit_test(hints_in_the_first_second_of_time),
		cmocka_unit_test(measures_the_round_trip),
		cmocka_unit_test(reports_every_second_of_receiving),
		cmocka_unit_test(takes_reports_that_can_be),
		cmocka_unit_test(reports_after_a_million_frames),
		cmocka_unit_test(follows_counters_across_losses),
		cmocka_unit_test(stops_when_nothing_is_reported),
		cmocka_unit_test(never_wears_a_key_out),
		cmocka_unit_test(gives_buffers_of_the_unfinished_back),
		cmocka_unit_test(falls_silent_on_a_slow_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
