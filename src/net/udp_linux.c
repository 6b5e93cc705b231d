/* SPDX-License-Identifier: MIT */
/* UDP on Linux: recvmmsg and UDP_GRO in, UDP_SEGMENT out, the error queue.
 *
 * Which datagrams may be fragmented, on the public side. Measured on 6.18 over a link
 * with an MTU of 1500, before and after a forged "fragmentation needed" (600) or "packet
 * too big":
 *
 * IP_PMTUDISC_PROBE sets DF and believes no ICMP, as probing of the path MTU needs it,
 * but refuses what exceeds the interface's MTU; _DO and _INTERFACE refuse it too. _WANT
 * and _DONT send 65,507 bytes in 45 packets, after the forgery in 114 of 596 bytes: a
 * stranger multiplies packets and loss. _OMIT sends 45, whatever he says. So: PROBE for
 * control datagrams and for data that fits a packet of 1500 bytes, OMIT for longer data
 * and for data that PROBE refuses (an interface with a smaller MTU), with a call to
 * switch only where the two alternate.
 *
 * On IPv6 no router fragments, so OMIT would lose every long datagram on a path narrower
 * than the interface. There IPV6_MTU makes the fragments 1280 bytes long, which pass
 * everywhere, and _DONT lets a genuine "packet too big" mend even an interface with jumbo
 * frames; a forged one cannot make fragments shorter than 1280. IPV6_MTU would also
 * refuse PROBE's datagrams above 1280, so it is set and reset together with the mode. */
#if defined(__linux__) && !defined(EYELET_PORTABLE)

#include "net/udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <netinet/udp.h>
#include <linux/errqueue.h>

#include "net/control.h"
#include "net/sockaddr.h"
#include "net/udp_system.h"

/* A joined message is shorter than 64 kB: the kernel joins no more into a packet. */
#define BUFFER_SIZE   65536
#define BUFFER_STRIDE (UDP_HEADROOM + BUFFER_SIZE + UDP_HEADROOM)

struct udp_batch {
	struct udp_message messages[UDP_BATCH];
	struct mmsghdr headers[UDP_BATCH];
	struct iovec pieces[UDP_BATCH];
	union sockaddr_any names[UDP_BATCH];
	struct control controls[UDP_BATCH];
	uint8_t *buffers;
};

struct udp_batch *udp_batch_new(void)
{
	struct udp_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	batch->buffers = malloc((size_t)UDP_BATCH * BUFFER_STRIDE);
	if (!batch->buffers) {
		free(batch);
		return NULL;
	}
	for (size_t i = 0; i < UDP_BATCH; i++) {
		struct msghdr *header = &batch->headers[i].msg_hdr;

		batch->pieces[i].iov_base =
			batch->buffers + i * BUFFER_STRIDE + UDP_HEADROOM;
		batch->pieces[i].iov_len = BUFFER_SIZE;
		header->msg_iov = &batch->pieces[i];
		header->msg_iovlen = 1;
		header->msg_name = &batch->names[i];
		header->msg_control = batch->controls[i].bytes;
	}
	return batch;
}

void udp_batch_free(struct udp_batch *batch)
{
	if (!batch)
		return;
	free(batch->buffers);
	free(batch);
}

