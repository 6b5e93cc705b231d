/* SPDX-License-Identifier: MIT */
/* The bench's application: a generator of UDP datagrams on many flows, a sink that
 * verifies them, and an echo. */
#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "verify.h"

#define SOCKET_BUFFER (4 << 20) /* bytes; what is lost is not to be the sink's fault */
#define SECOND        UINT64_C(1000000000)

/* What may be done to every 100th datagram, to test the sink. */
enum fault { FAULT_NONE, FAULT_LOSE, FAULT_DOUBLE, FAULT_SWAP, FAULT_SPOIL };

struct options {
	struct in_addr host;  /* where to send */
	unsigned port, ports; /* flow i goes to port + i % ports */
	unsigned to;          /* of a hop */
	unsigned from;        /* flow i comes from port from + i; 0: from any */
	unsigned flows, size, run;
	unsigned gso;   /* datagrams that one UDP_SEGMENT send carries; 1: plain sends */
	uint64_t rate;  /* datagrams a second over all flows; 0: as fast as possible */
	uint64_t count; /* of datagrams; 0: until the time is over */
	uint64_t span;  /* ns of sending */
	uint64_t quiet; /* ns of silence after which no more is expected */
	bool gro, echo;
	enum fault fault;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int open_socket(const struct options *o)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int size = SOCKET_BUFFER, on = 1;

	if (fd < 0)
		die("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (o->gro && setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)) < 0)
		die("UDP_GRO");
	return fd;
}

static struct sockaddr_in name_of(struct in_addr host, unsigned port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = host};
}

static const struct in_addr anywhere = {INADDR_ANY};

static int open_server(const struct options *o)
{
	struct sockaddr_in name = name_of(anywhere, o->port);
	int fd = open_socket(o);

	if (bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
		die("bind");
	puts("ready");
	fflush(stdout);
	return fd;
}

static volatile sig_atomic_t asked, turned;

static void on_signal(int number)
{
	if (number == SIGUSR1)
		asked = 1;
	else
		turned = 1;
}

/* Turns UDP_GRO on or off. */
static void turn_gro(int fd)
{
	static int on;

	on = !on;
	if (setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)) < 0)
		die("UDP_GRO");
	turned = 0;
}

/* Asked by SIGUSR1, tells of its run at the next silence and goes on with the next run: the
 * port stays open, since some forwarders end when it does not. SIGUSR2 has it receive with
 * UDP_GRO, or no longer. */
static void run_sink(const struct options *o)
{
	static struct verifier v;
	static struct inbox b;
	struct pollfd p = {.fd = open_server(o), .events = POLLIN};

	v.run = o->run;
	(void)signal(SIGUSR1, on_signal);
	(void)signal(SIGUSR2, on_signal);
	for (;;) {
		if (turned)
			turn_gro(p.fd);
		if (poll(&p, 1, (int)(o->quiet / 1000000)) == 0 && asked) {
			verifier_print(&v);
			verifier_reset(&v, v.run + 1);
			asked = 0;
		}
		while (verifier_receive(&v, &b, p.fd) == INBOX_BATCH)
			continue;
	}
}

static void run_echo(const struct options *o)
{
	static struct inbox b;
	struct pollfd p = {.fd = open_server(o), .events = POLLIN};

	for (;;) {
		int count;

		(void)poll(&p, 1, -1);
		count = inbox_receive(&b, p.fd);
		for (int i = 0; i < count; i++)
			(void)sendto(p.fd, b.buffers[i], b.headers[i].msg_len, 0,
				(struct sockaddr *)&b.names[i], sizeof(b.names[i]));
	}
}

/* The least that a forwarder can do: one way, one flow, nothing else. */
static void run_hop(const struct options *o)
{
	static uint8_t buffer[INBOX_BUFFER];
	struct sockaddr_in target = name_of(o->host, o->to);
	int in = open_server(o), out = open_socket(o);

	if (connect(out, (struct sockaddr *)&target, sizeof(target)) < 0)
		die("connect");
	for (;;) {
		ssize_t len = recv(in, buffer, sizeof(buffer), 0);

		if (len >= 0)
			(void)send(out, buffer, (size_t)len, 0);
	}
}

/* Sending. */

struct sender {
	const struct options *o;
	struct pollfd polls[DATAGRAM_FLOWS_MAX]; /* a connected socket for each flow */
	uint32_t next[DATAGRAM_FLOWS_MAX];       /* number of each flow's next datagram */
	unsigned flow;                           /* whose turn it is */
	uint64_t now;                            /* ns, of this turn */
	uint64_t made;                           /* numbers used up */
	uint64_t sent, failed;                   /* datagrams; faults count as sent */
	struct verifier echoes;
	struct inbox inbox;
	uint8_t buffer[INBOX_BUFFER];
};

