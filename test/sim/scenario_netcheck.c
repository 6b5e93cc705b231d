/* SPDX-License-Identifier: MIT */
/* The network check against NATs of every kind of RFC 4787: what it says is what they are. */
#include <stdlib.h>
#include <string.h>

#include "core/netcheck.h"
#include "sim/lab.h"
#include "sim/packet.h"

/* A machine that runs the check alone. */
struct checker {
	struct node node;
	struct wire up;
	struct addr v4, v6;
	struct netcheck *core;
	struct rng rng;
	struct addr bound[NETCHECK_SOCKETS_MAX]; /* family ADDR_NONE while closed */
	unsigned sent;
};

static void emit(struct checker *c, const struct datagram *d)
{
	const struct addr *bound = &c->bound[d->path.socket];
	struct addr src = d->path.remote.family == ADDR_V6 ? c->v6 : c->v4;
	struct world *w = c->node.world;

	if (d->path.socket >= NETCHECK_SOCKETS_MAX ||
		bound->family != d->path.remote.family) {
		world_fail(w, "sends by socket %u, which cannot", d->path.socket);
		return;
	}
	c->sent++;
	src.port = bound->port;
	wire_send(w, c->up,
		packet_new(w, &src, &d->path.remote, d->ttl, d->tos, d->data, d->len));
}

static void open_socket(struct checker *c, const struct event *event)
{
	struct addr *bound = &c->bound[event->number];

	bound->family = event->addr.family;
	bound->port =
		(uint16_t)(32768 + 16 * event->number + rng_between(&c->rng, 0, 15));
	netcheck_add_socket(c->core, event->number, bound, c->node.world->now);
}

static bool pull(struct checker *c)
{
	struct datagram d;
	struct event event;
	bool any = false;

	while (netcheck_output(c->core, &d, c->node.world->now)) {
		emit(c, &d);
		any = true;
	}
	while (netcheck_next_event(c->core, &event)) {
		if (event.type == EVENT_SOCKET_WANTED)
			open_socket(c, &event);
		any = true;
	}
	return any;
}

static void run(struct node *node)
{
	struct checker *c = (struct checker *)node;

	if (c->core == NULL)
		return;
	netcheck_expire(c->core, node->world->now);
	while (pull(c)) {
	}
	node_wake_at(node, netcheck_next_timeout(c->core));
}

static void forward(struct node *node, unsigned side, struct packet *packet)
{
	struct checker *c = (struct checker *)node;
	bool error = packet->icmp != ICMP_NONE;
	const struct addr *own = error ? &packet->quoted_src : &packet->dst;
	uint64_t now = node->world->now;

	(void)side;
	for (uint32_t i = 0; i < NETCHECK_SOCKETS_MAX; i++) {
		struct path path = {.socket = i, .local = *own, .remote = packet->src};

		if (c->bound[i].family != own->family || c->bound[i].port != own->port)
			continue;
		if (error)
			path.remote = packet->quoted_dst;
		if (error)
			netcheck_icmp(c->core, &path, &packet->src,
				packet_icmp_type(packet), packet_icmp_code(packet),
				packet->data, packet->len, now);
		else
			netcheck_input(c->core, &path, packet->data, packet->len, now);
	}
	packet_free(node->world, packet);
	run(node);
}

static void destroy(struct node *node)
{
	struct checker *c = (struct checker *)node;

	netcheck_free(c->core);
	free(c);
}

static struct checker *checker_new(struct site *s)
{
	struct checker *c = sim_alloc(sizeof(*c));
	struct world *w = s->lan->node.world;

	c->node.forward = forward;
	c->node.run = run;
	c->node.destroy = destroy;
	world_add(w, &c->node, "checker");
	c->up = site_attach(s, (struct wire){.node = &c->node}, &c->v4, &c->v6);
	rng_seed(&c->rng, rng_mix(w->seed));
	return c;
}

