/* SPDX-License-Identifier: MIT */
/* Generator, echo and verifier of UDP datagrams: counts loss, duplicates, order, corruption. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAYLOAD_MAX      65507 /* the largest UDP payload over IPv4, in bytes */
#define HEADER_LEN       16    /* magic, run and sequence number, where they fit */
#define MAGIC_DATA       0x7563686bU
#define MAGIC_PUSH       0x70757368U
#define SOURCES_MAX      4096
#define PUSHES_MAX       256
#define WINDOW_BYTES     100000 /* a sweep's datagrams under way, to suit default buffers */
#define WINDOW_DATAGRAMS 16
#define SECOND_NS        UINT64_C(1000000000)
#define MILLISECOND_NS   UINT64_C(1000000)

struct options {
	uint64_t count;
	size_t size;
	uint64_t rate;       /* datagrams a second */
	uint64_t seconds;    /* of the continuous mode */
	uint64_t timeout_ms; /* to wait for the last answers */
	uint64_t delay_ms;   /* after which the echo shall push */
	uint64_t every;      /* answers between two lines of progress; 0 for none */
	size_t from, to, step;
};

struct endpoint {
	struct sockaddr_storage addr;
	socklen_t len;
};

/* What each datagram must hold at its answer. */
struct header {
	uint32_t magic;
	uint32_t run;
	uint64_t seq;
};

static volatile sig_atomic_t stopped;

static void on_signal(int signo)
{
	(void)signo;
	stopped = 1;
}

static void die(const char *what)
{
	fprintf(stderr, "udpcheck: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

static struct endpoint parse_endpoint(const char *host, const char *port)
{
	struct endpoint e = {.len = 0};
	struct sockaddr_in *in = (struct sockaddr_in *)&e.addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&e.addr;
	uint16_t number = htons((uint16_t)strtoul(port, NULL, 10));

	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = number;
		e.len = sizeof(*in);
	} else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = number;
		e.len = sizeof(*in6);
	} else {
		fprintf(stderr, "udpcheck: not an address: %s\n", host);
		exit(2);
	}
	return e;
}

static int open_socket(const struct endpoint *e)
{
	int size = 4 << 20;
	int fd = socket(e->addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

/* Fills a datagram so that each byte depends on its place and on the sequence number. */
static void fill(uint8_t *buf, size_t len, uint32_t run, uint64_t seq)
{
	struct header h = {MAGIC_DATA, run, seq};
	uint64_t x = seq * UINT64_C(0x9e3779b97f4a7c15) + run + 1;

	for (size_t i = 0; i < len; i += sizeof(x)) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(buf + i, &x, len - i < sizeof(x) ? len - i : sizeof(x));
	}
	if (len >= HEADER_LEN)
		memcpy(buf, &h, sizeof(h));
}

/* Waits until fd is readable or the time has come. */
static void wait_readable(int fd, uint64_t until)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t now = now_ns();
	struct timespec ts = {0, 0};

	if (until > now) {
		ts.tv_sec = (time_t)((until - now) / SECOND_NS);
		ts.tv_nsec = (long)((until - now) % SECOND_NS);
	}
	(void)ppoll(&p, 1, &ts, NULL);
}

/* The echo. */

struct push {
	struct endpoint to;
	uint64_t due_at; /* 0 is a free place */
	uint64_t seq;
};

struct echo {
	int fd;
	uint64_t received, bytes;
	struct endpoint sources[SOURCES_MAX];
	size_t source_count;
	struct push pushes[PUSHES_MAX];
};

static void print_source(const struct endpoint *e)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&e->addr;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&e->addr;
	char text[INET6_ADDRSTRLEN];

	if (e->addr.ss_family == AF_INET)
		printf("source %s %u\n",
			inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text)),
			ntohs(in->sin_port));
	else
		printf("source %s %u\n",
			inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text)),
			ntohs(in6->sin6_port));
}

static void echo_note_source(struct echo *s, const struct endpoint *from)
{
	for (size_t i = s->source_count; i-- > 0;)
		if (s->sources[i].len == from->len &&
			memcmp(&s->sources[i].addr, &from->addr, from->len) == 0)
			return;
	if (s->source_count < SOURCES_MAX)
		s->sources[s->source_count++] = *from;
	print_source(from);
}

/* A push request holds the delay in place of the sequence number. */
static bool echo_take_push(
	struct echo *s, const struct endpoint *from, const uint8_t *buf, size_t len)
{
	struct header h;

