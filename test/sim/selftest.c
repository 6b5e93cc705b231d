/* SPDX-License-Identifier: MIT */
/* The simulator's own network against the RFCs, without any core: two plain endpoints
 * through each kind of NAT, the links' arithmetic, and the judge of payloads. */
#include <stdlib.h>

#include "core/crypto.h"
#include "sim/lab.h"
#include "sim/nonces.h"
#include "sim/packet.h"

/* Counts what comes, and remembers the last. */
struct endpoint {
	struct node node;
	struct wire up;
	struct addr addr;
	unsigned received, errors;
	struct addr from;
	struct addr offender;
	size_t len;
};

static void endpoint_forward(struct node *node, unsigned side, struct packet *p)
{
	struct endpoint *e = (struct endpoint *)node;

	(void)side;
	if (p->icmp != ICMP_NONE) {
		e->errors++;
		e->offender = p->src;
	} else {
		e->received++;
		e->from = p->src;
		e->len = p->len;
	}
	packet_free(node->world, p);
}

static void endpoint_destroy(struct node *node)
{
	free(node);
}

static struct endpoint *endpoint_new(struct site *s, uint16_t port)
{
	struct endpoint *e = sim_alloc(sizeof(*e));
	struct addr v6;

	e->node.forward = endpoint_forward;
	e->node.destroy = endpoint_destroy;
	world_add(s->lan->node.world, &e->node, "endpoint");
	e->up = site_attach(s, (struct wire){.node = &e->node}, &e->addr, &v6);
	if (e->addr.family == ADDR_NONE)
		e->addr = v6;
	e->addr.port = port;
	return e;
}

static void endpoint_send(
	struct endpoint *e, const struct addr *to, uint8_t ttl, size_t len)
{
	static const uint8_t data[4000];
	struct world *w = e->node.world;

	wire_send(w, e->up, packet_new(w, &e->addr, to, ttl, 0, data, len));
	world_run(w, SECOND);
}

static struct world *new_world(struct trial *t)
{
	return internet_new(t->seed, t->verbose, 3);
}

static void end_world(struct trial *t, struct world *w)
{
	if (w->failed)
		trial_fail(t, "%s", w->failure);
	world_free(w);
}

static struct site *public_site(struct world *w)
{
	struct site_config c = site_config_plain();

	return site_new(w, &c);
}

static struct site *nat_site(struct world *w, struct nat_config nat)
{
	struct site_config c = site_config_plain();

	c.nat = true;
	c.nat_config = nat;
	return site_new(w, &c);
}

static void check_mapping(
	struct world *w, enum nat_dependence mapping, enum nat_allocation alloc)
{
	struct site *home =
		nat_site(w, (struct nat_config){.mapping = mapping, .allocation = alloc});
	struct endpoint *in = endpoint_new(home, 5000),
			*a = endpoint_new(public_site(w), 1);
	struct endpoint *b = endpoint_new(public_site(w), 1), a2 = *a;
	uint16_t first, other_port, other_host;

	a2.addr.port = 2;
	endpoint_send(in, &a->addr, 0, 10);
	first = a->from.port;
	REQUIRE(w, a->received == 1 && addr_same_ip(&a->from, &home->outer),
		"not translated");
	endpoint_send(in, &a2.addr, 0, 10);
	other_port = a->from.port;
	endpoint_send(in, &b->addr, 0, 10);
	other_host = b->from.port;
	REQUIRE(w, mapping == NAT_INDEPENDENT ? first == other_host : first != other_host,
		"mapping by address is wrong");
	REQUIRE(w,
		mapping == NAT_ADDRESS_AND_PORT ? first != other_port
						: first == other_port,
		"mapping by address and port is wrong");
	if (alloc == NAT_PRESERVING)
		REQUIRE(w, first == 5000, "port %u not preserved", first);
	if (alloc == NAT_SEQUENTIAL && mapping == NAT_ADDRESS_AND_PORT)
		REQUIRE(w, other_port == first + 1 && other_host == first + 2,
			"not in sequence");
}

static void test_mappings(struct trial *t)
{
	for (int m = NAT_INDEPENDENT; m <= NAT_ADDRESS_AND_PORT; m++)
		for (int a = NAT_PRESERVING; a <= NAT_RANDOM; a++) {
			struct world *w = new_world(t);

			check_mapping(w, (enum nat_dependence)m, (enum nat_allocation)a);
			end_world(t, w);
		}
}

static void check_filter(struct world *w, enum nat_dependence filtering)
{
	struct site *home = nat_site(w, (struct nat_config){.filtering = filtering});
	struct endpoint *in = endpoint_new(home, 5000),
			*a = endpoint_new(public_site(w), 1);
	struct endpoint *b = endpoint_new(public_site(w), 1),
			*c = endpoint_new(public_site(w), 1);
	struct addr outer;

	endpoint_send(in, &a->addr, 0, 10);
	outer = a->from;
	endpoint_send(a, &outer, 0, 10);
	REQUIRE(w, in->received == 1, "the answer did not come in");
	a->addr.port = 2;
	endpoint_send(a, &outer, 0, 10);
	REQUIRE(w, (in->received == 2) == (filtering != NAT_ADDRESS_AND_PORT),
		"filtering by port is wrong");
	in->received = 0;
	endpoint_send(b, &outer, 0, 10);
	REQUIRE(w, (in->received == 1) == (filtering == NAT_INDEPENDENT),
		"filtering by address is wrong");
	world_run(w, 121 * SECOND);
	in->received = 0;
	a->addr.port = 1;
	endpoint_send(a, &outer, 0, 10);
	endpoint_send(c, &outer, 0, 10);
	REQUIRE(w, in->received == 0, "the mapping did not expire");
}

