/* SPDX-License-Identifier: MIT */
#include "core/registry.h"
#include "core/rendezvous.h"
#include "fuzz/lab.h"

#define ALTS   4
#define NARROW 2 /* channels of a narrow relay */

static void start(struct lab *lab, struct lab_machine *m)
{
	const struct lab_setup *s = &lab->setup;
	struct rendezvous_config c;

	rendezvous_config_init(&c);
	c.entropy = dice_entropy(&lab->dice);
	c.stun = !s->no_stun;
	c.private = s->private || s->unlisted;
	c.services_max = s->no_services ? 0 : 2;
	c.attempts_max = 4;
	c.attempt_rate = c.attempt_burst = s->no_attempts ? 0 : 3;
	c.stun_rate = 2;
	if (s->narrow_relay)
		c.relay = (struct relay_limits){NARROW, 3000, 5000};
	if (s->no_relay)
		c.relay.max = 0;
	if (s->named)
		c.publics[c.public_count++] = addr_v4(192, 0, 2, 1, 0);
	if (s->misnamed)
		c.publics[c.public_count++] = addr_v4(192, 0, 2, 99, 0);
	c.alt_base = RENDEZVOUS_PORT + 1;
	c.alt_mask = s->no_alts ? 0 : (1u << ALTS) - 1;
	m->core = rendezvous_new(&c, lab->now);
	REQUIRE(rendezvous_memory(&c) >= c.services_max);
	if (m->core == NULL || !s->private || s->unlisted)
		return;
	if (!rendezvous_allow(m->core, fuzz_known()->credentials.service)) {
		rendezvous_free(m->core);
		m->core = NULL;
	}
}

static void destroy(struct lab *lab, struct lab_machine *m)
{
	(void)lab;
	rendezvous_free(m->core);
}

static enum verdict input(struct lab *lab, struct lab_machine *m, const struct path *path,
	uint8_t *buf, size_t len, struct delivery *delivery)
{
	struct path to;
	enum verdict verdict;

	(void)delivery;
	if (channel_is(buf, len)) {
		judge_relay(m, &path->remote, buf, len);
		verdict = rendezvous_relay(m->core, path, buf, len, lab->now, &to);
		if (verdict != VERDICT_DELIVER)
			return verdict;
		lab_emit(lab, m, &to, 0, buf, len);
		return VERDICT_CONSUMED;
	}
	return rendezvous_input(m->core, path, buf, len, lab->now);
}

static void icmp(struct lab *lab, struct lab_machine *m, const struct lab_datagram *d)
{
	(void)lab;
	(void)m;
	(void)d;
}

static bool output(struct lab *lab, struct lab_machine *m, struct datagram *d)
{
	return rendezvous_output(m->core, d, lab->now);
}

static void expire(struct lab *lab, struct lab_machine *m)
{
	rendezvous_expire(m->core, lab->now);
}

static uint64_t next_timeout(const struct lab_machine *m)
{
	return rendezvous_next_timeout(m->core);
}

static bool next_event(struct lab_machine *m, struct event *event)
{
	return rendezvous_next_event(m->core, event);
}

static void add_socket(
	struct lab *lab, struct lab_machine *m, uint32_t number, const struct addr *bound)
{
	(void)lab;
	(void)m;
	(void)number;
	(void)bound;
}

static void set_servers(
	struct lab *lab, struct lab_machine *m, const struct addr *servers, size_t count)
{
	(void)lab;
	(void)m;
	(void)servers;
	(void)count;
}

static void network_changed(struct lab *lab, struct lab_machine *m)
{
	(void)lab;
	(void)m;
}

static void shutdown(struct lab *lab, struct lab_machine *m)
{
	(void)lab;
	rendezvous_forget_allowed(m->core);
}

static void event(struct lab *lab, const struct event *event)
{
	(void)lab;
	(void)event;
}

static void flush(struct lab *lab, struct lab_machine *m)
{
	(void)lab;
	(void)m;
}

static void check(struct lab *lab, const struct lab_machine *m)
{
	struct rendezvous_counts counts;

	rendezvous_get_counts(m->core, &counts);
	REQUIRE(counts.services <= (lab->setup.no_services ? 0u : 2u));
	REQUIRE(counts.attempts <= 4);
	REQUIRE(!lab->setup.no_relay || counts.channels == 0);
	REQUIRE(!lab->setup.narrow_relay || counts.channels <= NARROW);
	REQUIRE(counts.hosts <= counts.services * RENDEZVOUS_HOSTS_MAX);
	REQUIRE(!lab->setup.no_stun || counts.stun == 0);
	REQUIRE(!lab->setup.unlisted || counts.registrations == 0);
	REQUIRE(!lab->setup.wrong_key || counts.answers == 0);
}

/* Its answers cost it nothing: what it keeps is in its tables. */
static uint64_t state(const struct lab_machine *m)
{
	struct rendezvous_counts counts;

	rendezvous_get_counts(m->core, &counts);
	return lab_hash(&counts.services,
		sizeof(counts) - offsetof(struct rendezvous_counts, services));
}

static struct session *session(const struct lab_machine *m)
{
	(void)m;
	return NULL;
}

const struct lab_parts lab_rendezvous_parts = {start, destroy, input, icmp, output,
	expire, next_timeout, next_event, add_socket, shutdown, event, flush, check,
	state, session, network_changed, set_servers};