	if (len < sizeof(h))
		return false;
	memcpy(&h, buf, sizeof(h));
	if (h.magic != MAGIC_PUSH)
		return false;
	for (size_t i = 0; i < PUSHES_MAX; i++)
		if (s->pushes[i].due_at == 0) {
			s->pushes[i] = (struct push){
				*from, now_ns() + h.seq * MILLISECOND_NS, h.seq};
			break;
		}
	return true;
}

/* Sends what is due and returns when the next push is. */
static uint64_t echo_push(struct echo *s)
{
	uint64_t next = now_ns() + SECOND_NS;

	for (size_t i = 0; i < PUSHES_MAX; i++) {
		struct push *p = &s->pushes[i];
		struct header h = {MAGIC_PUSH, 0, p->seq};

		if (p->due_at == 0)
			continue;
		if (p->due_at <= now_ns()) {
			(void)sendto(s->fd, &h, sizeof(h), 0,
				(struct sockaddr *)&p->to.addr, p->to.len);
			p->due_at = 0;
		} else if (p->due_at < next) {
			next = p->due_at;
		}
	}
	return next;
}

static void echo_answer(struct echo *s)
{
	static uint8_t buf[PAYLOAD_MAX + 1];

	for (;;) {
		struct endpoint from = {.len = sizeof(from.addr)};
		ssize_t n;

		memset(&from.addr, 0, sizeof(from.addr));
		n = recvfrom(s->fd, buf, sizeof(buf), 0, (struct sockaddr *)&from.addr,
			&from.len);
		if (n < 0)
			return;
		s->received++;
		s->bytes += (uint64_t)n;
		echo_note_source(s, &from);
		if (!echo_take_push(s, &from, buf, (size_t)n))
			(void)sendto(s->fd, buf, (size_t)n, 0,
				(struct sockaddr *)&from.addr, from.len);
	}
}

static int echo_run(const char *host, const char *port)
{
	static struct echo s;
	struct endpoint local = parse_endpoint(host, port);

	s.fd = open_socket(&local);
	if (bind(s.fd, (struct sockaddr *)&local.addr, local.len) < 0)
		die("bind");
	printf("listening %s %s\n", host, port);
	while (!stopped) {
		wait_readable(s.fd, echo_push(&s));
		echo_answer(&s);
	}
	printf("echoed=%" PRIu64 " bytes=%" PRIu64 " sources=%zu\n", s.received, s.bytes,
		s.source_count);
	return 0;
}

/* The client. */

struct check {
	int fd;
	uint32_t run;
	const struct options *o;
	bool sweep;
	uint64_t total; /* datagrams to send */
	uint64_t *sent_at;
	uint32_t *rtt_us; /* in order of arrival */
	bool *answered;
	uint64_t sent, received, duplicated, reordered, corrupted, bytes;
	uint64_t highest; /* 1 + highest sequence number answered */
	uint64_t progress_at, gap_ns;
	uint64_t under_way, under_way_bytes; /* of a sweep */
};

static size_t check_size(const struct check *c, uint64_t seq)
{
	return c->sweep ? c->o->from + (size_t)seq * c->o->step : c->o->size;
}

/* In a sweep the length names the datagram, for short ones have room for nothing else. */
static bool check_identify(
	const struct check *c, const uint8_t *buf, size_t len, uint64_t *seq)
{
	struct header h;

	if (c->sweep) {
		if (len < c->o->from || len > c->o->to ||
			(len - c->o->from) % c->o->step != 0)
			return false;
		*seq = (len - c->o->from) / c->o->step;
		return *seq < c->sent;
	}
	if (len != c->o->size)
		return false;
	memcpy(&h, buf, sizeof(h));
	*seq = h.seq;
	return h.magic == MAGIC_DATA && h.run == c->run && h.seq < c->sent;
}

static void check_note_gap(struct check *c, uint64_t now)
{
	if (now - c->progress_at > c->gap_ns)
		c->gap_ns = now - c->progress_at;
}

static void check_answer(struct check *c, const uint8_t *buf, size_t len)
{
	static uint8_t want[PAYLOAD_MAX];
	uint64_t seq, now = now_ns();

	if (!check_identify(c, buf, len, &seq)) {
		c->corrupted++;
		return;
	}
	fill(want, len, c->run, seq);
	if (memcmp(want, buf, len) != 0) {
		c->corrupted++;
		return;
	}
	if (c->answered[seq]) {
		c->duplicated++;
		return;
	}
	c->answered[seq] = true;
	if (seq + 1 < c->highest)
		c->reordered++;
	else
		c->highest = seq + 1;
	c->rtt_us[c->received++] = (uint32_t)((now - c->sent_at[seq]) / 1000);
	c->bytes += len;
	check_note_gap(c, now);
	c->progress_at = now;
	if (c->o->every && c->received % c->o->every == 0)
		printf("answered %" PRIu64 "\n", c->received);
	if (c->under_way > 0) {
		c->under_way--;
		c->under_way_bytes -= len < c->under_way_bytes ? len : c->under_way_bytes;
	}
}

