/* SPDX-License-Identifier: MIT */
/* Where no rendezvous answers by UDP: whether it can be reached by TCP, or where it would be
 * by TLS. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/netcheck.h"
#include "net/system.h"
#include "net/tcp.h"

#define PATIENCE 2000 /* ms for all of them together */

/* Begins with every address, waits for all at once, and leaves 0 or -errno of each. */
static void connect_all(int *results, const struct addr *addrs, size_t count)
{
	struct pollfd waits[SERVERS_DIAL_MAX];
	uint64_t until = clock_now() + PATIENCE * MILLISECOND;
	size_t open = 0;

	for (size_t i = 0; i < count; i++) {
		int fd = tcp_connect(&addrs[i]);

		waits[i] = (struct pollfd){.fd = fd, .events = POLLOUT};
		results[i] = fd < 0 ? fd : -ETIMEDOUT;
		open += fd >= 0;
	}
	for (uint64_t now; open > 0 && (now = clock_now()) < until;) {
		(void)poll(waits, count, (int)((until - now) / MILLISECOND) + 1);
		for (size_t i = 0; i < count; i++) {
			if (waits[i].fd < 0 || waits[i].revents == 0)
				continue;
			results[i] = tcp_connected(waits[i].fd);
			(void)close(waits[i].fd);
			waits[i].fd = -1;
			open--;
		}
	}
	for (size_t i = 0; i < count; i++)
		if (waits[i].fd >= 0)
			(void)close(waits[i].fd);
}

bool netcheck_streams(char *text, const struct servers *servers)
{
	struct addr addrs[SERVERS_DIAL_MAX];
	int results[SERVERS_DIAL_MAX] = {0};
	size_t all = servers_dial(servers, true, addrs), len = 0;
	char name[ADDR_TEXT_MAX];
	bool any = false;

	text[0] = '\0';
	connect_all(results, addrs + servers->count, all - servers->count);
	for (size_t i = servers->count; i < all; i++) {
		const struct addr *addr = &addrs[i];
		bool open = results[i - servers->count] == 0;

		len += (size_t)snprintf(text + len, NETCHECK_REPORT_MAX - len,
			"%-14s %s at %s\n", addr->transport == ADDR_TLS ? "TLS" : "TCP",
			open ? "connects" : "does not connect", addr_format(name, addr));
		any |= open;
	}
	return any;
}
