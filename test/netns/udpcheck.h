/* SPDX-License-Identifier: MIT */
/* What the parts of udpcheck share: its datagrams, addresses and sockets. */
#ifndef EYELET_TEST_NETNS_UDPCHECK_H
#define EYELET_TEST_NETNS_UDPCHECK_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define PAYLOAD_MAX    65507 /* the largest UDP payload over IPv4, in bytes */
#define HEADER_LEN     16    /* magic, run and sequence number, where they fit */
#define MAGIC_DATA     0x7563686bU
#define MAGIC_PUSH     0x70757368U
#define SECOND_NS      UINT64_C(1000000000)
#define MILLISECOND_NS UINT64_C(1000000)

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

/* A signal asks for the end. */
extern volatile sig_atomic_t stopped;

/* Says what failed, and why, and ends the process with 2. */
void die(const char *what);
uint64_t now_ns(void);
/* Ends the process with 2 if the host is not an address. */
struct endpoint parse_endpoint(const char *host, const char *port);
int open_socket(const struct endpoint *e);
/* Waits until fd is readable or the time has come. */
void wait_readable(int fd, uint64_t until);

/* The modes; each returns the process's exit code. */
int echo_run(const char *host, const char *port);
/* 0 when every datagram came back once, whole, in order. */
int check_run(const char *host, const char *port, const struct options *o, uint64_t total,
	bool sweep);
/* Asks the echo for one datagram after a silence and says how late it came. */
int push_run(const char *host, const char *port, const struct options *o);

#endif
