/* SPDX-License-Identifier: MIT */
/* When a guest tries many ports: by what worked between the same two networks before. */
#include "core/guest_parts.h"
#include "meeting.h"

static const struct addr own = {.family = ADDR_V4, .port = 4000, .ip = {198, 51, 100, 7}};
static const struct addr there = {
	.family = ADDR_V4, .port = 5000, .ip = {203, 0, 113, 77}};
static const struct addr elsewhere = {
	.family = ADDR_V4, .port = 5000, .ip = {203, 0, 113, 78}};

/* One mapping for all here, a random port for each there: a matter of many probes. */
static struct guest *begin(struct meeting *m)
{
	struct guest *g;

	meeting_begin(m);
	g = m->guest->machine;
	g->config.effort = EFFORT_NORMAL;
	g->behaviour.mapping = BEHAVIOUR_FIXED;
	g->host_behaviour = (struct behaviour){
		.mapping = BEHAVIOUR_RANDOM, .sockets = 256, .probes = 756};
	g->askers[0].observed = own;
	g->host_seen = there;
	g->sockets[0].open = true;
	return g;
}

static unsigned first_that_sprays(struct guest *g)
{
	g->trial.number = 0;
	while (g->trial.number < 6 && !guest_spray_wanted(g))
		g->trial.number++;
	return g->trial.number;
}

/* That path was found, in a trial of many ports or in a plain one. */
static void found(struct guest *g, const struct addr *host, uint32_t channel,
	enum behaviour_spray how)
{
	struct guest_spray spray = {.live = how != BEHAVIOUR_SPRAY_NONE};
	struct guest_spray *before = g->spray;
	struct path path = {.remote = *host, .channel = channel};

	g->spray = &spray;
	g->trial.spray = (uint8_t)how;
	guest_remember(g, &path);
	g->spray = before;
}

static void goes_plainly_at_first(void **state)
{
	struct meeting m;
	struct guest *g = begin(&m);

	(void)state;
	assert_int_equal(first_that_sprays(g), 2);
	g->improvements =
		1; /* and beside a session that is relayed for longer, earlier */
	assert_int_equal(first_that_sprays(g), 1);
	g->host_behaviour.sockets = 0;
	assert_int_equal(first_that_sprays(g), 6);
	meeting_end(&m);
}

static void begins_with_what_worked(void **state)
{
	struct meeting m;
	struct guest *g = begin(&m);

	(void)state;
	found(g, &there, 0, BEHAVIOUR_SPRAY_MEASURED);
	assert_int_equal(first_that_sprays(g), 1);
	found(g, &there, 0, BEHAVIOUR_SPRAY_NONE); /* the last one counts */
	assert_int_equal(first_that_sprays(g), 3);
	g->improvements = 1;
	assert_int_equal(first_that_sprays(g), 3);
	meeting_end(&m);
}

/* Of another network on either side it says nothing, nor does a path over the relay. */
static void knows_the_pair_of_networks(void **state)
{
	struct meeting m;
	struct guest *g = begin(&m);

	(void)state;
	found(g, &elsewhere, 0, BEHAVIOUR_SPRAY_MEASURED);
	found(g, &there, 9, BEHAVIOUR_SPRAY_MEASURED);
	assert_int_equal(first_that_sprays(g), 2);
	g->host_seen = elsewhere;
	assert_int_equal(first_that_sprays(g), 1);
	g->askers[0].observed.ip[3]++;
	assert_int_equal(first_that_sprays(g), 2);
	meeting_end(&m);
}