static void sender_open(struct sender *s, const struct options *o)
{
	s->o = o;
	s->echoes.run = o->run;
	for (unsigned i = 0; i < o->flows; i++) {
		struct sockaddr_in name = name_of(o->host, o->port + i % o->ports);
		struct sockaddr_in own = name_of(anywhere, o->from + i);
		int fd = open_socket(o), segment = (int)o->size;

		if (o->from && bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0)
			die("bind");
		if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
			die("connect");
		if (o->gso > 1 && setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment,
					  sizeof(segment)) < 0)
			die("UDP_SEGMENT");
		s->polls[i] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
}

static void encode(struct sender *s, unsigned at, uint32_t number)
{
	struct load_header h = {.magic = DATAGRAM_MAGIC,
		.run = s->o->run,
		.flow = s->flow,
		.number = number,
		.size = s->o->size,
		.sent_at = s->now};

	datagram_encode(s->buffer + at * s->o->size, &h);
}

static void transmit(struct sender *s, unsigned count)
{
	int fd = s->polls[s->flow].fd;

	/* An ICMP error that an earlier datagram earned fails one call. */
	if (send(fd, s->buffer, count * s->o->size, 0) >= 0 ||
		send(fd, s->buffer, count * s->o->size, 0) >= 0)
		s->sent += count;
	else
		s->failed += count;
}

/* Sends one datagram with a fault in it, or with its successor before it. */
static void transmit_faulty(struct sender *s)
{
	uint32_t number = s->next[s->flow];

	encode(s, 0, s->o->fault == FAULT_SWAP ? number + 1 : number);
	if (s->o->fault == FAULT_SPOIL)
		s->buffer[s->o->size - 1] ^= 0x10;
	if (s->o->fault == FAULT_LOSE)
		s->sent++;
	else
		transmit(s, 1);
	if (s->o->fault == FAULT_SWAP) {
		encode(s, 0, s->next[s->flow]++);
		s->made++;
	}
	if (s->o->fault == FAULT_SWAP || s->o->fault == FAULT_DOUBLE)
		transmit(s, 1);
	if (s->o->fault == FAULT_DOUBLE)
		s->sent--;
	s->next[s->flow]++;
	s->made++;
}

/* Sends the next flow's turn: one call, but for faults. */
static void sender_turn(struct sender *s)
{
	s->now = clock_ns();
	if (s->o->fault != FAULT_NONE && s->made % 100 == 50) {
		transmit_faulty(s);
	} else {
		for (unsigned i = 0; i < s->o->gso; i++)
			encode(s, i, s->next[s->flow]++);
		s->made += s->o->gso;
		transmit(s, s->o->gso);
	}
	s->flow = (s->flow + 1) % s->o->flows;
}

/* Waits until at, meanwhile taking echoes if they are wanted. Returns true if one came.
 */
static bool sender_wait(struct sender *s, uint64_t at)
{
	uint64_t now = clock_ns(), span = at > now ? at - now : 0;
	struct timespec t = {(time_t)(span / SECOND), (long)(span % SECOND)};
	bool any = false;

	if (!s->o->echo) {
		if (span > 0)
			(void)nanosleep(&t, NULL);
		return false;
	}
	if (ppoll(s->polls, s->o->flows, &t, NULL) <= 0)
		return false;
	for (unsigned i = 0; i < s->o->flows; i++)
		if (s->polls[i].revents)
			any |= verifier_receive(&s->echoes, &s->inbox, s->polls[i].fd) >
			       0;
	return any;
}

/* Turn i of a paced run is due at the start + i turns' time; late ones follow at once. */
static void sender_run(struct sender *s)
{
	const struct options *o = s->o;
	uint64_t begin = clock_ns(), now = begin, last;

	while (o->count ? s->made < o->count : now - begin < o->span) {
		uint64_t due = o->rate ? begin + s->made * SECOND / o->rate : now;

		if (due > now || o->echo)
			(void)sender_wait(s, due);
		now = clock_ns();
		if (due <= now)
			sender_turn(s);
	}
	printf("sent=%" PRIu64 " failed=%" PRIu64 " ns=%" PRIu64 "\n", s->sent, s->failed,
		clock_ns() - begin);
	if (!o->echo)
		return;
	for (last = now; now < last + o->quiet; now = clock_ns())
		if (sender_wait(s, last + o->quiet))
			last = now;
	verifier_print(&s->echoes);
}

static int run_send(const struct options *o)
{
	static struct sender s;

	if (o->size < sizeof(struct load_header) || o->size * o->gso > 65507) {
		fprintf(stderr, "load: --size or --gso out of range\n");
		return 2;
	}
	(void)prctl(PR_SET_TIMERSLACK, 1);
	sender_open(&s, o);
	sender_run(&s);
	return 0;
}

