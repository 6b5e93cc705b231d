/* SPDX-License-Identifier: MIT */
/* A guest that is started anew, and what is still under way of the one before. */
#include "meeting.h"

static struct net_node *speaker;
static struct net_packet *kept;

static void keep_a_frame(struct net *net, struct net_packet *p)
{
	(void)net;
	if (p->from == speaker && kept == NULL && frame_is(p->bytes, p->len)) {
		kept = p;
		p->lost = true;
	}
}

static void lose_frames(struct net *net, struct net_packet *p)
{
	(void)net;
	p->lost = p->from == speaker && frame_is(p->bytes, p->len);
}

/* Says "x" as the guest's first application, which comes nowhere. */
static void say_and_keep(struct meeting *m)
{
	const struct addr app = addr_v4(127, 0, 0, 1, 50000);

	speaker = m->guest;
	kept = NULL;
	m->net->hook = keep_a_frame;
	assert_true(net_say(m->net, m->guest,
		guest_flow(m->guest->machine, &app, m->net->now), (const uint8_t *)"x",
		1));
	m->net->hook = NULL;
	assert_non_null(kept);
}

/* The guest does not hear its host any more and makes another session with it. */
static void begin_another_session(struct meeting *m)
{
	speaker = m->host;
	m->net->hook = lose_frames;
	for (unsigned i = 0; i < 300 && net_events(m->host, EVENT_GUEST_CONNECTED) < 2;
		i++)
		net_run(m->net, 10 * MILLISECOND);
	m->net->hook = NULL;
	assert_int_equal(net_events(m->host, EVENT_GUEST_CONNECTED), 2);
}

static void keep_one_of_a_former_session(struct meeting *m)
{
	meeting_begin(m);
	meeting_connect(m, m->guest);
	say_and_keep(m);
	begin_another_session(m);
}

static enum verdict hear_what_was_kept(struct meeting *m)
{
	return net_input(m->net, m->host, 0, &m->host->bound[0], &kept->source,
		kept->bytes, kept->len);
}

/* Of the same life, what was late still counts. */
static void a_late_frame_is_heard(void **state)
{
	struct meeting m;

	(void)state;
	keep_one_of_a_former_session(&m);
	assert_int_equal(hear_what_was_kept(&m), VERDICT_DELIVER);
	meeting_end(&m);
}

/* Of another it does not, though that session was not the last one. */
static void a_former_life_is_not_heard(void **state)
{
	struct meeting m;

	(void)state;
	keep_one_of_a_former_session(&m);
	m.guest->deaf = true;
	meeting_connect(&m, meeting_add_guest(&m, addr_v4(203, 0, 113, 20, 0)));
	net_run(m.net, 10 * MILLISECOND);
	assert_int_equal(net_events(m.host, EVENT_GUEST_CONNECTED), 3);
	assert_int_equal(meeting_host_counts(m.host).guests, 1);
	assert_int_not_equal(hear_what_was_kept(&m), VERDICT_DELIVER);
	meeting_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_late_frame_is_heard),
		cmocka_unit_test(a_former_life_is_not_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
