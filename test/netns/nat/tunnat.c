/* SPDX-License-Identifier: MIT */
/* A NAT of any kind between tun devices, for tests. It makes the devices in the namespace
 * where it starts, says "ready" on stdout and serves them wherever they are moved to.
 *
 * usage: tunnat --inside DEVICE=ADDRESS... --outside DEVICE=ADDRESS --own ADDRESS
 *               [OPTION]...
 *
 *   --mapping, --filtering endpoint|address|address-port   (endpoint: independent)
 *   --allocate preserved|sequential|random   --delta N   --block N
 *   --unsolicited drop|reject|poison
 *   --timeout SECONDS   --refresh out|both   --lifetime SECONDS
 *   --hairpin   --switch   --seed N
 *
 * An inside device is the link to the one machine with that address; the outside
 * device's address is the outer one, --own the gateway's. nat.h and table.h say what each
 * kind does.
 * SIGHUP forgets all mappings, as a router that restarts. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "nat.h"

#define BATCH 64 /* packets of one device before the others have their turn */

struct daemon {
	struct nat nat;
	struct pollfd ports[NAT_INSIDES_MAX + 1]; /* the outside is the first */
};

static volatile sig_atomic_t stopped, flushed;

static void on_signal(int signo)
{
	if (signo == SIGHUP)
		flushed = 1;
	else
		stopped = 1;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- devices ---- */

static int tun_open(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -1;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) == 0)
		return fd;
	close(fd);
	return -1;
}

static void write_packet(int port, const uint8_t *data, size_t len)
{
	if (write(port, data, len) < 0 && errno != EIO) /* EIO: the device is down */
		fprintf(stderr, "tunnat: write: %s\n", strerror(errno));
}

/* Reads what is there. Returns false if the device is gone. */
static bool serve(struct nat *n, int port)
{
	static uint8_t data[PACKET_MAX];

	for (int i = 0; i < BATCH; i++) {
		ssize_t len = read(port, data, sizeof(data));

		if (len < 0)
			return errno == EAGAIN || errno == EINTR;
		nat_input(n, port, data, (size_t)len, now_ms());
	}
	return true;
}

static int run(struct daemon *d, const sigset_t *unblocked)
{
	nfds_t count = d->nat.inside_count + 1;

	while (!stopped) {
		if (flushed) {
			flushed = 0;
			table_flush(&d->nat.table);
			puts("flushed");
		}
		if (ppoll(d->ports, count, NULL, unblocked) < 0)
			continue;
		for (nfds_t i = 0; i < count; i++) {
			if (d->ports[i].revents != 0 && !serve(&d->nat, d->ports[i].fd))
				return EXIT_FAILURE;
		}
	}
	table_flush(&d->nat.table);
	return EXIT_SUCCESS;
}

/* ---- options ---- */

static int usage(void)
{
	fputs("usage: tunnat --inside DEVICE=ADDRESS... --outside DEVICE=ADDRESS "
	      "--own ADDRESS [OPTION]...\n",
		stderr);
	return 2;
}

/* Returns the index of a word in a list, or -1. */
static int word(const char *text, const char *const *words)
{
	for (int i = 0; words[i] != NULL; i++) {
		if (strcmp(text, words[i]) == 0)
			return i;
	}
	fprintf(stderr, "tunnat: what is %s?\n", text);
	return -1;
}

static bool parse_address(uint32_t *address, const char *text)
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) != 1)
		return false;
	*address = ntohl(in.s_addr);
	return true;
}

/* DEVICE=ADDRESS; opens the device. Returns its descriptor or -1. */
static int parse_port(uint32_t *address, const char *text)
{
	const char *equals = strchr(text, '=');
	char name[IFNAMSIZ] = "";
	int fd;

	if (equals == NULL || (size_t)(equals - text) >= sizeof(name) ||
		!parse_address(address, equals + 1))
		return -1;
	memcpy(name, text, (size_t)(equals - text));
	fd = tun_open(name);
	if (fd < 0)
		fprintf(stderr, "tunnat: cannot make the device %s: %s\n", name,
			strerror(errno));
	return fd;
}

static bool add_inside(struct daemon *d, const char *text)
{
	struct nat *n = &d->nat;
	struct nat_inside *inside = &n->insides[n->inside_count];

	if (n->inside_count == NAT_INSIDES_MAX)
		return false;
	inside->port = parse_port(&inside->address, text);
	d->ports[++n->inside_count] =
		(struct pollfd){.fd = inside->port, .events = POLLIN};
	return inside->port >= 0;
}