/* Errors are ICMP's of a restarting peer, and not what is measured here. */
static void check_receive(struct check *c)
{
	static uint8_t buf[PAYLOAD_MAX + 1];

	for (int errors = 0; errors < 16;) {
		ssize_t n = recv(c->fd, buf, sizeof(buf), 0);

		if (n >= 0)
			check_answer(c, buf, (size_t)n);
		else if (errno == EAGAIN)
			return;
		else
			errors++;
	}
}

static void check_send(struct check *c)
{
	static uint8_t buf[PAYLOAD_MAX];
	uint64_t seq = c->sent++;
	size_t size = check_size(c, seq);

	fill(buf, size, c->run, seq);
	c->sent_at[seq] = now_ns();
	if (send(c->fd, buf, size, 0) < 0 && errno == ECONNREFUSED)
		(void)send(c->fd, buf, size, 0); /* the error was an earlier one's */
	c->under_way++;
	c->under_way_bytes += size;
}

/* Tells when the next datagram may leave: by rate, or in a sweep by what is under way. */
static uint64_t check_next_send(struct check *c, uint64_t start)
{
	uint64_t lost_at = c->progress_at + c->o->timeout_ms * MILLISECOND_NS;
	uint64_t now = now_ns();

	if (!c->sweep)
		return start + c->sent * SECOND_NS / c->o->rate;
	if (c->under_way == 0)
		return now;
	if (now >= lost_at) {
		c->under_way = c->under_way_bytes = 0;
		c->progress_at = now;
		return now;
	}
	if (c->under_way < WINDOW_DATAGRAMS &&
		c->under_way_bytes + check_size(c, c->sent) <= WINDOW_BYTES)
		return now;
	return lost_at;
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Returns the process's exit code: 0 when every datagram came back once, whole, in order. */
static int check_report(struct check *c)
{
	uint64_t lost = c->sent - c->received;

	qsort(c->rtt_us, c->received, sizeof(*c->rtt_us), compare_u32);
	printf("sent=%" PRIu64 " received=%" PRIu64 " lost=%" PRIu64
	       " duplicated=%" PRIu64 " reordered=%" PRIu64 " corrupted=%" PRIu64
	       " bytes=%" PRIu64,
		c->sent, c->received, lost, c->duplicated, c->reordered, c->corrupted,
		c->bytes);
	printf(" rtt_us=%" PRIu32 " longest_gap_ms=%" PRIu64 "\n",
		c->received ? c->rtt_us[c->received / 2] : 0, c->gap_ns / MILLISECOND_NS);
	return lost || c->duplicated || c->reordered || c->corrupted || !c->sent;
}

static void check_loop(struct check *c)
{
	uint64_t start = now_ns(), deadline;

	c->progress_at = start;
	while (c->sent < c->total && !stopped) {
		uint64_t next = check_next_send(c, start);

		if (next <= now_ns())
			check_send(c);
		else
			wait_readable(c->fd, next);
		check_receive(c);
	}
	if (c->received < c->sent)
		check_note_gap(c, now_ns());
	deadline = now_ns() + c->o->timeout_ms * MILLISECOND_NS;
	while (c->received < c->sent && now_ns() < deadline) {
		wait_readable(c->fd, deadline);
		check_receive(c);
	}
}

/* Opens a socket that hears only the given endpoint. */
static int connect_to(const char *host, const char *port)
{
	struct endpoint remote = parse_endpoint(host, port);
	int fd = open_socket(&remote);

	if (connect(fd, (struct sockaddr *)&remote.addr, remote.len) < 0)
		die("connect");
	return fd;
}

static int check_run(const char *host, const char *port, const struct options *o,
	uint64_t total, bool sweep)
{
	struct check c = {.o = o, .sweep = sweep, .total = total};

	c.fd = connect_to(host, port);
	if (getrandom(&c.run, sizeof(c.run), 0) < 0)
		die("getrandom");
	c.sent_at = calloc(total, sizeof(*c.sent_at));
	c.rtt_us = calloc(total, sizeof(*c.rtt_us));
	c.answered = calloc(total, sizeof(*c.answered));
	if (!c.sent_at || !c.rtt_us || !c.answered)
		die("calloc");
	check_loop(&c);
	return check_report(&c);
}

static int continuous_run(const char *host, const char *port, const struct options *o)
{
	(void)check_run(host, port, o, o->rate * o->seconds, false);
	return 0;
}

/* Asks the echo for one datagram after a silence and says how late it came. */
static int push_run(const char *host, const char *port, const struct options *o)
{
	struct header h = {MAGIC_PUSH, 0, o->delay_ms};
	uint64_t due_at = now_ns() + o->delay_ms * MILLISECOND_NS;
	int fd = connect_to(host, port);

	if (send(fd, &h, sizeof(h), 0) < 0)
		die("send");
	while (now_ns() < due_at + o->timeout_ms * MILLISECOND_NS && !stopped) {
		wait_readable(fd, due_at + o->timeout_ms * MILLISECOND_NS);
		if (recv(fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h) ||
			h.magic != MAGIC_PUSH)
			continue;
		printf("pushed delay_ms=%" PRIu64 " late_ms=%" PRId64 "\n", o->delay_ms,
			((int64_t)now_ns() - (int64_t)due_at) / (int64_t)MILLISECOND_NS);
		return 0;
	}
	printf("pushed delay_ms=%" PRIu64 " late_ms=never\n", o->delay_ms);
	return 1;
}

/* The command line. */

static int usage(void)
{
	fputs("usage: udpcheck echo ADDR PORT\n"
	      "       udpcheck ping ADDR PORT [--count N] [--size BYTES] [--rate "
	      "PER_SECOND]\n"
	      "       udpcheck sweep ADDR PORT [--from BYTES] [--to BYTES] [--step "
	      "BYTES]\n"
	      "       udpcheck continuous ADDR PORT [--seconds N] [--size BYTES] [--rate "
	      "N]\n"
	      "       udpcheck push ADDR PORT [--delay MS]\n"
	      "each but echo also takes --timeout MS, how long to wait for the last "
	      "answer,\n"
	      "and --every N, to tell of each Nth answer\n",
		stderr);
	return 2;
}

static bool parse_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {{"count", 1, NULL, 'c'},
		{"size", 1, NULL, 's'}, {"rate", 1, NULL, 'r'}, {"timeout", 1, NULL, 't'},
		{"from", 1, NULL, 'f'}, {"to", 1, NULL, 'o'}, {"step", 1, NULL, 'p'},
		{"delay", 1, NULL, 'd'}, {"seconds", 1, NULL, 'n'},
		{"every", 1, NULL, 'e'}, {NULL, 0, NULL, 0}};
	int letter;

	while ((letter = getopt_long(argc, argv, "", table, NULL)) != -1) {
		uint64_t value = optarg ? strtoull(optarg, NULL, 10) : 0;

		switch (letter) {
		case 'c': o->count = value; break;
		case 's': o->size = value; break;
		case 'r': o->rate = value; break;
		case 't': o->timeout_ms = value; break;
		case 'f': o->from = value; break;
		case 'o': o->to = value; break;
		case 'p': o->step = value; break;
		case 'd': o->delay_ms = value; break;
		case 'n': o->seconds = value; break;
		case 'e': o->every = value; break;
		default: return false;
		}
	}
	return o->size >= HEADER_LEN && o->size <= PAYLOAD_MAX && o->rate > 0 &&
	       o->step > 0 && o->from <= o->to && o->to <= PAYLOAD_MAX &&
	       argc - optind == 3;
}

int main(int argc, char **argv)
{
	struct options o = {.count = 200,
		.size = 64,
		.rate = 1000,
		.seconds = 3600,
		.timeout_ms = 2000,
		.delay_ms = 1000,
		.to = PAYLOAD_MAX,
		.step = 1};
	struct sigaction action = {.sa_handler = on_signal};
	const char *mode, *host, *port;

	if (!parse_options(argc, argv, &o))
		return usage();
	mode = argv[optind];
	host = argv[optind + 1];
	port = argv[optind + 2];
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	if (strcmp(mode, "echo") == 0)
		return echo_run(host, port);
	if (strcmp(mode, "ping") == 0)
		return check_run(host, port, &o, o.count, false);
	if (strcmp(mode, "sweep") == 0)
		return check_run(host, port, &o, (o.to - o.from) / o.step + 1, true);
	if (strcmp(mode, "continuous") == 0)
		return continuous_run(host, port, &o);
	if (strcmp(mode, "push") == 0)
		return push_run(host, port, &o);
	return usage();
}
