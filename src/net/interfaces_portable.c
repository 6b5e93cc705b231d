/* SPDX-License-Identifier: MIT */
/* Own addresses by getifaddrs. POSIX shows no routes: that an interface leads onwards is
 * seen from the source address chosen towards a far address, by a connect that sends
 * nothing. */
#if !defined(__linux__) || defined(EYELET_PORTABLE)

#include "net/system.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/interfaces.h"
#include "net/sockaddr.h"

/* Returns the own address towards to, of family ADDR_NONE if there is no route. */
static struct addr source_towards(const struct addr *to)
{
	struct addr source = {.family = ADDR_NONE};
	union sockaddr_any name;
	socklen_t len = sockaddr_encode(&name, to);
	int fd = socket(name.sa.sa_family, SOCK_DGRAM, 0);

	if (fd < 0)
		return source;
	if (connect(fd, &name.sa, len) == 0) {
		len = sizeof(name);
		if (getsockname(fd, &name.sa, &len) == 0)
			source = sockaddr_decode(&name.sa);
	}
	close(fd);
	return source;
}

static void mark_leading(struct interface_table *table, const char *far)
{
	struct addr to, source;

	if (!addr_parse(&to, far, 9))
		return;
	source = source_towards(&to);
	for (size_t i = 0; i < table->addr_count; i++) {
		if (addr_same_ip(&table->addrs[i].addr, &source))
			interfaces_find(table, table->addrs[i].index)->leads = true;
	}
}

static void read_interface(struct interface_table *table, const struct ifaddrs *at)
{
	struct addr a;

	if (!at->ifa_addr || !(at->ifa_flags & IFF_UP) ||
		!(at->ifa_flags & IFF_RUNNING) || (at->ifa_flags & IFF_LOOPBACK))
		return;
	a = sockaddr_decode(at->ifa_addr);
	a.port = 0;
	if (a.family == ADDR_NONE)
		return;
	interfaces_add(table, if_nametoindex(at->ifa_name), false);
	interfaces_add_addr(table, if_nametoindex(at->ifa_name), &a);
}

size_t interfaces_list(struct addr *addrs, size_t max)
{
	struct interface_table table = {.count = 0};
	struct ifaddrs *list;

	if (getifaddrs(&list))
		return 0;
	for (const struct ifaddrs *at = list; at; at = at->ifa_next)
		read_interface(&table, at);
	freeifaddrs(list);
	mark_leading(
		&table, "192.0.2.1"); /* documentation addresses, RFC 5737 and 3849 */
	mark_leading(&table, "2001:db8::1");
	return interfaces_choose(&table, addrs, max);
}

#endif
