/* SPDX-License-Identifier: MIT */
/* The public functions that the three passive machines have in common: each opaque public
 * type is the core's own struct under another name. */
#ifndef EYELET_LIB_PASSIVE_H
#define EYELET_LIB_PASSIVE_H

#include "core/guest.h"
#include "core/host.h"
#include "core/rendezvous.h"
#include "lib/convert.h"

static inline struct guest *guest_in(struct eyelet_guest *guest)
{
	return (struct guest *)(void *)guest;
}

static inline struct host *host_in(struct eyelet_host *host)
{
	return (struct host *)(void *)host;
}

static inline struct rendezvous *rendezvous_in(struct eyelet_rendezvous *rendezvous)
{
	return (struct rendezvous *)(void *)rendezvous;
}

/* True for a set of ciphers that is not empty and has none unknown. */
static inline bool ciphers_valid(uint8_t set)
{
	return set != 0 && (set & ~(CIPHER_CHACHA20_POLY1305 | CIPHER_AES_256_GCM)) == 0;
}

/* True if a payload of len bytes comes in so many parts, none of them empty. */
static inline bool parts_valid(unsigned part, unsigned parts, size_t len)
{
	size_t each = parts > 0 ? (len + parts - 1) / parts : 0;

	return len <= EYELET_PAYLOAD_MAX && part < parts &&
	       (parts == 1 || (parts <= len && (parts - 1) * each < len));
}

/* Fills in a core's configuration, but for the secrets that it points to. Returns
 * EYELET_EINVAL if a field is out of its range. */
int guest_config_in(struct guest_config *to, const struct eyelet_guest_config *from);
int host_config_in(struct host_config *to, const struct eyelet_host_config *from);
int rendezvous_config_in(
	struct rendezvous_config *to, const struct eyelet_rendezvous_config *from);

/* Of all three. */
#define PASSIVE_MACHINE(name)                                                            \
	void eyelet_##name##_free(struct eyelet_##name *x)                               \
	{                                                                                \
		name##_free(name##_in(x));                                               \
	}                                                                                \
	bool eyelet_##name##_output(                                                     \
		struct eyelet_##name *x, struct eyelet_datagram *datagram, uint64_t now) \
	{                                                                                \
		struct datagram core;                                                    \
                                                                                         \
		if (!name##_output(name##_in(x), &core, now))                            \
			return false;                                                    \
		datagram_out(datagram, &core);                                           \
		return true;                                                             \
	}                                                                                \
	void eyelet_##name##_expire(struct eyelet_##name *x, uint64_t now)               \
	{                                                                                \
		name##_expire(name##_in(x), now);                                        \
	}                                                                                \
	uint64_t eyelet_##name##_next_timeout(const struct eyelet_##name *x)             \
	{                                                                                \
		return name##_next_timeout((const struct name *)(const void *)x);        \
	}                                                                                \
	bool eyelet_##name##_next_event(                                                 \
		struct eyelet_##name *x, struct eyelet_event *event)                     \
	{                                                                                \
		struct event core;                                                       \
                                                                                         \
		if (!name##_next_event(name##_in(x), &core))                             \
			return false;                                                    \
		event_out(event, &core);                                                 \
		return true;                                                             \
	}                                                                                \
	_Static_assert(true, "a semicolon follows")

/* Of the two that have sessions. */
#define PASSIVE_PEER(name)                                                               \
	int eyelet_##name##_add_socket(struct eyelet_##name *x, uint32_t number,         \
		const struct eyelet_addr *bound, uint64_t now)                           \
	{                                                                                \
		const struct addr core = addr_in(bound);                                 \
                                                                                         \
		if (number >= EYELET_SOCKETS_MAX || core.family == ADDR_NONE)            \
			return EYELET_EINVAL;                                            \
		name##_add_socket(name##_in(x), number, &core, now);                     \
		return EYELET_OK;                                                        \
	}                                                                                \
	void eyelet_##name##_set_locals(                                                 \
		struct eyelet_##name *x, const struct eyelet_addr *locals, size_t count) \
	{                                                                                \
		struct addr core[EYELET_LOCALS_MAX];                                     \
                                                                                         \
		count = count < EYELET_LOCALS_MAX ? count : EYELET_LOCALS_MAX;           \
		addrs_in(core, locals, count);                                           \
		name##_set_locals(name##_in(x), core, count);                            \
	}                                                                                \
	enum eyelet_verdict eyelet_##name##_input(struct eyelet_##name *x,               \
		const struct eyelet_path *path, uint8_t *buf, size_t len, uint64_t now,  \
		struct eyelet_delivery *delivery)                                        \
	{                                                                                \
		const struct path core = path_in(path);                                  \
		struct delivery got;                                                     \
		enum verdict verdict;                                                    \
                                                                                         \
		if (core.socket >= EYELET_SOCKETS_MAX)                                   \
			return EYELET_VERDICT_DROP_UNSOLICITED;                          \
		verdict = name##_input(name##_in(x), &core, buf, len, now, &got);        \
		if (verdict == VERDICT_DELIVER)                                          \
			*delivery = delivery_out(&got);                                  \
		return verdict_out(verdict);                                             \
	}                                                                                \
	void eyelet_##name##_icmp(struct eyelet_##name *x,                               \
		const struct eyelet_path *path, const struct eyelet_addr *offender,      \
		uint8_t type, uint8_t code, const uint8_t *quoted, size_t quoted_len,    \
		uint64_t now)                                                            \
	{                                                                                \
		const struct path core = path_in(path);                                  \
		const struct addr from = addr_in(offender);                              \
                                                                                         \
		name##_icmp(name##_in(x), &core, &from, type, code, quoted, quoted_len,  \
			now);                                                            \
	}                                                                                \
	int eyelet_##name##_seal(struct eyelet_##name *x, struct eyelet_flow *flow,      \
		unsigned part, unsigned parts, const uint8_t *payload, size_t len,       \
		uint8_t *out, struct eyelet_path *path, uint64_t now)                    \
	{                                                                                \
		struct path core;                                                        \
		size_t size;                                                             \
                                                                                         \
		if (!parts_valid(part, parts, len))                                      \
			return EYELET_EINVAL;                                            \
		size = name##_seal(name##_in(x), flow_in(flow), part, parts, payload,    \
			len, out, &core, now);                                           \
		if (size == 0)                                                           \
			return EYELET_ENOTCONN;                                          \
		*path = path_out(&core);                                                 \
		return (int)size;                                                        \
	}                                                                                \
	void eyelet_##name##_network_changed(struct eyelet_##name *x, uint64_t now)      \
	{                                                                                \
		name##_network_changed(name##_in(x), now);                               \
	}                                                                                \
	void eyelet_##name##_shutdown(struct eyelet_##name *x, uint64_t now)             \
	{                                                                                \
		name##_shutdown(name##_in(x), now);                                      \
	}                                                                                \
	_Static_assert(true, "a semicolon follows")

#endif
