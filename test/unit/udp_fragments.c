/* SPDX-License-Identifier: MIT */
/* What leaves through an interface with an MTU of 1500, seen on the wire: in a network
 * namespace whose loopback interface has that MTU. */
#include "sockets.h"

#include <errno.h>

#if defined(__linux__) && !defined(EYELET_PORTABLE)
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>

static uint8_t v4 = ADDR_V4, v6 = ADDR_V6;

static uint8_t family_of(void **state)
{
	return *(uint8_t *)*state;
}

/* What was sent through lo since the last look. */
struct wire {
	size_t packets, longest; /* of IP, bytes */
	size_t df, fragments;    /* IPv4 packets with DF; fragments of either family */
};

static int tap_open(void)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex("lo")};
	int tap = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, htons(ETH_P_ALL));
	int size = 1 << 22;

	assert_true(tap >= 0);
	(void)setsockopt(tap, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	assert_int_equal(bind(tap, (struct sockaddr *)&at, sizeof(at)), 0);
	return tap;
}

static void count_packet(struct wire *wire, const uint8_t *packet, size_t len)
{
	bool is_v4 = packet[0] >> 4 == 4;
	uint8_t protocol = is_v4 ? packet[9] : packet[6];

	if (protocol != IPPROTO_UDP && protocol != IPPROTO_FRAGMENT)
		return;
	wire->packets++;
	wire->longest = len > wire->longest ? len : wire->longest;
	wire->df += is_v4 && (packet[6] & 0x40);
	wire->fragments +=
		is_v4 ? (packet[6] & 0x3f) || packet[7] : protocol == IPPROTO_FRAGMENT;
}

/* What b has received has passed the tap before: there is nothing to wait for. */
static struct wire tap_look(int tap)
{
	static uint8_t packet[70000];
	struct wire wire = {0};

	for (;;) {
		struct sockaddr_ll from;
		socklen_t from_len = sizeof(from);
		ssize_t len = recvfrom(tap, packet, sizeof(packet), 0,
			(struct sockaddr *)&from, &from_len);

		if (len < 0)
			return wire;
		if (from.sll_pkttype == PACKET_OUTGOING)
			count_packet(&wire, packet, (size_t)len);
	}
}

static void transfer(struct pair *p, size_t size)
{
	p->b.received = 0;
	send_all(p, 0, &size, 1, 64, 0);
	receive_all(p, 0, &size, 1);
}

static void check_whole(struct pair *p, int tap, size_t size)
{
	struct wire wire;

	transfer(p, size);
	wire = tap_look(tap);
	assert_int_equal(wire.packets, 1);
	assert_int_equal(wire.fragments, 0);
	assert_int_equal(wire.df, p->b.bound.family == ADDR_V4);
}

/* Fragments of IPv4 are as long as the interface lets them, of IPv6 1280 bytes. */
static void check_fragmented(struct pair *p, int tap, size_t size, size_t longest)
{
	size_t room_each = longest - (p->b.bound.family == ADDR_V4 ? 20 : 48);
	struct wire wire;

	transfer(p, size);
	wire = tap_look(tap);
	assert_int_equal(wire.packets, (size + 8 + room_each - 1) / room_each);
	assert_int_equal(wire.fragments, wire.packets);
	assert_int_equal(wire.df, 0);
	assert_int_equal(wire.longest, longest);
}

static void fragments_what_fits_no_packet(void **state)
{
	bool is_v4 = family_of(state) == ADDR_V4;
	size_t whole = is_v4 ? 1472 : 1452, longest = is_v4 ? 1500 : 1280;
	struct pair p;
	int tap;

	interface_set("lo", 1500);
	pair_open(&p, family_of(state), true);
	tap = tap_open();
	check_whole(&p, tap, whole);
	check_fragmented(&p, tap, 65507, longest);
	check_whole(&p, tap, 1);
	check_whole(&p, tap, whole);
	check_fragmented(&p, tap, whole + 1, longest);
	assert_int_equal(p.a.send_failed, 0);
	assert_int_equal(p.a.calls_out, p.a.sent);
	close(tap);
	pair_close(&p);
}