static void checker_start(struct checker *c, struct machine *const *rendezvous,
	unsigned count, bool lifetime)
{
	struct netcheck_config config = {.entropy = rng_entropy(&c->rng),
		.locals = {c->v4, c->v6},
		.local_count = 2,
		.lifetime = lifetime};

	for (unsigned i = 0; i < count; i++) {
		config.servers[config.server_count++].addr =
			machine_addr(rendezvous[i], RENDEZVOUS_PORT, false);
		if (c->v6.family != ADDR_NONE)
			config.servers[config.server_count++].addr =
				machine_addr(rendezvous[i], RENDEZVOUS_PORT, true);
	}
	c->core = netcheck_new(&config, c->node.world->now);
	run(&c->node);
}

static bool is_done(void *arg)
{
	return netcheck_done(((struct checker *)arg)->core);
}

/* The check at a site, with so many rendezvous: what it says after at most that time. */
struct setting {
	struct site_config site;
	unsigned rendezvous;
	bool lifetime;
	uint64_t span;
};

static struct setting setting_of(const struct nat_config *nat)
{
	struct setting s = {
		.site = site_config_plain(), .rendezvous = 1, .span = 8 * SECOND};

	s.site.nat = nat != NULL;
	if (nat != NULL)
		s.site.nat_config = *nat;
	return s;
}

struct seen {
	struct netcheck_result r;
	uint64_t took;
	unsigned sent;
};

static struct world *check(struct trial *t, const struct setting *s, struct seen *seen)
{
	struct world *w = internet_new(t->seed, t->verbose, 3);
	struct machine *rendezvous[2];
	struct site_config public = site_config_plain();
	struct checker *c;
	uint64_t began;

	public.v6 = true;
	for (unsigned i = 0; i < s->rendezvous; i++) {
		rendezvous[i] = machine_new(
			site_new(w, &public), MACHINE_RENDEZVOUS, i ? "r1" : "r0");
		machine_start(rendezvous[i]);
	}
	c = checker_new(site_new(w, &s->site));
	began = w->now;
	checker_start(c, rendezvous, s->rendezvous, s->lifetime);
	if (!world_wait(w, is_done, c, s->span))
		world_fail(w, "not done within %.1f s", ms(s->span) / 1e3);
	netcheck_get_result(c->core, &seen->r);
	seen->took = w->now - began;
	seen->sent = c->sent;
	return w;
}

static void finish(struct trial *t, struct world *w, const struct seen *seen)
{
	const struct network *n = &seen->r.network;

	trial_note(t, "%s mapping, %s filtering, %s ports, by %u datagrams in %.1f s",
		network_dependence_name(n->mapping),
		network_dependence_name(n->filtering),
		network_allocation_name(n->allocation), seen->sent, ms(seen->took) / 1e3);
	if (w->failed)
		trial_fail(t, "%s", w->failure);
	world_free(w);
}

static void expect(struct world *w, const char *what, uint64_t is, uint64_t should)
{
	if (is != should)
		world_fail(w, "%s is %llu and should be %llu", what,
			(unsigned long long)is, (unsigned long long)should);
}

static uint8_t dependence_of(enum nat_dependence d)
{
	static const uint8_t of[] = {
		NETWORK_INDEPENDENT, NETWORK_ADDRESS, NETWORK_ADDRESS_AND_PORT};

	return of[d];
}

static void expect_allocation(
	struct world *w, const struct network *n, enum nat_allocation allocation)
{
	static const uint8_t of[] = {
		NETWORK_PORTS_PRESERVING, NETWORK_PORTS_SEQUENTIAL, NETWORK_PORTS_RANDOM};

	expect(w, "allocation", n->allocation, of[allocation]);
	if (allocation == NAT_SEQUENTIAL)
		expect(w, "delta", (uint64_t)n->delta, 1);
	if (allocation == NAT_RANDOM)
		expect(w, "range of ports", n->ports, NETWORK_PORTS);
}

/* arg counts through mapping, filtering and allocation, three of each. */
static struct nat_config nat_of(int arg)
{
	return (struct nat_config){.mapping = (enum nat_dependence)(arg / 9),
		.filtering = (enum nat_dependence)(arg / 3 % 3),
		.allocation = (enum nat_allocation)(arg % 3)};
}

