/* SPDX-License-Identifier: MIT */
/* Ancillary data of UDP messages: source address, interface, TOS, each by the name that
 * the system has for it. */
#ifndef EYELET_NET_CONTROL_H
#define EYELET_NET_CONTROL_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/path.h"

/* Enough for pktinfo, TOS, TTL and UDP_SEGMENT or UDP_GRO at once. */
#define CONTROL_SIZE                                                                     \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) + 4 * CMSG_SPACE(sizeof(int)))

struct control {
	_Alignas(struct cmsghdr) uint8_t bytes[CONTROL_SIZE];
	size_t len; /* bytes in use */
};

/* Appends one item of size bytes; *control starts with len 0. */
void control_add(
	struct control *control, int level, int type, const void *value, size_t size);
void control_add_int(struct control *control, int level, int type, int value);

/* Appends what makes a datagram leave from path->local (unless of family ADDR_NONE) by
 * path->ifindex (unless 0), on a socket of that family. */
void control_add_source(
	struct control *control, enum addr_family family, const struct path *path);

/* Puts the control data into message. */
void control_attach(struct msghdr *message, struct control *control);

/* Reads an item that came with a datagram: own address (its port is left as it is) and
 * interface into *path, TOS into *tos. Items of other kinds change nothing. */
void control_read(const struct cmsghdr *item, struct path *path, uint8_t *tos);

/* Asks for TOS, and for pktinfo if that is wanted, with each datagram received. */
void control_enable(int fd, enum addr_family family, bool pktinfo);

#endif
