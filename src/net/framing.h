/* SPDX-License-Identifier: MIT */
/* Datagrams in a stream of bytes (RFC 4571): each behind its length, 16 bits in network
 * byte order. No socket here: bytes in, bytes out. */
#ifndef EYELET_NET_FRAMING_H
#define EYELET_NET_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAMING_HEADER 2
#define FRAMING_MAX    65535 /* longest datagram, bytes */

/* What came in of a datagram whose rest is still to come. Begins as all zeros. */
struct framing_in {
	uint8_t *part; /* NULL if there is none */
	size_t len; /* bytes of it, with the header; less than FRAMING_HEADER + FRAMING_MAX */
};

/* Writes the part into bytes, in front of which the next ones are to be read, and returns
 * how many these are. */
size_t framing_begin(const struct framing_in *in, uint8_t *bytes);

/* Takes the next whole datagram from the len bytes, from *at on, which begins with 0.
 * Empty ones, which mean nothing, are passed over. Returns false when none is whole. */
bool framing_next(
	uint8_t *bytes, size_t len, size_t *at, uint8_t **datagram, size_t *datagram_len);

/* The length of the datagram that is not whole, of which framing_next took the first at of
 * len bytes: what its reader will have to keep. 0 if it is not known yet. */
size_t framing_wanted(const uint8_t *bytes, size_t len, size_t at);

/* Keeps what is not whole: the len bytes, of which framing_next took the first at. Returns
 * false if memory ran out. */
bool framing_end(struct framing_in *in, const uint8_t *bytes, size_t len, size_t at);
void framing_in_fini(struct framing_in *in);

/* Datagrams on their way into the stream, bounded in bytes and in age: when there is no
 * room the oldest whole ones are dropped, never one that is partly written. */
struct framing_out {
	size_t bytes_max; /* with the headers */
	uint64_t age_max; /* ns */
	uint8_t *bytes;   /* those from first to end wait, as the stream will have them */
	size_t cap, first, end;
	size_t committed;         /* of them, from first on: no longer to be dropped */
	struct framing_age *ages; /* of the datagrams behind those, a ring */
	unsigned age_cap, age_first, count;
	uint64_t sent, dropped; /* datagrams: written wholly or in part; lost in here */
};

void framing_out_init(struct framing_out *out, size_t bytes_max, uint64_t age_max);
void framing_out_fini(struct framing_out *out);

/* Adds a datagram of 1 to FRAMING_MAX bytes at now, ns. Returns false, with it dropped and
 * counted, if it is none or finds no room or memory. */
bool framing_put(
	struct framing_out *out, const uint8_t *datagram, size_t len, uint64_t now);

/* Drops what has waited for longer than age_max. */
void framing_expire(struct framing_out *out, uint64_t now);

/* Drops all, for a stream that begins anew. */
void framing_reset(struct framing_out *out);

/* The bytes to be written next (perhaps NULL, if there are none), and how many. Valid until the next call that
 * changes out. */
static inline const uint8_t *framing_bytes(const struct framing_out *out)
{
	return out->bytes ? out->bytes + out->first : out->bytes;
}
static inline size_t framing_len(const struct framing_out *out)
{
	return out->end - out->first;
}

/* The first len of them will have to follow in any case: they are in the hands of someone
 * who wants to see the very same again (TLS). */
void framing_commit(struct framing_out *out, size_t len);

/* The first len of them were written. */
void framing_written(struct framing_out *out, size_t len);

/* Gives the memory back if nothing waits. */
void framing_trim(struct framing_out *out);

#endif
