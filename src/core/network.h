/* SPDX-License-Identifier: MIT */
/* What is known of how a network treats UDP, in the words of RFC 4787 and RFC 5780: what a
 * strategy of getting through is chosen by. */
#ifndef EYELET_CORE_NETWORK_H
#define EYELET_CORE_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ports that a NAT is taken to draw from where nothing better is known: 1025 to 65535. */
#define NETWORK_PORTS 64511

/* name, text: what of the remote address mapping (RFC 4787, section 4.1) or filtering
 * (section 5) depends on. In ascending order of what stands in the way. */
#define NETWORK_DEPENDENCE_MAP(X)                                                        \
	X(UNKNOWN, "unknown")                                                            \
	X(INDEPENDENT, "endpoint-independent")                                           \
	X(ADDRESS, "address-dependent")                                                  \
	X(ADDRESS_AND_PORT, "address- and port-dependent")

enum network_dependence {
#define X(name, text) NETWORK_##name,
	NETWORK_DEPENDENCE_MAP(X)
#undef X
		NETWORK_DEPENDENCE_COUNT
};

/* name, text: which port a new mapping gets (RFC 4787, section 4.2). */
#define NETWORK_ALLOCATION_MAP(X)                                                        \
	X(UNKNOWN, "unknown")                                                            \
	X(PRESERVING, "port-preserving")                                                 \
	X(SEQUENTIAL, "sequential")                                                      \
	X(RANDOM, "random")

enum network_allocation {
#define X(name, text) NETWORK_PORTS_##name,
	NETWORK_ALLOCATION_MAP(X)
#undef X
		NETWORK_PORTS_COUNT
};

/* name, text: what was asked of a network, and may not have been found out. */
#define NETWORK_ANSWER_MAP(X)                                                            \
	X(UNKNOWN, "unknown")                                                            \
	X(NO, "no")                                                                      \
	X(YES, "yes")

enum network_answer {
#define X(name, text) NETWORK_ANSWER_##name,
	NETWORK_ANSWER_MAP(X)
#undef X
		NETWORK_ANSWER_COUNT
};

struct network {
	bool translated;   /* it shows another address outside than the machine's own */
	uint8_t mapping;   /* enum network_dependence; INDEPENDENT where not translated */
	uint8_t filtering; /* enum network_dependence */
	/* It may be address-dependent as well: one address of a server cannot tell. */
	bool mapping_unsure, filtering_unsure;
	uint8_t allocation; /* enum network_allocation */
	int32_t delta;      /* of sequential: from one mapping's port to the next */
	uint32_t steps;     /* of sequential: mappings of ours that were watched, */
	uint32_t strays;    /* and others' in between */
	uint32_t ports;  /* how many ports random ones are drawn from; 0: NETWORK_PORTS */
	uint8_t hairpin; /* enum network_answer (RFC 4787, section 6) */
	/* enum network_answer: an unsolicited datagram spoils the mapping towards its
	 * sender. */
	uint8_t poison;
	uint16_t mtu;   /* bytes of IP packet that pass towards the server; 0 unknown */
	uint8_t levels; /* routers with private addresses before the first public one */
	bool carrier;   /* one of them, or the own address outside, is of 100.64.0.0/10 */
	/* A mapping lives for at least and less than so many seconds of silence; 0: not
	 * measured, or no end seen. */
	uint32_t lifetime_least, lifetime_most;
};

const char *network_dependence_name(uint8_t dependence);
const char *network_allocation_name(uint8_t allocation);
const char *network_answer_name(uint8_t answer);

/* name, text, words: the usual kinds, by what they mean for a peer. */
#define NETWORK_KIND_MAP(X)                                                              \
	X(NONE, "none", "no NAT or firewall")                                            \
	X(CONE, "cone", "full cone NAT")                                                 \
	X(ADDRESS_RESTRICTED, "address-restricted", "address-restricted NAT")            \
	X(PORT_RESTRICTED, "port-restricted", "port-restricted NAT or firewall")         \
	X(SEQUENTIAL, "sequential-symmetric", "symmetric NAT with sequential ports")     \
	X(RANDOM, "random-symmetric", "symmetric NAT with random ports")

enum network_kind {
#define X(name, text, words) NETWORK_KIND_##name,
	NETWORK_KIND_MAP(X)
#undef X
		NETWORK_KIND_COUNT
};

/* The kind's short name, for programs, and in words. */
const char *network_kind_name(enum network_kind kind);
const char *network_kind_words(enum network_kind kind);

/* A network of that kind, with nothing else known of it. */
struct network network_of_kind(enum network_kind kind);

/* The kind that comes nearest. What is not known or not sure counts as the worse. */
enum network_kind network_kind(const struct network *n);

/* True if a peer that the network admits finds it at one address whatever was sent where. */
bool network_is_fixed(const struct network *n);

/* Tells allocation, delta, steps, strays and ports from mappings in the order in which they
 * were made, at most 32. local holds the port inside of each, 0 where it was used before. */
void network_judge_ports(
	struct network *n, const uint16_t *local, const uint16_t *mapped, size_t count);

#endif
