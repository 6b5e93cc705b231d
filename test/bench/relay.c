/* SPDX-License-Identifier: MIT */
/* A thousand sessions over the relay of a real `eyelet rendezvous`, and floods: from one of
 * them, from a hundred, and from outside. Tells what the others lose, what a datagram costs
 * the relay, and how much memory it takes.
 * usage: relay EYELET [SECONDS [PERCENT]]; with PERCENT it fails if the others lose more.
 * To be run in a network namespace of its own. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/channel.h"
#include "core/message.h"

#define GUESTS        1000
#define PORT          34780
#define RATE_ALL      "8000" /* kB a second: a share of 8 kB/s for each */
#define QUIET_RATE    20     /* datagrams a second of each, of 200 bytes: 4 kB/s */
#define QUIET_SIZE    200
#define FLOOD_SIZE    1200
#define SETUP_SECONDS 30
#define MEMORY_MAX    (64 << 10) /* kB */

struct guest {
	int fd;
	bool asked;
	uint8_t attempt[ID_SIZE], cookie[COOKIE_SIZE];
	uint32_t channel;
	uint64_t sent, got;
};

struct bench {
	pid_t pid;
	struct addr dialled;
	struct service service;
	struct credentials credentials;
	int host, outside;
	uint8_t token[TOKEN_SIZE];
	struct guest guests[GUESTS];
};

/* Who sends how much beside the others. */
struct load {
	const char *name;
	unsigned flooders;
	uint32_t rate; /* datagrams a second of each */
	uint32_t outside;
};

static const struct load loads[] = {
	{"nobody floods", 0, 0, 0},
	{"one floods", 1, 20000, 0},
	{"a hundred flood", 100, 200, 0},
	{"from outside", 0, 0, 20000},
	{"all of it", 100, 200, 10000},
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void fill(void *arg, uint8_t *bytes, size_t len)
{
	(void)arg;
	if (getrandom(bytes, len, 0) != (ssize_t)len)
		die("getrandom");
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A socket of that address, connected to the rendezvous. */
static int open_socket(const char *ip)
{
	struct sockaddr_in own = {.sin_family = AF_INET},
			   to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int size = 4 << 20;

	inet_pton(AF_INET, ip, &own.sin_addr);
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0 ||
		connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

/* The rendezvous' process. */

static void start_rendezvous(struct bench *b, const char *eyelet)
{
	b->pid = fork();
	if (b->pid < 0)
		die("fork");
	if (b->pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	execl(eyelet, eyelet, "rendezvous", "-q", "--listen", "127.0.0.1:34780", "--alt",
		"0", "--relay-rate-all", RATE_ALL, (char *)NULL);
	die(eyelet);
}

/* The first number behind that word in one of its files in /proc. */
static double of_process(const struct bench *b, const char *file, const char *word)
{
	char path[64], line[256];
	double number = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)b->pid, file);
	f = fopen(path, "r");
	if (f == NULL)
		die(path);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, word, strlen(word)) == 0) {
			number = strtod(line + strlen(word), NULL);
			break;
		}
	}
	fclose(f);
	return number;
}

/* Setting up: the host registers, each guest asks, and is told of its channel. */

static bool receive(int fd, uint8_t bytes[2048], size_t *len)
{
	ssize_t got = recv(fd, bytes, 2048, 0);

	*len = got > 0 ? (size_t)got : 0;
	return got > 0;
}

static void await(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	(void)poll(&p, 1, 50);
}

static bool cookie_of(int fd, uint8_t cookie[COOKIE_SIZE])
{
	static const uint8_t id[ID_SIZE] = {1};
	uint8_t bytes[2048];
	struct cookie_message m;
	size_t len;

	(void)send(fd, bytes, cookie_ask_encode(bytes, id), 0);
	await(fd);
	if (!receive(fd, bytes, &len) || message_type(bytes) != MESSAGE_COOKIE ||
		!cookie_decode(&m, bytes, len))
		return false;
	memcpy(cookie, m.cookie, COOKIE_SIZE);
	return true;
}