static bool set_outside(struct daemon *d, const char *text)
{
	d->nat.outside = parse_port(&d->nat.config.outer, text);
	d->ports[0] = (struct pollfd){.fd = d->nat.outside, .events = POLLIN};
	return d->nat.outside >= 0;
}

static bool set_kind(struct table_config *c, int letter, const char *text)
{
	static const char *const dependences[] = {
		"endpoint", "address", "address-port", NULL};
	static const char *const allocations[] = {
		"preserved", "sequential", "random", NULL};
	static const char *const unsolicited[] = {"drop", "reject", "poison", NULL};
	static const char *const refreshes[] = {"out", "both", NULL};
	int i;

	switch (letter) {
	case 'm': c->mapping = (enum dependence)(i = word(text, dependences)); break;
	case 'f': c->filtering = (enum dependence)(i = word(text, dependences)); break;
	case 'a': c->allocation = (enum allocation)(i = word(text, allocations)); break;
	case 'u': c->unsolicited = (enum unsolicited)(i = word(text, unsolicited)); break;
	default: c->refreshed_inbound = (i = word(text, refreshes)) == 1;
	}
	return i >= 0;
}

static bool set_option(struct daemon *d, int letter, const char *text)
{
	struct nat_config *c = &d->nat.config;
	uint64_t number = text != NULL ? strtoull(text, NULL, 10) : 0;

	switch (letter) {
	case 'i': return add_inside(d, text);
	case 'o': return set_outside(d, text);
	case 'g': return parse_address(&c->own, text);
	case 'd': c->table.delta = (uint32_t)number; return number > 0;
	case 'b': c->table.block = (uint32_t)number; return number > 0 && number <= 32768;
	case 't': c->table.timeout_ms = number * 1000; return number > 0;
	case 'l': c->table.lifetime_ms = number * 1000; return number > 0;
	case 's': c->table.seed = number; return true;
	case 'h': return c->hairpin = true;
	case 'w': return c->switched = true;
	case '?': return false;
	default: return set_kind(&c->table, letter, text);
	}
}

static bool parse_options(struct daemon *d, int argc, char **argv)
{
	const struct nat_config *c = &d->nat.config;
	static const struct option table[] = {{"inside", 1, NULL, 'i'},
		{"outside", 1, NULL, 'o'}, {"own", 1, NULL, 'g'},
		{"mapping", 1, NULL, 'm'}, {"filtering", 1, NULL, 'f'},
		{"allocate", 1, NULL, 'a'}, {"delta", 1, NULL, 'd'},
		{"block", 1, NULL, 'b'}, {"unsolicited", 1, NULL, 'u'},
		{"timeout", 1, NULL, 't'}, {"refresh", 1, NULL, 'r'},
		{"lifetime", 1, NULL, 'l'}, {"hairpin", 0, NULL, 'h'},
		{"switch", 0, NULL, 'w'}, {"seed", 1, NULL, 's'}, {NULL, 0, NULL, 0}};
	int letter;

	while ((letter = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (!set_option(d, letter, optarg))
			return false;
	}
	return argc == optind && d->nat.inside_count > 0 && c->outer != 0 && c->own != 0;
}

/* Signals are let in while it waits, so that none is missed. */
static void catch_signals(sigset_t *unblocked)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t blocked;

	sigemptyset(&blocked);
	for (const int *s = (const int[]){SIGHUP, SIGINT, SIGTERM, 0}; *s != 0; s++) {
		sigaddset(&blocked, *s);
		sigaction(*s, &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &blocked, unblocked);
}

int main(int argc, char **argv)
{
	static struct daemon d;
	struct table_config *table = &d.nat.config.table;
	sigset_t unblocked;

	table->filtering = ON_ADDRESS_AND_PORT;
	table->delta = 1;
	table->timeout_ms = 120000;
	if (getrandom(&table->seed, sizeof(table->seed), 0) < 0)
		table->seed = now_ms();
	setvbuf(stdout, NULL, _IOLBF, 0);
	catch_signals(&unblocked);
	if (!parse_options(&d, argc, argv))
		return usage();
	d.nat.write = write_packet;
	nat_start(&d.nat);
	printf("ready seed=%" PRIu64 "\n", table->seed);
	return run(&d, &unblocked);
}
