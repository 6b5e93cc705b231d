/* SPDX-License-Identifier: MIT */
/* News of addresses, links and routes by rtnetlink(7). A link that goes down takes its
 * IPv4 routes along without a word about them, hence the links. */
#if defined(__linux__) && !defined(EYELET_PORTABLE)

#include "net/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#define NEWS_MAX  16384 /* bytes; the kernel's own messages are much shorter */
#define READS_MAX 64    /* in one wakeup */

int netlink_open(void)
{
	const struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
			     RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE};
	int fd = socket(
		AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&groups, sizeof(groups))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The kernel's own routes come and go with the addresses, which tell of themselves; those
 * of containers are among them. */
static enum netlink_news news_of_route(const struct nlmsghdr *message)
{
	const struct rtmsg *route = NLMSG_DATA(message);

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*route)) ||
		route->rtm_protocol == RTPROT_KERNEL ||
		route->rtm_protocol == RTPROT_REDIRECT ||
		route->rtm_table == RT_TABLE_LOCAL || route->rtm_type == RTN_MULTICAST ||
		(route->rtm_flags & RTM_F_CLONED))
		return NETLINK_QUIET;
	return NETLINK_ROUTES;
}

/* An IPv6 address is told of anew with each router advertisement, a link with each scan
 * of a wireless one. */
static enum netlink_news news_of(const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
	case RTM_NEWADDR:
	case RTM_DELADDR: return NETLINK_ADDRS;
	case RTM_NEWROUTE:
	case RTM_DELROUTE: return news_of_route(message);
	default: return NETLINK_QUIET;
	}
}

static enum netlink_news read_news(const uint8_t *bytes, size_t len)
{
	enum netlink_news most = NETLINK_QUIET, news;

	while (len >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *message = (const void *)bytes;
		size_t step = NLMSG_ALIGN(message->nlmsg_len);

		if (message->nlmsg_len < sizeof(*message) || message->nlmsg_len > len)
			break;
		news = news_of(message);
		most = news > most ? news : most;
		if (step >= len)
			break;
		bytes += step;
		len -= step;
	}
	return most;
}

enum netlink_news netlink_read(int fd)
{
	_Alignas(struct nlmsghdr) uint8_t bytes[NEWS_MAX];
	enum netlink_news most = NETLINK_QUIET, news;

	for (int i = 0; i < READS_MAX; i++) {
		struct sockaddr_nl from = {.nl_pid = 0};
		socklen_t from_len = sizeof(from);
		ssize_t len = recvfrom(
			fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_len);

		if (len < 0 && errno != ENOBUFS)
			break;
		if (len < 0)
			news = NETLINK_ROUTES; /* some were lost: anything may be */
		else
			news = from.nl_pid == 0 ? read_news(bytes, (size_t)len)
						: NETLINK_QUIET;
		most = news > most ? news : most;
	}
	return most;
}

#endif