static void fragments_what_the_interface_refuses(void **state)
{
	size_t sizes[8];
	struct pair p;
	int tap;

	for (size_t i = 0; i < 8; i++)
		sizes[i] = 1440;
	interface_set("lo", 1400);
	pair_open(&p, family_of(state), true);
	tap = tap_open();
	transfer(&p, 1440);
	assert_int_equal(tap_look(tap).fragments, 2);
	check_whole(&p, tap, 1300);
	p.b.received = 0;
	send_all(&p, 0, sizes, 8, 64, 0);
	receive_all(&p, 0, sizes, 8);
	assert_int_equal(tap_look(tap).fragments, 16);
	assert_true(p.a.gso);
	assert_int_equal(p.a.gso_max, 1439);
	close(tap);
	pair_close(&p);
}

/* Sends one control datagram, as probes of the path MTU are. */
static int send_control(struct pair *p, size_t size)
{
	datagram_write(room, size, 0);
	return udp_send(&p->a, &p->path, 0, 0, room, size);
}

static void check_control_whole(struct pair *p, int tap, size_t size)
{
	struct wire wire;

	p->b.received = 0;
	assert_int_equal(send_control(p, size), 0);
	receive_all(p, 0, &size, 1);
	wire = tap_look(tap);
	assert_int_equal(wire.packets, 1);
	assert_int_equal(wire.fragments, 0);
	assert_int_equal(wire.df, p->b.bound.family == ADDR_V4);
}

static void check_control_refused(struct pair *p, int tap, size_t size)
{
	struct udp_message *messages;

	assert_int_equal(send_control(p, size), -EMSGSIZE);
	assert_int_equal(tap_look(tap).packets, 0);
	assert_int_equal(udp_receive(&p->b, p->batch, &messages), 0);
}

/* A probe of the path MTU that left as fragments would lie. */
static void never_fragments_control(void **state)
{
	bool is_v4 = family_of(state) == ADDR_V4;
	size_t header = is_v4 ? 28 : 48;
	struct udp_error error;
	struct pair p;
	int tap;

	interface_set("lo", 1400);
	pair_open(&p, family_of(state), true);
	tap = tap_open();
	check_control_refused(&p, tap, 1500 - header);
	check_control_refused(&p, tap, 1401 - header);
	check_control_whole(&p, tap, 1400 - header);
	assert_int_equal(p.a.send_failed, 2);
	/* Not even between data that leaves as fragments, before and after. */
	transfer(&p, 1500 - header);
	assert_int_equal(tap_look(tap).fragments, 2);
	check_control_refused(&p, tap, 1500 - header);
	check_control_whole(&p, tap, 1400 - header);
	transfer(&p, 1500 - header);
	assert_int_equal(tap_look(tap).fragments, 2);
	check_control_whole(&p, tap, 1400 - header);
	/* What was refused here is no word of the network's. */
	assert_false(udp_next_error(&p.a, &error));
	close(tap);
	pair_close(&p);
}

/* The interface's MTU alone decides: here one above 1500, as of jumbo frames. */
static void probes_up_to_the_interface(void **state)
{
	size_t header = family_of(state) == ADDR_V4 ? 28 : 48;
	struct pair p;
	int tap;

	interface_set("lo", 9000);
	pair_open(&p, family_of(state), true);
	tap = tap_open();
	check_control_whole(&p, tap, 1500 - header);
	check_control_whole(&p, tap, 9000 - header);
	check_control_refused(&p, tap, 9001 - header);
	close(tap);
	pair_close(&p);
}

/* An application's socket, whose segments may have any size. */
static void sends_runs_again_that_fit(void **state)
{
	static const size_t sizes[] = {3000, 3000, 3000, 9, 1200, 1200, 1200, 1200};
	struct pair p;

	interface_set("lo", 1500);
	pair_open(&p, family_of(state), false);
	send_all(&p, 0, sizes, 8, 64, 0);
	receive_all(&p, 0, sizes, 8);
	assert_true(p.a.gso);
	assert_int_equal(p.a.gso_max, 2999);
	assert_true(p.a.calls_out <= 2 + 4 + 1);
	p.b.received = 0;
	send_all(&p, 0, sizes, 8, 64, 0);
	receive_all(&p, 0, sizes, 8);
	assert_true(p.a.calls_out <= 2 + 4 + 1 + 4 + 1);
	pair_close(&p);
}

static uint16_t checksum(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)(at[i] << 8 | at[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t) ~(sum + (sum >> 16)));
}