/* Two addresses tell mappings apart; filtering by address, one address cannot tell. */
static void run_kind(struct trial *t)
{
	const struct nat_config nat = nat_of(t->arg);
	struct setting s = setting_of(&nat);
	bool by_port = nat.filtering == NAT_ADDRESS_AND_PORT;
	struct network *n;
	struct seen seen;
	struct world *w;

	s.rendezvous = 2;
	w = check(t, &s, &seen);
	n = &seen.r.network;
	expect(w, "translated", n->translated, true);
	expect(w, "mapping", n->mapping, dependence_of(nat.mapping));
	expect(w, "mapping unsure", n->mapping_unsure, false);
	expect(w, "filtering", n->filtering,
		by_port ? NETWORK_ADDRESS_AND_PORT : NETWORK_INDEPENDENT);
	expect(w, "filtering unsure", n->filtering_unsure, !by_port);
	expect_allocation(w, n, nat.allocation);
	expect(w, "hairpin", n->hairpin, NETWORK_ANSWER_NO);
	expect(w, "levels", n->levels, 1);
	expect(w, "path MTU", n->mtu, 1500);
	if (by_port && nat.mapping != NAT_INDEPENDENT)
		expect(w, "poison", n->poison, NETWORK_ANSWER_UNKNOWN);
	else
		expect(w, "poison", n->poison, NETWORK_ANSWER_NO);
	if (seen.sent > 200)
		world_fail(w, "%u datagrams", seen.sent);
	finish(t, w, &seen);
}

/* One address tells less, and says so. */
static void run_one_address(struct trial *t)
{
	const struct nat_config nat = nat_of(9 * t->arg);
	struct setting s = setting_of(&nat);
	bool by_port = nat.mapping == NAT_ADDRESS_AND_PORT;
	struct seen seen;
	struct world *w = check(t, &s, &seen);

	expect(w, "mapping", seen.r.network.mapping,
		by_port ? NETWORK_ADDRESS_AND_PORT : NETWORK_INDEPENDENT);
	expect(w, "mapping unsure", seen.r.network.mapping_unsure, !by_port);
	finish(t, w, &seen);
}

static void run_poison(struct trial *t)
{
	const struct nat_config nat = {
		.filtering = NAT_ADDRESS_AND_PORT, .unsolicited = NAT_POISON};
	struct setting s = setting_of(&nat);
	struct seen seen;
	struct world *w = check(t, &s, &seen);

	expect(w, "mapping", seen.r.network.mapping, NETWORK_INDEPENDENT);
	expect(w, "filtering", seen.r.network.filtering, NETWORK_ADDRESS_AND_PORT);
	expect(w, "poison", seen.r.network.poison, NETWORK_ANSWER_YES);
	finish(t, w, &seen);
}

static void run_hairpin(struct trial *t)
{
	const struct nat_config nat = {
		.filtering = (enum nat_dependence)t->arg, .hairpin = true};
	struct setting s = setting_of(&nat);
	struct seen seen;
	struct world *w = check(t, &s, &seen);

	expect(w, "hairpin", seen.r.network.hairpin, NETWORK_ANSWER_YES);
	finish(t, w, &seen);
}

/* No NAT: arg 0; behind an IPv6 firewall, both families: 1. */
static void run_public(struct trial *t)
{
	struct setting s = setting_of(NULL);
	struct seen seen;
	struct world *w;

	s.site.v6 = s.site.firewall = t->arg == 1;
	w = check(t, &s, &seen);
	expect(w, "translated", seen.r.network.translated, false);
	expect(w, "mapping", seen.r.network.mapping, NETWORK_INDEPENDENT);
	expect(w, "filtering", seen.r.network.filtering, NETWORK_INDEPENDENT);
	expect(w, "levels", seen.r.network.levels, 0);
	expect(w, "IPv6 heard", seen.r.mapped6.family, t->arg == 1 ? ADDR_V6 : ADDR_NONE);
	expect(w, "IPv6 translated", seen.r.translated6, false);
	finish(t, w, &seen);
}

static void run_mtu(struct trial *t)
{
	const struct nat_config nat = nat_of(0);
	struct setting s = setting_of(&nat);
	struct seen seen;
	struct world *w;

	s.site.access.mtu = (size_t)t->arg;
	w = check(t, &s, &seen);
	expect(w, "path MTU", seen.r.network.mtu, (uint64_t)t->arg);
	finish(t, w, &seen);
}

