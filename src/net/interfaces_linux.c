/* SPDX-License-Identifier: MIT */
/* Own addresses by rtnetlink(7): it alone tells which IPv6 addresses are deprecated and
 * which routes exist in every table. */
#if defined(__linux__) && !defined(EYELET_PORTABLE)

#include "net/system.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/interfaces.h"
#include "net/sockaddr.h"

#define ANSWER_MAX     32768 /* bytes; the kernel fills at most this in one message */
#define ANSWER_TIMEOUT 1000  /* ms; the kernel answers at once */

/* Steps over an item of size bytes and its padding. rtnetlink's own macros let the rest
 * sink below 0 where the padding of the last item is missing. */
static const void *advance(const void *at, size_t size, size_t *left)
{
	size_t aligned = (size + 3) / 4 * 4;
	size_t step = aligned < *left ? aligned : *left;

	*left -= step;
	return (const uint8_t *)at + step;
}

/* Finds an attribute of at least size bytes; NULL if there is none. */
static const void *find(
	const struct rtattr *at, size_t len, unsigned short type, size_t size)
{
	for (; RTA_OK(at, len); at = advance(at, at->rta_len, &len)) {
		if ((at->rta_type & NLA_TYPE_MASK) == type)
			return RTA_PAYLOAD(at) >= size ? RTA_DATA(at) : NULL;
	}
	return NULL;
}

static struct addr decode_addr(uint8_t family, const void *ip)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (family == AF_INET) {
		memcpy(&v4, ip, sizeof(v4));
		return sockaddr_decode_v4(&v4);
	}
	memcpy(&v6, ip, sizeof(v6));
	return sockaddr_decode_v6(&v6, 0);
}