/* Command line. */

static int usage(void)
{
	fputs("Usage: load send|sink|echo|hop PORT [OPTION]...\n"
	      "Sends verifiable datagrams to PORT, or counts or returns them "
	      "there.\n\n"
	      "  --run N      number of the run, which sender and sink must share (1)\n"
	      "  --gro        receive with UDP_GRO\n"
	      "  --quiet MS   silence that ends a sink after SIGTERM, or a wait for "
	      "echoes (200)\n"
	      "  --seconds S  of sending (1), or a sink's longest life (60)\n"
	      "send only:\n"
	      "  --host ADDR  where to (127.0.0.1)\n"
	      "  --size N     bytes of a datagram, 32 at least (64)\n"
	      "  --seconds S  of sending (1)\n"
	      "  --rate N     datagrams a second over all flows (as fast as possible)\n"
	      "  --count N    datagrams in all, in place of --seconds\n"
	      "  --flows N    sockets, which take turns (1)\n"
	      "  --ports N    flow i goes to PORT + i % N (1)\n"
	      "  --from N     flow i comes from port N + i (any)\n"
	      "  --gso N      datagrams that each call sends by UDP_SEGMENT (1)\n"
	      "  --echo       expect each one back, and verify that\n"
	      "  --fault lose|double|swap|spoil  to one in 100\n",
		stderr);
	return 2;
}

static enum fault fault_of(const char *text)
{
	static const char *const names[] = {"none", "lose", "double", "swap", "spoil"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(text, names[i]) == 0)
			return (enum fault)i;
	exit(usage());
}

static const struct option long_options[] = {{"run", 1, NULL, 'r'}, {"gro", 0, NULL, 'g'},
	{"quiet", 1, NULL, 'q'}, {"seconds", 1, NULL, 's'}, {"size", 1, NULL, 'z'},
	{"rate", 1, NULL, 'R'}, {"count", 1, NULL, 'c'}, {"flows", 1, NULL, 'f'},
	{"ports", 1, NULL, 'p'}, {"from", 1, NULL, 'o'}, {"to", 1, NULL, 't'},
	{"gso", 1, NULL, 'G'}, {"echo", 0, NULL, 'e'}, {"fault", 1, NULL, 'F'},
	{"host", 1, NULL, 'h'}, {0}};

static bool set_option(struct options *o, int option)
{
	switch (option) {
	case 'r': o->run = (unsigned)strtoul(optarg, NULL, 10); break;
	case 'g': o->gro = true; break;
	case 'q': o->quiet = strtoull(optarg, NULL, 10) * 1000000; break;
	case 's': o->span = (uint64_t)(strtod(optarg, NULL) * 1e9); break;
	case 'z': o->size = (unsigned)strtoul(optarg, NULL, 10); break;
	case 'R': o->rate = strtoull(optarg, NULL, 10); break;
	case 'c': o->count = strtoull(optarg, NULL, 10); break;
	case 'f': o->flows = (unsigned)strtoul(optarg, NULL, 10); break;
	case 'p': o->ports = (unsigned)strtoul(optarg, NULL, 10); break;
	case 'o': o->from = (unsigned)strtoul(optarg, NULL, 10); break;
	case 't': o->to = (unsigned)strtoul(optarg, NULL, 10); break;
	case 'G': o->gso = (unsigned)strtoul(optarg, NULL, 10); break;
	case 'e': o->echo = true; break;
	case 'h': return inet_pton(AF_INET, optarg, &o->host) == 1;
	case 'F': o->fault = fault_of(optarg); break;
	default: return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct options o = {.ports = 1, .flows = 1, .size = 64, .run = 1, .gso = 1};
	int option;

	o.host.s_addr = htonl(INADDR_LOOPBACK);
	o.quiet = SECOND / 5;
	if (argc < 3)
		return usage();
	o.port = (unsigned)strtoul(argv[2], NULL, 10);
	o.span = SECOND;
	optind = 3;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		if (!set_option(&o, option))
			return usage();
	if (optind != argc || o.flows == 0 || o.flows > DATAGRAM_FLOWS_MAX ||
		o.ports == 0 || o.gso == 0)
		return usage();
	if (strcmp(argv[1], "send") == 0)
		return run_send(&o);
	if (strcmp(argv[1], "sink") == 0)
		run_sink(&o);
	if (strcmp(argv[1], "echo") == 0)
		run_echo(&o);
	if (strcmp(argv[1], "hop") == 0 && o.to)
		run_hop(&o);
	return usage();
}