/* A stranger's "fragmentation needed", to 600 bytes, for a datagram from a to b. */
static void forge_v4(const struct pair *p)
{
	struct {
		struct icmphdr icmp;
		struct iphdr ip;
		struct udphdr udp;
	} forged = {.icmp = {.type = ICMP_DEST_UNREACH, .code = ICMP_FRAG_NEEDED},
		.ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP}};
	struct sockaddr_in to = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	forged.icmp.un.frag.mtu = htons(600);
	forged.ip.tot_len = htons(1400);
	forged.ip.frag_off = htons(0x4000);
	forged.ip.saddr = forged.ip.daddr = htonl(INADDR_LOOPBACK);
	forged.ip.check = checksum(&forged.ip, sizeof(forged.ip));
	forged.udp.source = htons(p->a.bound.port);
	forged.udp.dest = htons(p->b.bound.port);
	forged.udp.len = htons(1380);
	forged.icmp.checksum = checksum(&forged, sizeof(forged));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, &forged, sizeof(forged), 0, (struct sockaddr *)&to,
				 sizeof(to)),
		sizeof(forged));
	close(fd);
}

/* The same with a "packet too big" of 1280 bytes, the least that IPv6 knows. */
static void forge_v6(const struct pair *p)
{
	struct {
		struct icmp6_hdr icmp;
		struct ip6_hdr ip;
		struct udphdr udp;
	} forged = {.icmp = {.icmp6_type = ICMP6_PACKET_TOO_BIG}};
	struct sockaddr_in6 to = {
		.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);

	forged.icmp.icmp6_mtu = htonl(1280);
	forged.ip.ip6_vfc = 0x60;
	forged.ip.ip6_plen = htons(1400);
	forged.ip.ip6_nxt = IPPROTO_UDP;
	forged.ip.ip6_hlim = 64;
	forged.ip.ip6_src = forged.ip.ip6_dst = to.sin6_addr;
	forged.udp.source = htons(p->a.bound.port);
	forged.udp.dest = htons(p->b.bound.port);
	forged.udp.len = htons(1400);
	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, &forged, sizeof(forged), 0, (struct sockaddr *)&to,
				 sizeof(to)),
		sizeof(forged));
	close(fd);
}

static void believes_no_forged_mtu(void **state)
{
	bool is_v4 = family_of(state) == ADDR_V4;
	size_t whole = is_v4 ? 1472 : 1452, longest = is_v4 ? 1500 : 1280;
	size_t sizes[40];
	struct udp_error error;
	struct pair p;
	int tap;

	for (size_t i = 0; i < 40; i++)
		sizes[i] = 1400;
	interface_set("lo", 1500);
	pair_open(&p, family_of(state), true);
	tap = tap_open();
	if (is_v4)
		forge_v4(&p);
	else
		forge_v6(&p);
	wait_for(p.a.fd, POLLERR);
	check_whole(&p, tap, whole);
	check_control_whole(&p, tap, whole);
	assert_true(udp_next_error(&p.a, &error));
	assert_int_equal(error.type, is_v4 ? ICMP_DEST_UNREACH : ICMP6_PACKET_TOO_BIG);
	assert_true(addr_equal(&error.path.remote, &p.b.bound));
	check_fragmented(&p, tap, 65507, longest);
	p.b.received = 0;
	send_all(&p, 0, sizes, 40, 64, 0);
	receive_all(&p, 0, sizes, 40);
	assert_int_equal(
		tap_look(tap).packets, 1); /* one segmented packet, as lo takes it */
	assert_true(p.a.gso);
	assert_int_equal(p.a.gso_max, whole);
	assert_int_equal(p.a.send_failed, 0);
	close(tap);
	pair_close(&p);
}

/* The first run is over IPv4, the second over IPv6. */
#define BOTH(test)                                                                       \
	cmocka_unit_test_prestate(test, &v4), cmocka_unit_test_prestate(test, &v6)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(fragments_what_fits_no_packet),
		BOTH(fragments_what_the_interface_refuses),
		BOTH(never_fragments_control),
		BOTH(probes_up_to_the_interface),
		BOTH(sends_runs_again_that_fit),
		BOTH(believes_no_forged_mtu),
	};

	if (!namespace_enter()) {
		print_message("no network namespace: skipped\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else
int main(void)
{
	return 77;
}
#endif