static bool host_registers(struct bench *b)
{
	static const uint8_t id[ID_SIZE] = {2};
	struct register_message m = {.dialled = b->dialled};
	struct registered_message answer;
	uint8_t bytes[2048];
	size_t len;

	if (!cookie_of(b->host, m.cookie))
		return false;
	memcpy(m.service, b->credentials.service, sizeof(m.service));
	memcpy(m.asking, b->credentials.asking_public, sizeof(m.asking));
	(void)send(b->host, bytes, register_encode(bytes, id, &m, b->service.seed), 0);
	await(b->host);
	if (!receive(b->host, bytes, &len) || message_type(bytes) != MESSAGE_REGISTERED ||
		!registered_decode(&answer, bytes, len))
		return false;
	memcpy(b->token, answer.token, TOKEN_SIZE);
	return true;
}

static void guest_asks(struct bench *b, struct guest *g)
{
	static const uint8_t payload[100] = {0};
	struct ask_message m = {.dialled = b->dialled,
		.payload = payload,
		.payload_len = sizeof(payload)};
	uint8_t bytes[2048];

	if (!g->asked && !cookie_of(g->fd, g->cookie))
		return;
	g->asked = true;
	memcpy(m.cookie, g->cookie, COOKIE_SIZE);
	memcpy(m.service, b->credentials.service, sizeof(m.service));
	(void)send(g->fd, bytes,
		ask_encode(bytes, g->attempt, &m, b->credentials.asking_seed), 0);
}

static void host_answers(struct bench *b)
{
	static const uint8_t payload[100] = {0};
	struct answer_message m = {.payload = payload, .payload_len = sizeof(payload)};
	uint8_t bytes[2048], attempt[ID_SIZE];
	size_t len;

	memcpy(m.service, b->credentials.service, sizeof(m.service));
	while (receive(b->host, bytes, &len)) {
		if (message_type(bytes) != MESSAGE_INTRODUCE)
			continue;
		memcpy(attempt, message_id(bytes), ID_SIZE);
		(void)send(
			b->host, bytes, answer_encode(bytes, attempt, &m, b->token), 0);
	}
}

static void guest_hears(struct guest *g)
{
	struct answered_message m;
	uint8_t bytes[2048];
	size_t len;

	while (receive(g->fd, bytes, &len))
		if (message_type(bytes) == MESSAGE_ANSWERED &&
			answered_decode(&m, bytes, len))
			g->channel = m.channel;
}

static void set_up(struct bench *b)
{
	double end = now() + SETUP_SECONDS;
	unsigned ready = 0;

	while (!host_registers(b) && now() < end)
		;
	while (ready < GUESTS && now() < end) {
		ready = 0;
		for (unsigned i = 0; i < GUESTS; i++) {
			struct guest *g = &b->guests[i];

			if (g->channel == 0)
				guest_asks(b, g);
			host_answers(b);
			guest_hears(g);
			ready += g->channel != 0;
		}
	}
	if (ready < GUESTS) {
		fprintf(stderr, "relay bench: only %u sessions came about\n", ready);
		exit(1);
	}
}

static void open_all(struct bench *b)
{
	const struct entropy entropy = {fill, NULL};
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	b->dialled = addr_v4(127, 0, 0, 1, PORT);
	service_generate(&b->service, &entropy);
	credentials_of(&b->credentials, &b->service);
	b->host = open_socket("127.1.0.1");
	b->outside = open_socket("127.2.0.1");
	for (unsigned i = 0; i < GUESTS; i++) {
		char ip[32];

		/* each in a network of its own */
		snprintf(ip, sizeof(ip), "127.%u.%u.1", 10 + i / 250, i % 250);
		b->guests[i].fd = open_socket(ip);
		fill(NULL, b->guests[i].attempt, ID_SIZE);
	}
}

/* Loads. */

static void send_over(int fd, uint32_t channel, uint32_t index, size_t size)
{
	uint8_t bytes[FLOOD_SIZE] = {0};

	channel_encode(bytes, channel);
	memcpy(bytes + CHANNEL_SIZE, &index, sizeof(index));
	(void)send(fd, bytes, size, 0);
}

static bool take(struct bench *b)
{
	uint8_t bytes[2048];
	uint32_t index;
	size_t len;
	bool any = false;

	while (receive(b->host, bytes, &len)) {
		any = true;
		if (!channel_is(bytes, len) || len < CHANNEL_SIZE + sizeof(index))
			continue;
		memcpy(&index, bytes + CHANNEL_SIZE, sizeof(index));
		if (index < GUESTS)
			b->guests[index].got++;
	}
	return any;
}

