/* SPDX-License-Identifier: MIT */
/* Where no rendezvous answers by UDP: whether it can be reached by TCP, or where it would be
 * by TLS. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/netcheck.h"
#include "net/system.h"
#include "net/tcp.h"

#define PATIENCE 2000 /* ms for all of them together */

/* Begins with every address, waits for all at once, and leaves 0 or -errno of each. */
static void connect_all(int *results, const struct addr *addrs, size_t count)
{
	struct pollfd waits[NETCHECK_STREAMS_MAX];
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

void netcheck_streams_try(struct netcheck_streams *s, const struct servers *servers)
{
	struct addr addrs[SERVERS_DIAL_MAX];
	size_t all = servers_dial(servers, true, addrs);
	int results[SERVERS_DIAL_MAX] = {0};

	s->count = all - servers->count;
	memcpy(s->addrs, addrs + servers->count, s->count * sizeof(*addrs));
	connect_all(results, s->addrs, s->count);
	for (size_t i = 0; i < s->count; i++)
		s->open[i] = results[i] == 0;
}

bool netcheck_streams_any(const struct netcheck_streams *s, enum addr_transport transport)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->open[i] && s->addrs[i].transport == transport)
			return true;
	return false;
}

void netcheck_streams_report(char *text, const struct netcheck_streams *s)
{
	char name[ADDR_TEXT_MAX];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < s->count; i++)
		len += (size_t)snprintf(text + len, NETCHECK_REPORT_MAX - len,
			"%-14s %s at %s\n",
			s->addrs[i].transport == ADDR_TLS ? "TLS" : "TCP",
			s->open[i] ? "connects" : "does not connect",
			addr_format(name, &s->addrs[i]));
}

void netcheck_streams_add(struct json *j, const struct netcheck_streams *s)
{
	char name[40], text[ADDR_TEXT_MAX];

	json_bool(j, "tcp", netcheck_streams_any(s, ADDR_TCP));
	json_bool(j, "tls", netcheck_streams_any(s, ADDR_TLS));
	for (size_t i = 0; i < s->count; i++) {
		snprintf(name, sizeof(name), "stream%zu", i + 1);
		json_string(j, name, addr_format(text, &s->addrs[i]));
		snprintf(name, sizeof(name), "stream%zu_by", i + 1);
		json_string(j, name, s->addrs[i].transport == ADDR_TLS ? "tls" : "tcp");
		snprintf(name, sizeof(name), "stream%zu_connects", i + 1);
		json_bool(j, name, s->open[i]);
	}
}
