/* SPDX-License-Identifier: MIT */
/* Host and guest behind NATs that map by destination, with a router that forwards a port to
 * one of them. */
#include "meeting.h"

#define MS MILLISECOND

static const struct addr host_mapped = {
	.family = ADDR_V4, .port = 7000, .ip = {198, 51, 100, 200}};
static const struct addr guest_mapped = {
	.family = ADDR_V4, .port = 7001, .ip = {203, 0, 113, 200}};

static struct addr port_for(struct addr outside, uint32_t socket, const struct addr *to)
{
	outside.port = (uint16_t)(10000u + 8u * (to->port + 3u * to->ip[3]) + socket);
	return outside;
}

/* A port of its own for each destination; but what answers to the forwarded port's
 * visitors leaves by that. */
static struct addr by_destination(
	struct net_node *n, uint32_t socket, const struct addr *to)
{
	const struct addr *own = n->kind == NET_HOST ? &host_mapped : &guest_mapped;
	const struct addr *other = n->kind == NET_HOST ? &guest_mapped : &host_mapped;
	struct addr visitor = port_for(*other, 0, own);
	bool answers = addr_same_ip(to, &visitor) && to->port >= visitor.port &&
		       to->port < visitor.port + NET_SOCKETS;

	return answers ? *own : port_for(*own, socket, to);
}

/* Filters as such NATs do: what comes in at a mapping comes from where it was made for. */
static void filter(struct net *net, struct net_packet *p)
{
	for (unsigned i = 0; i < net->node_count; i++) {
		struct net_node *n = &net->nodes[i];
		struct addr expected;
		uint32_t socket;

		if (n->nat == NULL || !net_owns(n, &p->to, &socket) ||
			addr_equal(&p->to, &host_mapped) ||
			addr_equal(&p->to, &guest_mapped))
			continue;
		expected = n->nat(n, socket, &p->source);
		p->lost = p->lost || !addr_equal(&expected, &p->to);
	}
}

/* A forwarded port: what comes to it comes to socket 0, from anywhere. */
static void forward(struct net_node *n, struct addr mapped)
{
	n->mappings[n->mapping_count].outside = mapped;
	n->mappings[n->mapping_count++].socket = 0;
}

static void begin(struct meeting *m)
{
	meeting_init(m);
	meeting_add_rendezvous(m);
	m->net->hook = filter;
	m->host = net_add(m->net, NET_HOST, addr_v4(192, 168, 1, 10, 0));
	m->host->nat = by_destination;
	meeting_host_start(m, m->host);
	host_set_locals(m->host->machine, &m->host->ip[0], 1);
	net_open(m->net, m->host, 0, ADDR_V4, 0);
	m->guest = meeting_add_guest(m, addr_v4(192, 168, 2, 20, 0));
	m->guest->nat = by_destination;
	forward(m->host, host_mapped);
	forward(m->guest, guest_mapped);
	net_run(m->net, 2 * SECOND);
}

static void connects_neither_without(void **state)
{
	struct meeting m;

	(void)state;
	begin(&m);
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 10 * SECOND);
	assert_false(guest_connected(m.guest->machine));
	meeting_end(&m);
}

static void connects_at_the_hosts_port(void **state)
{
	const struct event *e;
	struct meeting m;

	(void)state;
	begin(&m);
	host_set_mapped(m.host->machine, 0, &host_mapped, m.net->now);
	meeting_connect(&m, m.guest);
	e = net_event(m.guest, EVENT_CONNECTED, 0);
	assert_true(addr_equal(&e->path.remote, &host_mapped));
	assert_true(addr_equal(
		&net_find(m.net, m.guest, MESSAGE_HELLO, 0)->to, &host_mapped));
	meeting_end(&m);
}

/* Told of while an attempt is under way, it is offered in it. */
static void offers_a_port_that_comes_late(void **state)
{
	struct meeting m;

	(void)state;
	begin(&m);
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 500 * MS);
	assert_false(guest_connected(m.guest->machine));
	host_set_mapped(m.host->machine, 0, &host_mapped, m.net->now);
	net_run(m.net, 50 * MS);
	assert_true(guest_connected(m.guest->machine));
	meeting_end(&m);
}