/* The host says something over each channel, until it has arrived, so that it is sent to for a
 * minute. */
static void wake_channels(struct bench *b)
{
	for (unsigned i = 0; i < GUESTS; i++) {
		struct guest *g = &b->guests[i];
		uint8_t bytes[2048];
		size_t len;

		for (unsigned tries = 0; tries < 20; tries++) {
			send_over(b->host, g->channel, i, QUIET_SIZE);
			await(g->fd);
			if (receive(g->fd, bytes, &len))
				break;
		}
		g->sent = g->got = 0;
	}
	(void)take(b);
}

/* One turn of each kind of sender, as far as due at that time. */
static uint64_t send_due(
	struct bench *b, const struct load *load, double since, uint64_t done[3])
{
	const uint64_t due[3] = {
		(uint64_t)(since * QUIET_RATE * (GUESTS - load->flooders)),
		(uint64_t)(since * load->rate * load->flooders),
		(uint64_t)(since * load->outside)};
	uint64_t sent = 0;

	for (unsigned kind = 0; kind < 3; kind++) {
		for (unsigned n = 0; n < 50 && done[kind] < due[kind]; n++, sent++) {
			uint64_t turn = done[kind]++;
			uint32_t i =
				(uint32_t)(turn % (load->flooders ? load->flooders : 1));

			if (kind == 2) {
				send_over(b->outside,
					(uint32_t)(turn * 2654435761u) & CHANNEL_MAX, i,
					FLOOD_SIZE);
				continue;
			}
			if (kind == 0)
				i = load->flooders +
				    (uint32_t)(turn % (GUESTS - load->flooders));
			send_over(b->guests[i].fd, b->guests[i].channel, i,
				kind == 0 ? QUIET_SIZE : FLOOD_SIZE);
			b->guests[i].sent++;
		}
	}
	return sent;
}

/* Percent of what those from first on sent. */
static double loss(const struct bench *b, unsigned first, unsigned end)
{
	uint64_t sent = 0, got = 0;

	for (unsigned i = first; i < end; i++) {
		sent += b->guests[i].sent;
		got += b->guests[i].got;
	}
	return sent > 0 ? 100 * (double)(sent - got) / (double)sent : 0;
}

/* Returns what the others lost, in percent. */
static double run(struct bench *b, const struct load *load, double seconds)
{
	const struct timespec little = {.tv_nsec = 200000};
	uint64_t done[3] = {0}, all = 0;
	double begin, cpu, quiet, others;

	wake_channels(b);
	cpu = of_process(b, "schedstat", "");
	begin = now();
	while (now() - begin < seconds) {
		uint64_t sent = send_due(b, load, now() - begin, done);

		all += sent;
		if (!take(b) && sent == 0)
			nanosleep(&little, NULL);
	}
	for (quiet = now(); now() - quiet < 0.3; nanosleep(&little, NULL))
		if (take(b))
			quiet = now();
	cpu = of_process(b, "schedstat", "") - cpu;
	others = loss(b, load->flooders, GUESTS);
	printf("%-16s %9.0f %9.2f %9.1f %9.2f %9.0f\n", load->name, (double)all / seconds,
		others, loss(b, 0, load->flooders), cpu / 1e3 / (double)all,
		of_process(b, "status", "VmRSS:"));
	fflush(stdout);
	return others;
}

int main(int argc, char **argv)
{
	static struct bench b;
	double seconds = argc > 2 ? strtod(argv[2], NULL) : 3;
	double allowed = argc > 3 ? strtod(argv[3], NULL) : 100;
	int status = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: relay EYELET [SECONDS [PERCENT]]\n");
		return 2;
	}
	start_rendezvous(&b, argv[1]);
	open_all(&b);
	set_up(&b);
	printf("%d sessions of %d datagrams a second, %s kB/s for all\n%-16s %9s %9s %9s "
	       "%9s %9s\n",
		GUESTS, QUIET_RATE, RATE_ALL, "", "in/s", "others' %", "floods' %",
		"us each", "kB");
	for (unsigned i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		if (run(&b, &loads[i], seconds) > allowed)
			status = 1;
	if (of_process(&b, "status", "VmRSS:") > MEMORY_MAX)
		status = 1;
	kill(b.pid, SIGTERM);
	waitpid(b.pid, NULL, 0);
	return status;
}
