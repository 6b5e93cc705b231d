/* SPDX-License-Identifier: MIT */
/* Sockets by sock_diag(7), which anybody may ask. */
#if defined(__linux__) && !defined(EYELET_PORTABLE)

#include "net/receiver.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX 1024 /* bytes; the kernel's are a third of it */

struct question {
	struct nlmsghdr header;
	struct inet_diag_req_v2 body;
};

union answer {
	struct nlmsghdr header;
	uint8_t bytes[ANSWER_MAX];
};

void receiver_query_init(struct receiver_query *q)
{
	*q = (struct receiver_query){.fd = -1};
}

void receiver_query_fini(struct receiver_query *q)
{
	if (q->fd >= 0)
		(void)close(q->fd);
	q->fd = -1;
}

static bool query_open(struct receiver_query *q)
{
	if (q->fd < 0)
		q->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
			NETLINK_SOCK_DIAG);
	return q->fd >= 0;
}

/* The kernel looks the socket up as if a datagram came from the source. */
static void ask(struct question *q, const struct addr *from, const struct addr *to)
{
	struct inet_diag_sockid *id = &q->body.id;
	bool v4 = to->family == ADDR_V4;

	memset(q, 0, sizeof(*q));
	q->header.nlmsg_len = sizeof(*q);
	q->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	q->header.nlmsg_flags = NLM_F_REQUEST;
	q->body.sdiag_family = v4 ? AF_INET : AF_INET6;
	q->body.sdiag_protocol = IPPROTO_UDP;
	q->body.idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1);
	q->body.idiag_states = UINT32_MAX;
	id->idiag_sport = htons(from->port);
	id->idiag_dport = htons(to->port);
	memcpy(id->idiag_src, from->ip, v4 ? 4 : 16);
	memcpy(id->idiag_dst, to->ip, v4 ? 4 : 16);
	id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

/* Returns false if the answer does not tell of a buffer. */
static bool decode(struct receiver_state *state, const struct nlmsghdr *header)
{
	const struct inet_diag_msg *socket = NLMSG_DATA(header);
	const struct rtattr *item = (const void *)(socket + 1);
	size_t left = header->nlmsg_len - NLMSG_LENGTH(sizeof(*socket));
	uint32_t memory[SK_MEMINFO_VARS];

	for (; RTA_OK(item, left); item = RTA_NEXT(item, left)) {
		if (item->rta_type != INET_DIAG_SKMEMINFO ||
			RTA_PAYLOAD(item) < sizeof(memory))
			continue;
		memcpy(memory, RTA_DATA(item), sizeof(memory));
		state->cookie = (uint64_t)socket->id.idiag_cookie[1] << 32 |
				socket->id.idiag_cookie[0];
		state->used = memory[SK_MEMINFO_RMEM_ALLOC];
		state->size = memory[SK_MEMINFO_RCVBUF];
		state->drops = memory[SK_MEMINFO_DROPS];
		return true;
	}
	return false;
}

/* The kernel has answered when the send returns. */
bool receiver_look(struct receiver_query *q, const struct addr *from,
	const struct addr *to, struct receiver_state *state)
{
	struct question question;
	union answer answer;
	ssize_t len;

	if (from->family != to->family || !query_open(q))
		return false;
	ask(&question, from, to);
	question.header.nlmsg_seq = ++q->sequence;
	if (send(q->fd, &question, sizeof(question), 0) != (ssize_t)sizeof(question))
		return false;
	do {
		len = recv(q->fd, &answer, sizeof(answer), 0);
		if (len < (ssize_t)NLMSG_LENGTH(0) ||
			!NLMSG_OK(&answer.header, (size_t)len))
			return false;
	} while (answer.header.nlmsg_seq != q->sequence);
	return answer.header.nlmsg_type == SOCK_DIAG_BY_FAMILY &&
	       answer.header.nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg)) &&
	       decode(state, &answer.header);
}

#endif
