/* SPDX-License-Identifier: MIT */
/* One rendezvous, one host and its guests on a perfect network (net.h), and what tests of
 * their meeting ask and do. */
#ifndef EYELET_TEST_UNIT_MEETING_H
#define EYELET_TEST_UNIT_MEETING_H

#include "core/candidate.h"
#include "net_look.h"

#define ALT_BASE 3500 /* further ports of the rendezvous, 4 of them */

struct meeting {
	struct net *net;
	struct net_node *rendezvous, *host, *guest;
	struct service service;
	struct credentials credentials;
	struct rendezvous_config rendezvous_config;
	struct host_config host_config;
	struct guest_config guest_config;
};

/* A meeting whose configurations may yet be changed; nobody is there. */
static inline void meeting_init(struct meeting *m)
{
	*m = (struct meeting){.net = net_new()};
	struct entropy entropy = net_entropy(m->net);

	service_generate(&m->service, &entropy);
	credentials_of(&m->credentials, &m->service);
	rendezvous_config_init(&m->rendezvous_config);
	m->rendezvous_config.entropy = entropy;
	m->rendezvous_config.alt_base = ALT_BASE;
	m->rendezvous_config.alt_mask = 0xf;
	m->rendezvous_config.relay.max = 0; /* a test may want it */
	host_config_init(&m->host_config);
	m->host_config.entropy = entropy;
	m->host_config.service = &m->service;
	m->host_config.servers[0] = addr_v4(192, 0, 2, 1, 3478);
	m->host_config.server_count = 1;
	guest_config_init(&m->guest_config);
	m->guest_config.entropy = entropy;
	m->guest_config.credentials = &m->credentials;
	m->guest_config.servers[0] = addr_v4(192, 0, 2, 1, 3478);
	m->guest_config.server_count = 1;
	m->guest_config.identity[1] = 1; /* byte 0 loses its low bits to clamping */
}

static inline void meeting_rendezvous_start(struct meeting *m)
{
	struct net_node *n = m->rendezvous;

	n->machine = rendezvous_new(&m->rendezvous_config, m->net->now);
	assert_non_null(n->machine);
}

/* At 192.0.2.1 and [2001:db8::1]. */
static inline void meeting_add_rendezvous(struct meeting *m)
{
	struct net_node *n = net_add(m->net, NET_RENDEZVOUS, addr_v4(192, 0, 2, 1, 0));

	m->rendezvous = n;
	assert_true(addr_parse(&n->ip[1], "2001:db8::1", 0));
	meeting_rendezvous_start(m);
	net_open(m->net, n, 0, ADDR_V4, 3478);
	net_open(m->net, n, 1, ADDR_V6, 3478);
	for (uint16_t i = 0; i < 4; i++)
		net_open(m->net, n, 2u + i, ADDR_V4, (uint16_t)(ALT_BASE + i));
}

static inline void meeting_host_start(struct meeting *m, struct net_node *n)
{
	n->machine = host_new(&m->host_config, m->net->now);
	assert_non_null(n->machine);
}

/* A host at that address, port 40000, its own address told to it. */
static inline struct net_node *meeting_add_host(struct meeting *m, struct addr ip)
{
	struct net_node *n = net_add(m->net, NET_HOST, ip);

	meeting_host_start(m, n);
	host_set_locals(n->machine, &n->ip[0], 1);
	net_open(m->net, n, 0, ADDR_V4, 0);
	return n;
}

/* A guest with the identity of the configuration, not started. */
static inline struct net_node *meeting_add_guest(struct meeting *m, struct addr ip)
{
	struct net_node *n = net_add(m->net, NET_GUEST, ip);

	n->machine = guest_new(&m->guest_config, m->net->now);
	assert_non_null(n->machine);
	guest_set_locals(n->machine, &n->ip[0], 1);
	net_open(m->net, n, 0, ADDR_V4, 0);
	return n;
}

/* All three, the host registered and its own mapping known, the guest not started. */
static inline void meeting_gather(struct meeting *m)
{
	meeting_add_rendezvous(m);
	m->host = meeting_add_host(m, addr_v4(198, 51, 100, 10, 0));
	m->guest = meeting_add_guest(m, addr_v4(203, 0, 113, 20, 0));
	net_run(m->net, 2 * SECOND);
	assert_int_equal(net_events(m->host, EVENT_REGISTERED), 1);
}

/* The guest starts; it is connected 100 ms later. */
static inline void meeting_connect(struct meeting *m, struct net_node *guest)
{
	guest_start(guest->machine, m->net->now);
	net_run(m->net, 100 * MILLISECOND);
	assert_true(guest_connected(guest->machine));
}

static inline void meeting_begin(struct meeting *m)
{
	meeting_init(m);
	meeting_gather(m);
}

static inline void meeting_end(struct meeting *m)
{
	net_free(m->net);
}

/* The token that the rendezvous gave the host last: with it a test may introduce. */
static inline void meeting_token(const struct meeting *m, uint8_t token[TOKEN_SIZE])
{
	unsigned count = net_count(m->net, m->rendezvous, MESSAGE_REGISTERED);
	const struct net_packet *p =
		net_find(m->net, m->rendezvous, MESSAGE_REGISTERED, count - 1);
	struct registered_message registered;

	assert_true(registered_decode(&registered, p->bytes, p->len));
	memcpy(token, registered.token, TOKEN_SIZE);
}

/* Introduces a guest that the rendezvous saw there, with those candidates. */
static inline enum verdict meeting_introduce(struct meeting *m,
	const uint8_t attempt[ID_SIZE], const struct addr *seen,
	const struct guest_offer *offer)
{
	uint8_t payload[PAYLOAD_MAX], token[TOKEN_SIZE], bytes[INTRODUCE_MAX];
	struct introduce_message message = {.guest = *seen, .payload = payload};
	struct entropy entropy = net_entropy(m->net);

	message.payload_len =
		guest_offer_seal(payload, offer, &m->credentials, attempt, &entropy);
	meeting_token(m, token);
	return net_input(m->net, m->host, 0, &m->host->bound[0],
		&m->host_config.servers[0], bytes,
		introduce_encode(bytes, attempt, &message, token));
}

static inline struct host_counts meeting_host_counts(const struct net_node *host)
{
	struct host_counts counts;

	host_get_counts(host->machine, &counts);
	return counts;
}

/* Sends from the guest's application and expects it at the host with that number. */
static inline void meeting_expect_up(
	struct meeting *m, struct net_node *guest, uint32_t number)
{
	const struct addr app = addr_v4(127, 0, 0, 1, 50000);
	struct flow *flow = guest_flow(guest->machine, &app, m->net->now);
	unsigned before = m->host->deliveries;

	assert_non_null(flow);
	assert_true(net_say(m->net, guest, flow, (const uint8_t *)"up", 2));
	net_run(m->net, 10 * MILLISECOND);
	assert_int_equal(m->host->deliveries, before + 1);
	assert_int_equal(m->host->last.guest, number);
	assert_memory_equal(m->host->last.bytes, "up", 2);
}

/* Answers what the host heard last and expects it at the guest. */
static inline void meeting_expect_down(struct meeting *m, struct net_node *guest)
{
	unsigned before = guest->deliveries;

	assert_true(net_say(
		m->net, m->host, m->host->last.handle, (const uint8_t *)"down", 4));
	net_run(m->net, 10 * MILLISECOND);
	assert_int_equal(guest->deliveries, before + 1);
	assert_int_equal(guest->last.len, 4);
	assert_memory_equal(guest->last.bytes, "down", 4);
}

#endif
