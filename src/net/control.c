/* SPDX-License-Identifier: MIT */
#define __APPLE_USE_RFC_3542 /* macOS hides IPV6_RECVPKTINFO without it */
#include "net/control.h"

#include <string.h>

#include "net/sockaddr.h"

void control_add(
	struct control *control, int level, int type, const void *value, size_t size)
{
	struct cmsghdr *item = (void *)(control->bytes + control->len);

	if (control->len == 0)
		memset(control->bytes, 0, sizeof(control->bytes));
	item->cmsg_level = level;
	item->cmsg_type = type;
	item->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(item), value, size);
	control->len += CMSG_SPACE(size);
}

void control_add_int(struct control *control, int level, int type, int value)
{
	control_add(control, level, type, &value, sizeof(value));
}

static void add_source_v4(struct control *control, const struct path *path)
{
#if defined(IP_PKTINFO)
	struct in_pktinfo info = {.ipi_ifindex = (int)path->ifindex};

	if (path->local.family == ADDR_V4)
		memcpy(&info.ipi_spec_dst, path->local.ip, sizeof(info.ipi_spec_dst));
	control_add(control, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
#elif defined(IP_SENDSRCADDR)
	if (path->local.family == ADDR_V4)
		control_add(control, IPPROTO_IP, IP_SENDSRCADDR, path->local.ip, 4);
#else
	(void)control, (void)path;
#endif
}

static void add_source_v6(struct control *control, const struct path *path)
{
	struct in6_pktinfo info = {.ipi6_ifindex = path->ifindex};

	if (path->local.family == ADDR_V6) {
		memcpy(&info.ipi6_addr, path->local.ip, sizeof(info.ipi6_addr));
		if (path->ifindex == 0)
			info.ipi6_ifindex = path->local.scope;
	}
	control_add(control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
}

void control_add_source(
	struct control *control, enum addr_family family, const struct path *path)
{
	if (family == ADDR_V4)
		add_source_v4(control, path);
	else
		add_source_v6(control, path);
}

void control_attach(struct msghdr *message, struct control *control)
{
	if (control->len == 0)
		return;
	message->msg_control = control->bytes;
	message->msg_controllen = control->len;
}

/* With an error the own address may be missing; the socket's then stays. */
static void set_local(struct path *path, struct addr local, uint32_t ifindex)
{
	path->ifindex = ifindex;
	if (addr_is_unspecified(&local))
		return;
	local.port = path->local.port;
	path->local = local;
}

/* A TOS item is one byte on some systems and an int on others. */
static uint8_t read_tos(const struct cmsghdr *item)
{
	int value;

	if (item->cmsg_len < CMSG_LEN(sizeof(value)))
		return *CMSG_DATA(item);
	memcpy(&value, CMSG_DATA(item), sizeof(value));
	return (uint8_t)value;
}

static void read_v4(const struct cmsghdr *item, struct path *path, uint8_t *tos)
{
	switch (item->cmsg_type) {
#if defined(IP_PKTINFO)
	case IP_PKTINFO: {
		struct in_pktinfo info;

		memcpy(&info, CMSG_DATA(item), sizeof(info));
		/* Of a broadcast only spec_dst is an own address, with an error only
		 * addr. */
		if (info.ipi_spec_dst.s_addr == htonl(INADDR_ANY))
			info.ipi_spec_dst = info.ipi_addr;
		set_local(path, sockaddr_decode_v4(&info.ipi_spec_dst),
			(uint32_t)info.ipi_ifindex);
		break;
	}
#elif defined(IP_RECVDSTADDR)
	case IP_RECVDSTADDR: {
		struct in_addr local;

		memcpy(&local, CMSG_DATA(item), sizeof(local));
		set_local(path, sockaddr_decode_v4(&local), 0);
		break;
	}
#endif
	case IP_TOS:
#if defined(IP_RECVTOS) && !defined(__linux__)
	case IP_RECVTOS:
#endif
		*tos = read_tos(item);
		break;
	default: break;
	}
}

static void read_v6(const struct cmsghdr *item, struct path *path, uint8_t *tos)
{
	if (item->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo info;

		memcpy(&info, CMSG_DATA(item), sizeof(info));
		set_local(path, sockaddr_decode_v6(&info.ipi6_addr, info.ipi6_ifindex),
			info.ipi6_ifindex);
	} else if (item->cmsg_type == IPV6_TCLASS) {
		*tos = read_tos(item);
	}
}

void control_read(const struct cmsghdr *item, struct path *path, uint8_t *tos)
{
	if (item->cmsg_level == IPPROTO_IP)
		read_v4(item, path, tos);
	else if (item->cmsg_level == IPPROTO_IPV6)
		read_v6(item, path, tos);
}

static void enable(int fd, int level, int option)
{
	int on = 1;

	/* Without it a field stays empty; nothing else depends on it. */
	(void)setsockopt(fd, level, option, &on, sizeof(on));
}

void control_enable(int fd, enum addr_family family, bool pktinfo)
{
	if (family == ADDR_V6) {
		enable(fd, IPPROTO_IPV6, IPV6_RECVTCLASS);
		if (pktinfo)
			enable(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
		return;
	}
#if defined(IP_RECVTOS)
	enable(fd, IPPROTO_IP, IP_RECVTOS);
#endif
	if (!pktinfo)
		return;
#if defined(IP_RECVPKTINFO)
	enable(fd, IPPROTO_IP, IP_RECVPKTINFO);
#elif defined(IP_PKTINFO)
	enable(fd, IPPROTO_IP, IP_PKTINFO);
#elif defined(IP_RECVDSTADDR)
	enable(fd, IPPROTO_IP, IP_RECVDSTADDR);
#endif
}
