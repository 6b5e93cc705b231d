/* SPDX-License-Identifier: MIT */
/* The rendezvous' driver: its main port and the alternative ones, in both families. */
#include <stdlib.h>
#include <string.h>

#include "core/channel.h"
#include "sim/machine.h"
#include "sim/mischief.h"

#define ALT_BASE (RENDEZVOUS_PORT + 1)

static void open_ports(struct machine *m, const struct addr *family, uint32_t first)
{
	if (family->family == ADDR_NONE)
		return;
	machine_open(m, first, family, RENDEZVOUS_PORT);
	for (uint32_t i = 0; i < ALTS; i++)
		machine_open(m, first + 2 * (i + 1), family, (uint16_t)(ALT_BASE + i));
}

static void start(struct machine *m)
{
	struct rendezvous_settings *s = &m->rendezvous;
	struct rendezvous_config c;

	rendezvous_config_init(&c);
	c.entropy = rng_entropy(&m->rng);
	c.alt_base = ALT_BASE;
	c.alt_mask = (UINT32_C(1) << ALTS) - 1;
	c.stun = s->stun;
	c.private = s->private;
	/* A million services take memory that no scenario fills. */
	c.services_max = s->services_max > 0 ? s->services_max : 1000;
	if (s->attempts_max > 0)
		c.attempts_max = s->attempts_max;
	if (s->attempt_rate > 0)
		c.attempt_rate = s->attempt_rate;
	if (s->attempt_burst > 0)
		c.attempt_burst = s->attempt_burst;
	if (s->relay_max > 0)
		c.relay.max = s->relay_max;
	if (s->relay_rate > 0)
		c.relay.rate = s->relay_rate;
	if (s->relay_rate_all > 0)
		c.relay.rate_all = s->relay_rate_all;
	s->relay_max = c.relay.max;
	s->services_max = c.services_max;
	s->attempts_max = c.attempts_max;
	m->core = rendezvous_new(&c, m->node.world->now);
	if (s->private)
		rendezvous_allow(m->core, s->allowed);
	open_ports(m, &m->v4, 0);
	open_ports(m, &m->v6, 1);
}

static void destroy(struct machine *m)
{
	rendezvous_free(m->core);
}

static bool plays(const struct machine *m)
{
	return m->rendezvous.mischief != NULL && m->rendezvous.mischief->on;
}

static enum verdict input(struct machine *m, const struct path *path, uint8_t *buf,
	size_t len, struct delivery *delivery)
{
	struct path to;
	enum verdict verdict;

	(void)delivery;
	if (channel_is(buf, len)) {
		promise_relay(m, &path->remote, buf, len);
		verdict = rendezvous_relay(
			m->core, path, buf, len, m->node.world->now, &to);
		if (verdict != VERDICT_DELIVER)
			return verdict;
		if (plays(m))
			mischief_relay(m->rendezvous.mischief, m, path, &to, buf, len);
		else
			machine_emit(m, &to, 0, 0, buf, len);
		return VERDICT_CONSUMED;
	}
	return rendezvous_input(m->core, path, buf, len, m->node.world->now);
}

static bool output(struct machine *m, struct datagram *d)
{
	return rendezvous_output(m->core, d, m->node.world->now);
}

static void expire(struct machine *m)
{
	rendezvous_expire(m->core, m->node.world->now);
}

static uint64_t next_timeout(struct machine *m)
{
	return rendezvous_next_timeout(m->core);
}

static bool next_event(struct machine *m, struct event *event)
{
	return rendezvous_next_event(m->core, event);
}

static void add_socket(struct machine *m, uint32_t number, const struct addr *bound)
{
	rendezvous_add_socket(m->core, number, bound);
}

static void check(struct machine *m)
{
	struct rendezvous_settings *s = &m->rendezvous;

	rendezvous_get_counts(m->core, &s->counts);
	if (s->counts.services > s->services_max || s->counts.attempts > s->attempts_max)
		world_fail(m->node.world, "%s: %u services of %u, %u attempts of %u",
			m->node.name, s->counts.services, s->services_max,
			s->counts.attempts, s->attempts_max);
	if (s->counts.channels > s->relay_max)
		world_fail(m->node.world, "%s: %u channels of %u", m->node.name,
			s->counts.channels, s->relay_max);
}

const struct role role_rendezvous = {
	.name = "rendezvous",
	.start = start,
	.destroy = destroy,
	.input = input,
	.output = output,
	.expire = expire,
	.next_timeout = next_timeout,
	.next_event = next_event,
	.add_socket = add_socket,
	.check = check,
};