/* arg: 0 told by the filter, 1 by new random ports, 2 by new ports of a symmetric NAT, 3 not
 * to be told: the port is kept and the filter admits. */
static void run_lifetime(struct trial *t)
{
	static const struct nat_config nats[] = {
		{.filtering = NAT_ADDRESS_AND_PORT},
		{.allocation = NAT_RANDOM},
		{.mapping = NAT_ADDRESS_AND_PORT, .allocation = NAT_SEQUENTIAL},
		{.filtering = NAT_INDEPENDENT},
	};
	struct nat_config nat = nats[t->arg];
	struct setting s;
	struct seen seen;
	struct world *w;

	nat.timeout = 60 * SECOND;
	s = setting_of(&nat);
	s.lifetime = true;
	s.span = 75 * SECOND;
	w = check(t, &s, &seen);
	expect(w, "lifetime at least", seen.r.network.lifetime_least,
		t->arg < 3 ? 55 : 0);
	expect(w, "lifetime below", seen.r.network.lifetime_most, t->arg < 3 ? 60 : 0);
	finish(t, w, &seen);
}

/* Nothing gets out: said within 3 s. */
static void run_blocked(struct trial *t)
{
	struct setting s = setting_of(NULL);
	struct seen seen;
	struct world *w;

	s.site.access.cut[0] = true;
	s.span = 3100 * MILLISECOND;
	w = check(t, &s, &seen);
	expect(w, "heard", seen.r.heard, false);
	finish(t, w, &seen);
}

/* A tenth is lost each way, and the answer is the same. */
static void run_lossy(struct trial *t)
{
	const struct nat_config nat = nat_of(t->arg);
	struct setting s = setting_of(&nat);
	struct seen seen;
	struct world *w;

	s.site.access.loss[0] = s.site.access.loss[1] = 100000;
	s.span = 20 * SECOND;
	w = check(t, &s, &seen);
	expect(w, "mapping", seen.r.network.mapping, dependence_of(nat.mapping));
	expect(w, "filtering", seen.r.network.filtering,
		nat.filtering == NAT_ADDRESS_AND_PORT ? NETWORK_ADDRESS_AND_PORT
						      : NETWORK_INDEPENDENT);
	expect_allocation(w, &seen.r.network, nat.allocation);
	finish(t, w, &seen);
}

void trials_netcheck(struct trials *list)
{
	static const char *const by[] = {"none", "address", "port"};
	static const char *const ports[] = {"kept", "sequential", "random"};

	for (int i = 0; i < 27; i++)
		trials_add(list, run_kind, i,
			"netcheck: maps by %s, filters by %s, %s ports", by[i / 9],
			by[i / 3 % 3], ports[i % 3]);
	for (int i = 0; i < 3; i++)
		trials_add(list, run_one_address, i, "netcheck: one address, maps by %s",
			by[i]);
	trials_add(list, run_poison, 0, "netcheck: poison");
	for (int i = 0; i < 3; i++)
		trials_add(
			list, run_hairpin, i, "netcheck: hairpin, filters by %s", by[i]);
	trials_add(list, run_public, 0, "netcheck: no NAT");
	trials_add(list, run_public, 1, "netcheck: both families");
	trials_add(list, run_mtu, 1280, "netcheck: MTU 1280");
	trials_add(list, run_mtu, 1492, "netcheck: MTU 1492");
	trials_add(list, run_lifetime, 0, "netcheck: lifetime by the filter");
	trials_add(list, run_lifetime, 1, "netcheck: lifetime by random ports");
	trials_add(list, run_lifetime, 2, "netcheck: lifetime of a symmetric NAT");
	trials_add(list, run_lifetime, 3, "netcheck: lifetime not to be told");
	trials_add(list, run_blocked, 0, "netcheck: UDP blocked");
	trials_add(list, run_lossy, 8, "netcheck: loss, filters by port, random");
	trials_add(list, run_lossy, 25, "netcheck: loss, symmetric, sequential");
}