void udp_prepare(struct udp_socket *s, const struct udp_options *options)
{
	bool v4 = s->bound.family == ADDR_V4;

	s->gro = udp_set(s, SOL_UDP, UDP_GRO, 1);
	s->gso = udp_set(s, SOL_UDP, UDP_SEGMENT, 0);
	s->gso_max = UDP_PAYLOAD_MAX;
	if (!options->public_side)
		return;
	s->gso_max = v4 ? UDP_WHOLE_V4 : UDP_WHOLE_V6;
	if (v4) {
		(void)udp_set(s, IPPROTO_IP, IP_RECVERR, 1);
		s->df = udp_set(s, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	} else {
		(void)udp_set(s, IPPROTO_IPV6, IPV6_RECVERR, 1);
		s->df = udp_set(s, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
	}
}

/* Switches between the two modes explained above. */
void udp_set_fragmentable(struct udp_socket *s, bool on)
{
	if (!s->df || s->fragmentable == on)
		return;
	s->fragmentable = on;
	if (s->bound.family == ADDR_V4) {
		(void)udp_set(s, IPPROTO_IP, IP_MTU_DISCOVER,
			on ? IP_PMTUDISC_OMIT : IP_PMTUDISC_PROBE);
		return;
	}
	(void)udp_set(s, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
		on ? IPV6_PMTUDISC_DONT : IPV6_PMTUDISC_PROBE);
	(void)udp_set(s, IPPROTO_IPV6, IPV6_MTU, on ? 1280 : 0);
}

/* Adds only what differs from the socket's defaults: each item costs time. */
static void add_header_fields(struct control *control, const struct udp_socket *s,
	const struct path *path, uint8_t ttl, uint8_t tos)
{
	bool v4 = s->bound.family == ADDR_V4;
	int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;

	if (udp_wants_source(s, path))
		control_add_source(control, s->bound.family, path);
	if (tos != 0)
		control_add_int(control, level, v4 ? IP_TOS : IPV6_TCLASS, tos);
	if (ttl != 0)
		control_add_int(control, level, v4 ? IP_TTL : IPV6_HOPLIMIT, ttl);
}

/* The path without its own end, for when that address is not this machine's any more: the
 * kernel then chooses one that is, and the peer finds us there by a challenge. */
static bool without_source(
	struct path *any, int error, const struct udp_socket *s, const struct path *path)
{
	if (error != -ENETUNREACH && error != -EADDRNOTAVAIL && error != -EINVAL)
		return false;
	if (!udp_wants_source(s, path))
		return false;
	*any = *path;
	any->local = (struct addr){0};
	any->ifindex = 0;
	return true;
}

static int send_one(struct udp_socket *s, const struct path *path, uint8_t ttl,
	uint8_t tos, const void *buf, size_t len)
{
	struct iovec piece = {.iov_base = (void *)buf, .iov_len = len};
	struct control control;
	union sockaddr_any name;
	struct msghdr message;

	udp_address(&message, &name, s, path, &piece, 1);
	control.len = 0;
	add_header_fields(&control, s, path, ttl, tos);
	control_attach(&message, &control);
	return udp_transmit(s, &message);
}

int udp_send_once(struct udp_socket *s, const struct path *path, uint8_t ttl, uint8_t tos,
	const void *buf, size_t len)
{
	struct path any;
	int error = send_one(s, path, ttl, tos, buf, len);

	return without_source(&any, error, s, path)
		       ? send_one(s, &any, ttl, tos, buf, len)
		       : error;
}

/* Joins pieces that lie end to end, as those of a message received by GRO do: each piece
 * costs time. Returns how many are left. */
static size_t join_pieces(struct iovec *pieces, const struct iovec *run, unsigned count)
{
	size_t last = 0;

	pieces[0] = run[0];
	for (unsigned i = 1; i < count; i++) {
		const uint8_t *end = pieces[last].iov_base;

		end += pieces[last].iov_len;
		if (run[i].iov_base == end)
			pieces[last].iov_len += run[i].iov_len;
		else
			pieces[++last] = run[i];
	}
	return last + 1;
}

static int send_run(struct udp_socket *s, const struct path *path, uint8_t tos,
	const struct iovec *run, unsigned count, size_t segment)
{
	uint16_t size = (uint16_t)segment;
	struct iovec pieces[UDP_SEGMENTS];
	struct control control;
	union sockaddr_any name;
	struct msghdr message;
	int error;

	if (!s->connected && path->remote.family != s->bound.family)
		return -EAFNOSUPPORT;
	udp_address(&message, &name, s, path, pieces, join_pieces(pieces, run, count));
	control.len = 0;
	add_header_fields(&control, s, path, 0, tos);
	control_add(&control, SOL_UDP, UDP_SEGMENT, &size, sizeof(size));
	control_attach(&message, &control);
	udp_set_fragmentable(s, false);
	error = udp_transmit(s, &message);
	if (error == 0)
		s->sent += count;
	return error;
}

int udp_send_run(struct udp_socket *s, const struct path *path, uint8_t tos,
	const struct iovec *run, unsigned count, size_t segment)
{
	struct path any;
	int error = send_run(s, path, tos, run, count, segment);

	return without_source(&any, error, s, path)
		       ? send_run(s, &any, tos, run, count, segment)
		       : error;
}

static size_t read_segment(const struct cmsghdr *item)
{
	int size;

	memcpy(&size, CMSG_DATA(item), sizeof(size));
	return size > 0 ? (size_t)size : 0;
}

/* Makes *message of what one header received. Returns false if it came incomplete. */
static bool decode_message(
	struct udp_message *message, const struct udp_socket *s, struct mmsghdr *header)
{
	struct msghdr *h = &header->msg_hdr;

	if (h->msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return false;
	message->path.socket = s->number;
	message->path.ifindex = 0;
	message->path.local = s->bound;
	message->path.remote = sockaddr_decode(h->msg_name);
	message->tos = 0;
	message->buf = h->msg_iov->iov_base;
	message->len = header->msg_len;
	message->segment = message->len;
	for (struct cmsghdr *item = CMSG_FIRSTHDR(h); item; item = CMSG_NXTHDR(h, item)) {
		if (item->cmsg_level != SOL_UDP)
			control_read(item, &message->path, &message->tos);
		else if (item->cmsg_type == UDP_GRO && message->len > 0)
			message->segment = read_segment(item);
	}
	return message->segment <= message->len;
}

static int receive(struct udp_socket *s, struct udp_batch *batch)
{
	/* Each ICMP on its way in fails one call; a bound keeps a flood of them from
	 * holding us here. */
	for (int attempt = 0; attempt < UDP_BATCH; attempt++) {
		int count;

		s->calls_in++;
		count = recvmmsg(s->fd, batch->headers, UDP_BATCH, MSG_DONTWAIT, NULL);
		if (count >= 0)
			return count;
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EBADF)
			break;
	}
	return 0;
}

int udp_receive(
	struct udp_socket *s, struct udp_batch *batch, struct udp_message **messages)
{
	int count, good = 0;

	for (int i = 0; i < UDP_BATCH; i++) {
		batch->headers[i].msg_hdr.msg_namelen = sizeof(batch->names[i]);
		batch->headers[i].msg_hdr.msg_controllen =
			sizeof(batch->controls[i].bytes);
	}
	count = receive(s, batch);
	for (int i = 0; i < count; i++) {
		struct udp_message *message = &batch->messages[good];

		if (!decode_message(message, s, &batch->headers[i]))
			continue;
		s->received += udp_message_count(message);
		good++;
	}
	*messages = batch->messages;
	return good;
}

static bool decode_error(struct udp_error *error, const struct cmsghdr *item)
{
	struct {
		struct sock_extended_err err;
		union sockaddr_any offender;
	} extended;
	size_t len = item->cmsg_len - CMSG_LEN(0);

	memset(&extended, 0, sizeof(extended));
	memcpy(&extended, CMSG_DATA(item),
		len < sizeof(extended) ? len : sizeof(extended));
	if (extended.err.ee_origin != SO_EE_ORIGIN_ICMP &&
		extended.err.ee_origin != SO_EE_ORIGIN_ICMP6)
		return false;
	error->type = extended.err.ee_type;
	error->code = extended.err.ee_code;
	error->offender = sockaddr_decode(&extended.offender.sa);
	error->offender.port = 0;
	return true;
}

/* Returns false for what is no ICMP error, such as the kernel's own note of an EMSGSIZE.
 */
static bool decode_error_message(
	struct udp_error *error, const struct udp_socket *s, struct msghdr *message)
{
	bool icmp = false;
	uint8_t tos;

	error->path.socket = s->number;
	error->path.ifindex = 0;
	error->path.local = s->bound;
	if (message->msg_namelen > 0)
		error->path.remote = sockaddr_decode(message->msg_name);
	for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item;
		item = CMSG_NXTHDR(message, item)) {
		if ((item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_RECVERR) ||
			(item->cmsg_level == IPPROTO_IPV6 &&
				item->cmsg_type == IPV6_RECVERR))
			icmp = decode_error(error, item);
		else
			control_read(item, &error->path, &tos);
	}
	return icmp;
}

bool udp_next_error(struct udp_socket *s, struct udp_error *error)
{
	for (;;) {
		_Alignas(struct cmsghdr) uint8_t room[256];
		struct iovec piece = {error->quoted, sizeof(error->quoted)};
		union sockaddr_any name;
		struct msghdr message = {.msg_name = &name,
			.msg_namelen = sizeof(name),
			.msg_iov = &piece,
			.msg_iovlen = 1,
			.msg_control = room,
			.msg_controllen = sizeof(room)};
		ssize_t len;

		memset(error, 0, sizeof(*error));
		len = recvmsg(s->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
		if (len < 0)
			return false;
		error->quoted_len = (size_t)len;
		if (decode_error_message(error, s, &message))
			return true;
	}
}

#endif
