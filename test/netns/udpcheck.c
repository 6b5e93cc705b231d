/* SPDX-License-Identifier: MIT */
/* Generator, echo and verifier of UDP datagrams: counts loss, duplicates, order, corruption. */
#include "udpcheck.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

volatile sig_atomic_t stopped;

static void on_signal(int signo)
{
	(void)signo;
	stopped = 1;
}

static int continuous_run(const char *host, const char *port, const struct options *o)
{
	(void)check_run(host, port, o, o->rate * o->seconds, false);
	return 0;
}

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
