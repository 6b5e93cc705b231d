/* SPDX-License-Identifier: MIT */
#include "udpcheck.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void die(const char *what)
{
	fprintf(stderr, "udpcheck: %s: %s\n", what, strerror(errno));
	exit(2);
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

struct endpoint parse_endpoint(const char *host, const char *port)
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

int open_socket(const struct endpoint *e)
{
	int size = 4 << 20;
	int fd = socket(e->addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

void wait_readable(int fd, uint64_t until)
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