static void test_filters(struct trial *t)
{
	for (int f = NAT_INDEPENDENT; f <= NAT_ADDRESS_AND_PORT; f++) {
		struct world *w = new_world(t);

		check_filter(w, (enum nat_dependence)f);
		end_world(t, w);
	}
}

static void check_poison(struct world *w)
{
	struct site *home = site_of(w, GUARD_POISON, NULL);
	struct endpoint *in = endpoint_new(home, 5000),
			*a = endpoint_new(public_site(w), 1);
	struct endpoint *rdv = endpoint_new(public_site(w), 1);
	struct addr outer;

	endpoint_send(in, &rdv->addr, 0, 10);
	outer = rdv->from;
	endpoint_send(a, &outer, 0, 10); /* uncalled: poisons */
	REQUIRE(w, a->errors == 1 && in->received == 0,
		"the router does not answer by ICMP");
	endpoint_send(in, &a->addr, 0, 10);
	REQUIRE(w, a->from.port != outer.port && home->nat->remapped == 1,
		"not remapped");
	endpoint_send(in, &rdv->addr, 0, 10);
	REQUIRE(w, rdv->from.port == outer.port, "remapped for the others too");
	endpoint_send(a, &a->from, 0, 10);
	REQUIRE(w, in->received == 1, "the remapped port lets nothing in");
}

static void check_poison_ends(struct world *w)
{
	struct site *home = site_of(w, GUARD_POISON, NULL);
	struct endpoint *in = endpoint_new(home, 5000),
			*a = endpoint_new(public_site(w), 1);
	struct endpoint *rdv = endpoint_new(public_site(w), 1);
	struct addr outer;

	endpoint_send(in, &rdv->addr, 0, 10);
	outer = rdv->from;
	endpoint_send(a, &outer, 0, 10);
	world_run(w, 20 * SECOND);
	endpoint_send(a, &outer, 0, 10); /* refreshes */
	world_run(w, 20 * SECOND);
	endpoint_send(in, &rdv->addr, 0, 10);
	world_run(w, 11 * SECOND);
	endpoint_send(in, &a->addr, 0, 10);
	REQUIRE(w, a->from.port == outer.port, "still poisoned after 30 s");
	endpoint_send(a, &outer, 0, 10);
	REQUIRE(w, in->received == 1, "the answer did not come in");
}

static void test_poison(struct trial *t)
{
	struct world *w = new_world(t);

	check_poison(w);
	end_world(t, w);
	w = new_world(t);
	check_poison_ends(w);
	end_world(t, w);
}

static void check_ttl(struct world *w)
{
	struct site *home = site_of(w, GUARD_DOUBLE, NULL);
	struct endpoint *in = endpoint_new(home, 5000),
			*a = endpoint_new(public_site(w), 1);
	struct addr expected[] = {home->nat->inner, home->config.parent->nat->inner,
		addr_v4(9, 0, (uint8_t)home->config.parent->number, 1, 0)};

	for (uint8_t ttl = 1; ttl <= 5; ttl++) {
		in->errors = 0;
		endpoint_send(in, &a->addr, ttl, 10);
		REQUIRE(w, in->errors == 1 && a->received == 0, "TTL %u: no error", ttl);
		if (ttl <= 2)
			REQUIRE(w, addr_same_ip(&in->offender, &expected[ttl - 1]),
				"TTL %u: the wrong router", ttl);
	}
	endpoint_send(in, &a->addr, 6, 10);
	REQUIRE(w, a->received == 1, "two NATs and three routers take five");
	endpoint_send(a, &a->from, 6, 10);
	REQUIRE(w, in->received == 1, "and back");
}

static void test_ttl(struct trial *t)
{
	struct world *w = new_world(t);

	check_ttl(w);
	end_world(t, w);
}

static void check_hairpin(struct world *w, bool hairpin)
{
	struct site *home =
		nat_site(w, (struct nat_config){.filtering = NAT_ADDRESS_AND_PORT,
				    .hairpin = hairpin});
	struct endpoint *x = endpoint_new(home, 5000), *y = endpoint_new(home, 6000);
	struct endpoint *rdv = endpoint_new(public_site(w), 1);
	struct addr outer_x, outer_y;

	endpoint_send(x, &rdv->addr, 0, 10);
	outer_x = rdv->from;
	endpoint_send(y, &rdv->addr, 0, 10);
	outer_y = rdv->from;
	endpoint_send(x, &outer_y, 0, 10); /* opens x */
	endpoint_send(y, &outer_x, 0, 10);
	REQUIRE(w, (x->received == 1) == hairpin, "hairpin is %d", hairpin);
	if (hairpin)
		REQUIRE(w, addr_equal(&x->from, &outer_y), "the inner source shows");
	endpoint_send(x, &y->addr, 0, 10);
	REQUIRE(w, addr_equal(&y->from, &x->addr), "the LAN does not carry");
}