/* Both look fixed: first plainly, then each of them is supposed not to be. */
static void supposes_in_turn(void **state)
{
	static const uint8_t wanted[] = {BEHAVIOUR_SPRAY_NONE, BEHAVIOUR_SPRAY_NONE,
		BEHAVIOUR_SPRAY_HOST_MOVES, BEHAVIOUR_SPRAY_GUEST_MOVES,
		BEHAVIOUR_SPRAY_NONE};
	struct meeting m;
	struct guest *g = begin(&m);

	(void)state;
	g->host_behaviour.mapping = BEHAVIOUR_FIXED;
	for (uint32_t i = 0; i < sizeof(wanted); i++) {
		g->trial.number = i;
		assert_int_equal(guest_spray_wanted(g), wanted[i]);
	}
	g->trial.number = 1; /* a round of one trial, beside a relayed session */
	for (uint32_t i = 1; i < sizeof(wanted); i++) {
		g->improvements = i;
		assert_int_equal(guest_spray_wanted(g), wanted[i]);
	}
	g->host_behaviour.sockets = 0; /* the host would not */
	g->host_behaviour.probes = 0;
	g->improvements = 2;
	assert_int_equal(guest_spray_wanted(g), BEHAVIOUR_SPRAY_NONE);
	meeting_end(&m);
}

/* The sequence first, then as if it were none, in turn. */
static void doubts_a_sequence(void **state)
{
	struct meeting m;
	struct guest *g = begin(&m);

	(void)state;
	g->host_behaviour.mapping = BEHAVIOUR_SEQUENTIAL;
	g->host_behaviour.delta = 1;
	g->host_behaviour.port = 50000;
	g->trial.number = 2;
	assert_int_equal(guest_spray_wanted(g), BEHAVIOUR_SPRAY_MEASURED);
	g->trial.number = 3;
	assert_int_equal(guest_spray_wanted(g), BEHAVIOUR_SPRAY_HOST_MOVES);
	g->trial.number = 1;
	g->improvements = 1;
	assert_int_equal(guest_spray_wanted(g), BEHAVIOUR_SPRAY_HOST_MOVES);
	g->improvements = 2;
	assert_int_equal(guest_spray_wanted(g), BEHAVIOUR_SPRAY_MEASURED);
	g->behaviour = g->host_behaviour; /* both: nothing else would help */
	g->improvements = 1;
	assert_int_equal(guest_spray_wanted(g), BEHAVIOUR_SPRAY_MEASURED);
	meeting_end(&m);
}

static void begins_with_what_was_rightly_supposed(void **state)
{
	struct meeting m;
	struct guest *g = begin(&m);

	(void)state;
	g->host_behaviour.mapping = BEHAVIOUR_FIXED;
	found(g, &there, 0, BEHAVIOUR_SPRAY_GUEST_MOVES);
	g->trial.number = 1;
	assert_int_equal(guest_spray_wanted(g), BEHAVIOUR_SPRAY_GUEST_MOVES);
	found(g, &there, 0, BEHAVIOUR_SPRAY_NONE);
	assert_int_equal(guest_spray_wanted(g), BEHAVIOUR_SPRAY_NONE);
	meeting_end(&m);
}

static void forgets_the_oldest(void **state)
{
	struct addr host = there;
	struct meeting m;
	struct guest *g = begin(&m);

	(void)state;
	found(g, &there, 0, BEHAVIOUR_SPRAY_MEASURED);
	for (unsigned i = 1; i < REMEMBERED_MAX; i++) {
		host.ip[3]++;
		found(g, &host, 0, BEHAVIOUR_SPRAY_NONE);
	}
	assert_int_equal(first_that_sprays(g), 1);
	host.ip[3]++;
	found(g, &host, 0, BEHAVIOUR_SPRAY_NONE);
	assert_int_equal(first_that_sprays(g), 2);
	meeting_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_plainly_at_first),
		cmocka_unit_test(begins_with_what_worked),
		cmocka_unit_test(knows_the_pair_of_networks),
		cmocka_unit_test(supposes_in_turn),
		cmocka_unit_test(doubts_a_sequence),
		cmocka_unit_test(begins_with_what_was_rightly_supposed),
		cmocka_unit_test(forgets_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