static void offers_no_port_that_is_gone(void **state)
{
	const struct net_packet *p;
	struct meeting m;

	(void)state;
	begin(&m);
	host_set_mapped(m.host->machine, 0, &host_mapped, m.net->now);
	host_set_mapped(m.host->machine, 0, NULL, m.net->now);
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 5 * SECOND);
	assert_false(guest_connected(m.guest->machine));
	assert_non_null(net_find(m.net, m.guest, MESSAGE_HELLO, 0));
	for (unsigned i = 0; (p = net_find(m.net, m.guest, MESSAGE_HELLO, i)); i++)
		assert_false(addr_equal(&p->to, &host_mapped));
	meeting_end(&m);
}

/* A NAT that maps by destination makes the host leave its socket; not while it is mapped. */
static void keeps_the_mapped_socket_open(void **state)
{
	struct meeting m;

	(void)state;
	begin(&m);
	host_set_mapped(m.host->machine, 0, &host_mapped, m.net->now);
	net_run(m.net, 120 * SECOND);
	assert_true(net_events(m.host, EVENT_SOCKET_WANTED) > 0);
	for (unsigned i = 0; i < net_events(m.host, EVENT_SOCKET_DONE); i++)
		assert_int_not_equal(net_event(m.host, EVENT_SOCKET_DONE, i)->number, 0);
	meeting_connect(&m, m.guest);
	host_set_mapped(m.host->machine, 0, NULL, m.net->now);
	guest_shutdown(m.guest->machine, m.net->now);
	net_run(m.net, 60 * SECOND);
	assert_int_equal(m.host->bound[0].family, ADDR_NONE);
	meeting_end(&m);
}

/* The punches get there, and the first after the answer shows where to say hello. The host's
 * NAT takes a port for each destination, so all its punches are to be seen. */
static void connects_at_the_guests_port(void **state)
{
	const struct net_packet *p;
	const struct event *e;
	unsigned forwarded = 0;
	struct meeting m;

	(void)state;
	begin(&m);
	guest_set_mapped(m.guest->machine, 0, &guest_mapped);
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 150 * MS);
	assert_true(guest_connected(m.guest->machine));
	for (unsigned i = 0; (p = net_find(m.net, m.host, MESSAGE_PUNCH, i)); i++) {
		bool is_mapped = addr_equal(&p->to, &guest_mapped);

		forwarded += is_mapped;
		assert_int_equal(p->ttl, 0);
	}
	assert_true(forwarded > 0);
	e = net_event(m.host, EVENT_GUEST_CONNECTED, 0);
	assert_true(addr_equal(&e->path.remote, &guest_mapped));
	meeting_expect_up(&m, m.guest, 1);
	meeting_end(&m);
}

/* What is no socket of theirs is mapped to nothing. */
static void ignores_ports_of_no_socket(void **state)
{
	struct meeting m;

	(void)state;
	begin(&m);
	host_set_mapped(m.host->machine, 1, &host_mapped, m.net->now);
	host_set_mapped(m.host->machine, HOST_SOCKETS_MAX, &host_mapped, m.net->now);
	guest_set_mapped(m.guest->machine, 1, &guest_mapped);
	guest_set_mapped(m.guest->machine, GUEST_SOCKETS_MAX, &guest_mapped);
	guest_start(m.guest->machine, m.net->now);
	net_run(m.net, 3 * SECOND);
	assert_false(guest_connected(m.guest->machine));
	meeting_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connects_neither_without),
		cmocka_unit_test(connects_at_the_hosts_port),
		cmocka_unit_test(offers_a_port_that_comes_late),
		cmocka_unit_test(offers_no_port_that_is_gone),
		cmocka_unit_test(keeps_the_mapped_socket_open),
		cmocka_unit_test(connects_at_the_guests_port),
		cmocka_unit_test(ignores_ports_of_no_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