static void test_hairpin(struct trial *t)
{
	for (int hairpin = 0; hairpin <= 1; hairpin++) {
		struct world *w = new_world(t);

		check_hairpin(w, hairpin != 0);
		end_world(t, w);
	}
}

static void check_firewall(struct world *w)
{
	struct endpoint *x = endpoint_new(site_of(w, GUARD_FIREWALL, NULL), 5000);
	struct endpoint *y = endpoint_new(site_of(w, GUARD_FIREWALL, NULL), 6000);

	endpoint_send(x, &y->addr, 0, 10);
	REQUIRE(w, y->received == 0, "uncalled and let in");
	endpoint_send(y, &x->addr, 0, 10);
	endpoint_send(x, &y->addr, 0, 10);
	REQUIRE(w, x->received == 1 && y->received == 1, "both called, and not let in");
	world_run(w, 121 * SECOND);
	endpoint_send(x, &y->addr, 0, 10);
	REQUIRE(w, y->received == 1, "the state does not expire");
}

static void test_firewall(struct trial *t)
{
	struct world *w = new_world(t);

	check_firewall(w);
	end_world(t, w);
}

static void check_link(struct world *w)
{
	struct site_config c = site_config_plain();
	struct endpoint *x, *y;

	c.access = (struct link_config){.loss = {300000, 300000},
		.duplicate = 100000,
		.delay = MILLISECOND,
		.mtu = 1500};
	x = endpoint_new(site_new(w, &c), 1);
	c.access.loss[0] = c.access.loss[1] = c.access.duplicate = 0;
	y = endpoint_new(site_new(w, &c), 1);
	for (int i = 0; i < 10000; i++)
		endpoint_send(x, &y->addr, 0, 100);
	REQUIRE(w, y->received > 7500 && y->received < 7900, "%u of 7,700", y->received);
}

static void check_mtu(struct world *w)
{
	struct site_config c = site_config_plain();
	struct endpoint *x, *y;

	c.access = (struct link_config){.mtu = 1500, .mtu_inward = 1280};
	x = endpoint_new(site_new(w, &c), 1);
	y = endpoint_new(public_site(w), 1);
	endpoint_send(x, &y->addr, 0, 1472);
	REQUIRE(w, y->received == 1, "1,500 bytes do not pass");
	endpoint_send(x, &y->addr, 0, 1473);
	REQUIRE(w, y->received == 1, "1,501 bytes pass");
	endpoint_send(y, &x->addr, 0, 1252);
	REQUIRE(w, x->received == 1, "1,280 bytes do not pass");
	endpoint_send(y, &x->addr, 0, 1253);
	REQUIRE(w, x->received == 1, "1,281 bytes pass");
}

static void test_mtu(struct trial *t)
{
	struct world *w = new_world(t);

	check_mtu(w);
	end_world(t, w);
}

/* The program must be linked with
 * -Wl,--wrap=crypto_aead_new,--wrap=crypto_aead_free,--wrap=crypto_aead_seal. */
static void test_nonces(struct trial *t)
{
	struct world *w = new_world(t);
	const uint8_t key[CRYPTO_KEY_SIZE] = {1};
	struct crypto_aead *aead = crypto_aead_new(CIPHER_CHACHA20_POLY1305, key, true);
	uint8_t out[CRYPTO_TAG_SIZE];

	crypto_aead_seal(aead, 7, NULL, 0, NULL, 0, out);
	crypto_aead_free(aead);
	if (w->failed || nonces_heard() != 1)
		trial_fail(t, "the tap on seals is not linked in");
	aead = crypto_aead_new(CIPHER_CHACHA20_POLY1305, key, true);
	crypto_aead_seal(aead, 7, NULL, 0, NULL, 0, out);
	crypto_aead_free(aead);
	if (!w->failed)
		trial_fail(t, "a nonce used twice is not noticed");
	w->failed = false;
	end_world(t, w);
}

static void test_link(struct trial *t)
{
	struct world *w = new_world(t);

	check_link(w);
	end_world(t, w);
}

void trials_selftest(struct trials *list)
{
	trials_add(list, test_mappings, 0, "selftest mappings");
	trials_add(list, test_filters, 0, "selftest filters");
	trials_add(list, test_poison, 0, "selftest poison");
	trials_add(list, test_ttl, 0, "selftest ttl");
	trials_add(list, test_hairpin, 0, "selftest hairpin");
	trials_add(list, test_firewall, 0, "selftest firewall");
	trials_add(list, test_link, 0, "selftest link");
	trials_add(list, test_mtu, 0, "selftest mtu");
	trials_add(list, test_nonces, 0, "selftest nonces");
	trials_add(list, selftest_stream, 0, "selftest stream");
}