static size_t addr_size(uint8_t family)
{
	return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

static bool is_bridge(const struct rtattr *at, size_t len)
{
	const struct rtattr *info;

	for (; RTA_OK(at, len); at = advance(at, at->rta_len, &len)) {
		const char *kind;

		if ((at->rta_type & NLA_TYPE_MASK) != IFLA_LINKINFO)
			continue;
		info = RTA_DATA(at);
		kind = find(info, RTA_PAYLOAD(at), IFLA_INFO_KIND, sizeof("bridge"));
		return kind && memcmp(kind, "bridge", sizeof("bridge")) == 0;
	}
	return false;
}

static void read_link(struct interface_table *table, const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = NLMSG_DATA(message);

	if (message->nlmsg_type != RTM_NEWLINK || !(link->ifi_flags & IFF_UP) ||
		!(link->ifi_flags & IFF_RUNNING) || (link->ifi_flags & IFF_LOOPBACK))
		return;
	interfaces_add(table, (uint32_t)link->ifi_index,
		is_bridge(IFLA_RTA(link), IFLA_PAYLOAD(message)));
}

static void read_addr(struct interface_table *table, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *entry = NLMSG_DATA(message);
	const struct rtattr *at = IFA_RTA(entry);
	size_t len = IFA_PAYLOAD(message);
	const uint32_t *flags = find(at, len, IFA_FLAGS, sizeof(*flags));
	const void *ip;
	struct addr a;

	if (message->nlmsg_type != RTM_NEWADDR ||
		(entry->ifa_family != AF_INET && entry->ifa_family != AF_INET6))
		return;
	if ((flags ? *flags : entry->ifa_flags) &
		(IFA_F_TENTATIVE | IFA_F_DEPRECATED | IFA_F_DADFAILED))
		return;
	/* On a point-to-point link IFA_ADDRESS is the other end. */
	ip = find(at, len, IFA_LOCAL, addr_size(entry->ifa_family));
	if (!ip)
		ip = find(at, len, IFA_ADDRESS, addr_size(entry->ifa_family));
	if (!ip)
		return;
	a = decode_addr(entry->ifa_family, ip);
	interfaces_add_addr(table, entry->ifa_index, &a);
}

static void mark_leading(struct interface_table *table, uint32_t index)
{
	struct interface *interface = interfaces_find(table, index);

	if (interface)
		interface->leads = true;
}

/* True if the interface has an address in the subnet. */
static bool is_own(const struct interface_table *table, uint32_t index,
	const struct addr *subnet, unsigned bits)
{
	for (size_t i = 0; i < table->addr_count; i++) {
		if (table->addrs[i].index == index &&
			addr_same_prefix(&table->addrs[i].addr, subnet, bits))
			return true;
	}
	return false;
}

static void mark_hops(struct interface_table *table, const struct rtattr *at, size_t len)
{
	for (; RTA_OK(at, len); at = advance(at, at->rta_len, &len)) {
		const struct rtnexthop *hop = RTA_DATA(at);
		size_t left = RTA_PAYLOAD(at);

		if ((at->rta_type & NLA_TYPE_MASK) != RTA_MULTIPATH)
			continue;
		while (left >= sizeof(*hop) && hop->rtnh_len >= sizeof(*hop) &&
			hop->rtnh_len <= left) {
			mark_leading(table, (uint32_t)hop->rtnh_ifindex);
			hop = advance(hop, hop->rtnh_len, &left);
		}
	}
}

/* True for the routes that come with an address: what the kernel adds by itself, its
 * subnet or its peer, and the subnet that a daemon adds in the kernel's place. */
static bool is_of_addr(const struct interface_table *table, const struct rtmsg *route,
	const struct rtattr *at, size_t len)
{
	const void *ip = find(at, len, RTA_DST, addr_size(route->rtm_family));
	const uint32_t *index = find(at, len, RTA_OIF, sizeof(*index));
	struct addr subnet;

	if (!ip)
		return false;
	subnet = decode_addr(route->rtm_family, ip);
	if (route->rtm_protocol == RTPROT_KERNEL || addr_is_link_local(&subnet) ||
		addr_is_multicast(&subnet))
		return true;
	return index && !find(at, len, RTA_GATEWAY, 1) && !find(at, len, RTA_VIA, 1) &&
	       is_own(table, *index, &subnet, route->rtm_dst_len);
}

static void read_route(struct interface_table *table, const struct nlmsghdr *message)
{
	const struct rtmsg *route = NLMSG_DATA(message);
	const struct rtattr *at = RTM_RTA(route);
	size_t len = RTM_PAYLOAD(message);
	const uint32_t *index = find(at, len, RTA_OIF, sizeof(*index));

	if (message->nlmsg_type != RTM_NEWROUTE || route->rtm_type != RTN_UNICAST ||
		route->rtm_table == RT_TABLE_LOCAL ||
		(route->rtm_family != AF_INET && route->rtm_family != AF_INET6))
		return;
	if (is_of_addr(table, route, at, len))
		return;
	if (index)
		mark_leading(table, *index);
	mark_hops(table, at, len);
}

typedef void reader(struct interface_table *table, const struct nlmsghdr *message);

static bool ask(int fd, uint16_t type)
{
	struct {
		struct nlmsghdr header;
		struct rtgenmsg general;
	} request;

	memset(&request, 0, sizeof(request));
	request.header.nlmsg_len = NLMSG_LENGTH(sizeof(request.general));
	request.header.nlmsg_type = type;
	request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request.header.nlmsg_seq = type; /* each type is asked for once */
	request.general.rtgen_family = AF_UNSPEC;
	return send(fd, &request, request.header.nlmsg_len, 0) >= 0;
}

enum progress { GOES_ON, DONE, FAILED };

/* Reads the messages of type's dump out of one answer. */
static enum progress read_answer(struct interface_table *table, const void *answer,
	size_t len, uint16_t type, size_t fixed, reader *read)
{
	const struct nlmsghdr *message = answer;

	for (; NLMSG_OK(message, len);
		message = advance(message, message->nlmsg_len, &len)) {
		if (message->nlmsg_seq != type)
			continue;
		if (message->nlmsg_type == NLMSG_DONE)
			return DONE;
		if (message->nlmsg_type == NLMSG_ERROR)
			return FAILED;
		if (message->nlmsg_len >= NLMSG_LENGTH(fixed))
			read(table, message);
	}
	return GOES_ON;
}

/* Asks for all entries of a kind and hands each to read, which finds at least fixed bytes
 * in it. */
static bool dump(
	int fd, struct interface_table *table, uint16_t type, size_t fixed, reader *read)
{
	_Alignas(struct nlmsghdr) uint8_t answer[ANSWER_MAX];
	enum progress progress = ask(fd, type) ? GOES_ON : FAILED;

	while (progress == GOES_ON) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		ssize_t got = -1;

		if (poll(&wait, 1, ANSWER_TIMEOUT) == 1)
			got = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
		progress = got > 0 ? read_answer(table, answer, (size_t)got, type, fixed,
					     read)
				   : FAILED;
	}
	return progress == DONE;
}

size_t interfaces_list(struct addr *addrs, size_t max)
{
	struct interface_table table = {.count = 0};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	size_t count = 0;

	if (fd < 0)
		return 0;
	/* Without its routes an interface still counts as one of those that have none. */
	if (dump(fd, &table, RTM_GETLINK, sizeof(struct ifinfomsg), read_link) &&
		dump(fd, &table, RTM_GETADDR, sizeof(struct ifaddrmsg), read_addr)) {
		(void)dump(fd, &table, RTM_GETROUTE, sizeof(struct rtmsg), read_route);
		count = interfaces_choose(&table, addrs, max);
	}
	close(fd);
	return count;
}

#endif
