/* SPDX-License-Identifier: MIT */
/* Sends bursts to a forwarder and waits until each has come out whole: burst TARGET-PORT
 * LISTEN-PORT reads lines "SIZE-OF-A-BURST BURSTS" and answers each with a line when
 * that is done. One burst at a time, so that how fast the machine is decides nothing. */
#include <arpa/inet.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE      64
#define PATIENCE  5000 /* ms, for one burst */
#define BURST_MAX 64

static int bind_to(uint16_t port)
{
	struct sockaddr_in name = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0) {
		perror("burst: bind");
		exit(1);
	}
	return fd;
}

static int connect_to(uint16_t port)
{
	struct sockaddr_in name = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = bind_to(0), segment = SIZE;

	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0 ||
		setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)) < 0) {
		perror("burst: connect");
		exit(1);
	}
	return fd;
}

/* Returns how many datagrams came before it lost patience. */
static unsigned drain(int fd, unsigned wanted)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint8_t buf[2048];
	unsigned count = 0;

	while (count < wanted && poll(&p, 1, PATIENCE) > 0)
		count += recv(fd, buf, sizeof(buf), 0) == SIZE;
	return count;
}

int main(int argc, char **argv)
{
	static const uint8_t bytes[BURST_MAX * SIZE];
	unsigned burst, times;
	int in, out;

	if (argc != 3)
		return 2;
	in = bind_to((uint16_t)atoi(argv[1]));
	out = connect_to((uint16_t)atoi(argv[2]));
	while (scanf("%u %u", &burst, &times) == 2 && burst <= BURST_MAX) {
		unsigned i = 0;

		while (i < times && send(out, bytes, (size_t)burst * SIZE, 0) > 0 &&
			drain(in, burst) == burst)
			i++;
		printf("%u of %u\n", i, times);
		fflush(stdout);
	}
	return 0;
}
