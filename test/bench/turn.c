/* SPDX-License-Identifier: MIT */
/* A client of a TURN server (RFC 8656) without authentication, all of 127.0.0.1: what comes
 * to its port goes to the peer as ChannelData. Prints "ready" when the channel is bound.
 * usage: turn SERVER-PORT OWN-PORT PEER-PORT */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define COOKIE       0x2112a442U
#define CHANNEL      0x4000U
#define ALLOCATE     0x0003
#define CHANNEL_BIND 0x0009
#define SUCCESS      0x0100
#define HEADER       20
#define TRIES        20
#define BUFFER       (4 << 20)

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void put32(uint8_t *p, uint32_t value)
{
	value = htonl(value);
	memcpy(p, &value, sizeof(value));
}

static struct sockaddr_in at(unsigned port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int open_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = BUFFER;

	if (fd < 0)
		die("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

/* Repeats the request until it succeeds. */
static bool request(int fd, uint8_t *message, unsigned type, size_t len)
{
	uint8_t answer[1500];
	struct pollfd p = {.fd = fd, .events = POLLIN};

	put32(message, (uint32_t)type << 16 | (uint32_t)(len - HEADER));
	put32(message + 4, COOKIE);
	memset(message + 8, (int)type, 12); /* the transaction's id */
	for (unsigned i = 0; i < TRIES; i++) {
		if (send(fd, message, len, 0) < 0 || poll(&p, 1, 200) <= 0)
			continue;
		if (recv(fd, answer, sizeof(answer), 0) >= HEADER &&
			(answer[0] << 8 | answer[1]) == (int)(type | SUCCESS))
			return true;
	}
	return false;
}

static bool allocate(int fd)
{
	uint8_t message[HEADER + 8];

	put32(message + 20, 0x0019U << 16 | 4); /* REQUESTED-TRANSPORT */
	put32(message + 24, (uint32_t)IPPROTO_UDP << 24);
	return request(fd, message, ALLOCATE, sizeof(message));
}

static bool bind_channel(int fd, unsigned peer)
{
	uint8_t message[HEADER + 20];

	put32(message + 20, 0x000cU << 16 | 4); /* CHANNEL-NUMBER */
	put32(message + 24, CHANNEL << 16);
	put32(message + 28, 0x0012U << 16 | 8); /* XOR-PEER-ADDRESS */
	put32(message + 32, 1U << 16 | (peer ^ (COOKIE >> 16)));
	put32(message + 36, INADDR_LOOPBACK ^ COOKIE);
	return request(fd, message, CHANNEL_BIND, sizeof(message));
}

int main(int argc, char **argv)
{
	static uint8_t frame[4 + 65536];
	struct sockaddr_in server, own;
	int in = open_socket(), out = open_socket();

	if (argc != 4)
		return 2;
	server = at((unsigned)strtoul(argv[1], NULL, 10));
	own = at((unsigned)strtoul(argv[2], NULL, 10));
	if (bind(in, (struct sockaddr *)&own, sizeof(own)) < 0)
		die("bind");
	if (connect(out, (struct sockaddr *)&server, sizeof(server)) < 0)
		die("connect");
	if (!allocate(out) || !bind_channel(out, (unsigned)strtoul(argv[3], NULL, 10))) {
		fprintf(stderr, "turn: no channel\n");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		ssize_t len = recv(in, frame + 4, sizeof(frame) - 4, 0);

		if (len < 0)
			continue;
		put32(frame, CHANNEL << 16 | (uint32_t)len);
		(void)send(out, frame, (size_t)len + 4, 0);
	}
}
