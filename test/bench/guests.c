/* SPDX-License-Identifier: MIT */
/* Many guests of one host in one process, each with a socket and an identity of its own, for what
 * they cost the host: guests TICKET COUNT connects them, says "ready", and then for each line
 * "GUESTS RATE RUN SIZE MS NUMBER" on stdin has so many of them send verifiable
 * datagrams in turn, in runs by UDP_SEGMENT. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/guest.h"
#include "core/session.h"
#include "core/ticket.h"
#include "net/system.h"
#include "net/udp.h"
#include "verify.h"

#define AT_ONCE   64                /* guests that connect at a time */
#define TICK      (5 * MILLISECOND) /* between looks at all guests' timers */
#define PATIENCE  (90 * SECOND)     /* for all to connect */
#define RUN_MAX   32
#define FRAME_CAP (2048 + FRAME_OVERHEAD_MAX)

struct one {
	struct guest *guest;
	struct udp_socket socket;
	struct flow *flow;
	uint32_t number; /* of its next datagram */
};

static struct one *all;
static unsigned count, started, connected;
static struct udp_batch *batch;
static uint64_t now, looked_at;
static int watch;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void give_output(struct one *o)
{
	struct datagram d;
	struct event event;

	while (guest_output(o->guest, &d, now))
		(void)udp_send(&o->socket, &d.path, d.ttl, d.tos, d.data, d.len);
	while (guest_next_event(o->guest, &event))
		connected += event.type == EVENT_CONNECTED;
}

static void take_input(struct one *o)
{
	struct udp_message *messages;
	int n = udp_receive(&o->socket, batch, &messages);

	for (int i = 0; i < n; i++) {
		struct udp_message *m = &messages[i];

		for (size_t at = 0; at < m->len; at += m->segment) {
			size_t left = m->len - at;
			struct delivery delivery;

			(void)guest_input(o->guest, &m->path, m->buf + at,
				left < m->segment ? left : m->segment, now, &delivery);
		}
	}
	give_output(o);
}

static void look_at_timers(void)
{
	if (now < looked_at + TICK)
		return;
	looked_at = now;
	for (unsigned i = 0; i < started; i++) {
		if (guest_next_timeout(all[i].guest) > now)
			continue;
		guest_expire(all[i].guest, now);
		give_output(&all[i]);
	}
}

/* Waits at most so long for what comes in. */
static void turn(int ms)
{
	struct epoll_event events[64];
	int n = epoll_wait(watch, events, 64, ms);

	now = clock_now();
	for (int i = 0; i < n; i++)
		take_input(events[i].data.ptr);
	look_at_timers();
}

static void start_one(struct one *o, const struct guest_config *config)
{
	const struct udp_options options = {.public_side = true};
	const struct addr any = {.family = ADDR_V4};
	struct guest_config own = *config;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = o};

	random_fill(NULL, own.identity, sizeof(own.identity));
	o->guest = guest_new(&own, now);
	if (!o->guest || udp_open(&o->socket, &any, &options) != 0 ||
		epoll_ctl(watch, EPOLL_CTL_ADD, o->socket.fd, &event) < 0)
		die("guests: socket");
	guest_add_socket(o->guest, 0, &o->socket.bound, now);
	guest_start(o->guest, now);
	give_output(o);
	started++;
}

static void connect_all(const char *text)
{
	const struct entropy entropy = {random_fill, NULL};
	struct credentials credentials;
	struct guest_config config;
	struct ticket ticket;
	uint64_t begin = now;

	if (ticket_decode(&ticket, text) != NULL) {
		fputs("guests: no ticket\n", stderr);
		exit(2);
	}
	credentials_derive(&credentials, ticket.service, ticket.secret);
	guest_config_init(&config);
	config.entropy = entropy;
	config.credentials = &credentials;
	config.no_relay = true;
	config.server_count = 1;
	if (!resolve_numeric(&config.servers[0], ticket.servers, 3478))
		exit(2);
	while (connected < count && now < begin + PATIENCE) {
		if (started < count && started < connected + AT_ONCE)
			start_one(&all[started], &config);
		turn(started < count && started < connected + AT_ONCE ? 0 : 5);
	}
	printf("ready connected=%u ms=%" PRIu64 "\n", connected,
		(now - begin) / MILLISECOND);
	fflush(stdout);
}

/* One run of one guest. Returns how many datagrams that were. */
static unsigned send_run(unsigned i, unsigned run, size_t size, uint32_t number)
{
	static uint8_t frames[RUN_MAX][FRAME_CAP];
	const struct addr app = addr_v4(127, 0, 0, 1, 50000);
	struct one *o = &all[i];
	struct udp_sender sender;

	o->flow = guest_flow(o->guest, &app, now);
	udp_sender_init(&sender, run);
	for (unsigned n = 0; o->flow && n < run; n++) {
		uint8_t payload[2048];
		struct load_header h = {.magic = DATAGRAM_MAGIC,
			.run = number,
			.flow = i % DATAGRAM_FLOWS_MAX,
			.number = o->number++,
			.size = (uint32_t)size,
			.sent_at = clock_ns()};
		struct path path;
		size_t len;

		datagram_encode(payload, &h);
		len = guest_seal(
			o->guest, o->flow, 0, 1, payload, size, frames[n], &path, now);
		if (len > 0)
			udp_sender_add(&sender, &o->socket, &path, 0, frames[n], len);
	}
	udp_sender_flush(&sender);
	return run;
}

static void send_for(unsigned guests, uint64_t rate, unsigned run, size_t size,
	uint64_t span, uint32_t number)
{
	uint64_t begin = clock_now(), sent = 0, before = 0, failed = 0;

	for (unsigned i = 0; i < guests; i++) {
		all[i].number = 0;
		before += all[i].socket.send_failed;
	}
	for (unsigned next = 0; now < begin + span; next = (next + 1) % guests) {
		while (now < begin + sent * SECOND / rate)
			turn(0);
		turn(0);
		sent += send_run(next, run, size, number);
	}
	for (unsigned i = 0; i < guests; i++)
		failed += all[i].socket.send_failed;
	printf("sent=%" PRIu64 " failed=%" PRIu64 " ns=%" PRIu64 "\n", sent,
		failed - before, clock_now() - begin);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	char line[128];

	if (argc != 3)
		return 2;
	count = (unsigned)strtoul(argv[2], NULL, 10);
	all = calloc(count, sizeof(*all));
	batch = udp_batch_new();
	watch = epoll_create1(EPOLL_CLOEXEC);
	if (count == 0 || !all || !batch || watch < 0)
		die("guests");
	(void)descriptors_raise();
	now = clock_now();
	connect_all(argv[1]);
	setvbuf(stdin, NULL, _IONBF, 0);
	for (;;) {
		unsigned guests, run;
		uint64_t rate, ms;
		uint32_t number;
		size_t size;

		if (poll(&in, 1, 0) == 0) {
			turn(5);
			continue;
		}
		if (!fgets(line, sizeof(line), stdin))
			return 0;
		if (sscanf(line, "%u %" SCNu64 " %u %zu %" SCNu64 " %" SCNu32, &guests,
			    &rate, &run, &size, &ms, &number) == 6 &&
			guests > 0 && guests <= count && run > 0 && run <= RUN_MAX &&
			size >= sizeof(struct load_header) && size <= 1400 && rate > 0)
			send_for(guests, rate, run, size, ms * MILLISECOND, number);
	}
}
