/* SPDX-License-Identifier: MIT */
/* The router by rtnetlink(7): one question, which the kernel answers by all its tables and
 * rules. */
#if defined(__linux__) && !defined(EYELET_PORTABLE)

#include "net/gateway.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/sockaddr.h"

#define ANSWER_MAX     4096 /* bytes */
#define ANSWER_TIMEOUT 1000 /* ms; the kernel answers at once */

struct question {
	struct nlmsghdr header;
	struct rtmsg route;
	struct rtattr attribute;
	uint8_t destination[4];
};

static bool ask(int fd)
{
	const struct addr far = GATEWAY_FAR;
	struct question q = {
		.header = {.nlmsg_len = sizeof(q),
			.nlmsg_type = RTM_GETROUTE,
			.nlmsg_flags = NLM_F_REQUEST},
		.route = {.rtm_family = AF_INET, .rtm_dst_len = 32},
		.attribute = {.rta_len = RTA_LENGTH(4), .rta_type = RTA_DST},
	};

	memcpy(q.destination, far.ip, sizeof(q.destination));
	return send(fd, &q, sizeof(q), 0) == (ssize_t)sizeof(q);
}

static struct addr decode(const struct rtattr *at)
{
	struct in_addr v4;

	if (RTA_PAYLOAD(at) < sizeof(v4))
		return (struct addr){.family = ADDR_NONE};
	memcpy(&v4, RTA_DATA(at), sizeof(v4));
	return sockaddr_decode_v4(&v4);
}

static bool read_route(struct gateway *g, const struct nlmsghdr *message, size_t len)
{
	const struct rtmsg *route = NLMSG_DATA(message);
	const struct rtattr *at = RTM_RTA(route);
	size_t left;

	if (len < sizeof(*message) || message->nlmsg_len > len ||
		message->nlmsg_len < NLMSG_LENGTH(sizeof(*route)) ||
		message->nlmsg_type != RTM_NEWROUTE || route->rtm_type != RTN_UNICAST)
		return false;
	left = message->nlmsg_len - NLMSG_LENGTH(sizeof(*route));
	while (RTA_OK(at, left)) {
		size_t step =
			RTA_ALIGN(at->rta_len) < left ? RTA_ALIGN(at->rta_len) : left;

		if (at->rta_type == RTA_GATEWAY)
			g->router = decode(at);
		else if (at->rta_type == RTA_PREFSRC)
			g->own = decode(at);
		at = (const void *)((const uint8_t *)at + step);
		left -= step;
	}
	return g->router.family == ADDR_V4 && g->own.family == ADDR_V4;
}

bool gateway_find(struct gateway *g)
{
	_Alignas(struct nlmsghdr) uint8_t answer[ANSWER_MAX];
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct pollfd waiting = {.fd = fd, .events = POLLIN};
	ssize_t len = -1;

	*g = (struct gateway){.router = {.family = ADDR_NONE}};
	if (fd < 0)
		return false;
	if (ask(fd) && poll(&waiting, 1, ANSWER_TIMEOUT) == 1)
		len = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
	close(fd);
	return len > 0 && read_route(g, (const void *)answer, (size_t)len);
}

#endif
