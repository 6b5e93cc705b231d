/* SPDX-License-Identifier: MIT */
/* What both parts of libeyelet speak of: errors, time and randomness, addresses and datagrams,
 * secrets and tickets, verdicts and events. Part of eyelet.h, which includes it and says what
 * holds all over the library. */
#ifndef EYELET_BASICS_H
#define EYELET_BASICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef EYELET_API
#if defined(__GNUC__)
#define EYELET_API __attribute__((visibility("default")))
#else
#define EYELET_API
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Version and errors. */

#define EYELET_VERSION_MAJOR 0
#define EYELET_VERSION_MINOR 1
#define EYELET_VERSION_PATCH 0
/* To compare with: 0xMMmmpp. */
#define EYELET_VERSION_NUMBER                                                            \
	(EYELET_VERSION_MAJOR << 16 | EYELET_VERSION_MINOR << 8 | EYELET_VERSION_PATCH)

/* Returns the EYELET_VERSION_NUMBER of the library that runs, which may be newer than the
 * header. */
EYELET_API uint32_t eyelet_version(void);
/* The same as text, "0.1.0". */
EYELET_API const char *eyelet_version_text(void);

/* name, value, sentence */
#define EYELET_ERROR_MAP(X)                                                              \
	X(INVAL, -1, "an argument is out of its range")                                  \
	X(NOMEM, -2, "out of memory")                                                    \
	X(TICKET, -3, "this is no ticket")                                               \
	X(ADDRESS, -4, "this is no address")                                             \
	X(RESOLVE, -5, "no rendezvous has a name that resolves")                         \
	X(SOCKET, -6, "a socket cannot be had")                                          \
	X(NOTCONN, -7, "there is no session to send by")                                 \
	X(REFUSED, -8, "the host refuses")                                               \
	X(TIMEDOUT, -9, "the time has run out")                                          \
	X(THREAD, -10, "a thread cannot be had")                                         \
	X(BUSY, -11, "that is going on already")

enum eyelet_error {
	EYELET_OK = 0,
#define EYELET_X(name, value, text) EYELET_E##name = value,
	EYELET_ERROR_MAP(EYELET_X)
#undef EYELET_X
};

/* Returns the static sentence of an error; one for unknown values too. */
EYELET_API const char *eyelet_strerror(int error);

/* Time and randomness. */

#define EYELET_SECOND UINT64_C(1000000000)
#define EYELET_NEVER  UINT64_MAX

/* Returns CLOCK_BOOTTIME (where there is none CLOCK_MONOTONIC) in nanoseconds. The passive
 * part does not call it; it is here for those who drive it. */
EYELET_API uint64_t eyelet_now(void);

/* Where an object takes its randomness from: fill writes len unpredictable bytes and cannot
 * fail. A test that gives a seeded one decides everything. */
struct eyelet_entropy {
	void (*fill)(void *arg, uint8_t *bytes, size_t len);
	void *arg; /* the caller's, given to fill; outlives the object */
};

/* A fill that reads the system's randomness; arg is ignored. Aborts if the system has
 * none. */
EYELET_API void eyelet_random(void *arg, uint8_t *bytes, size_t len);

/* Overwrites len bytes with zeros in a way that compilers keep. */
EYELET_API void eyelet_wipe(void *bytes, size_t len);

/* Addresses, paths, datagrams. */

#define EYELET_ADDR_NONE 0
#define EYELET_ADDR_V4   4
#define EYELET_ADDR_V6   6

/* A transport address. All bytes count when two are compared: begin with zeros. */
struct eyelet_addr {
	uint8_t family;   /* EYELET_ADDR_... */
	uint8_t reserved; /* 0 */
	uint16_t port;    /* host byte order */
	uint32_t scope;   /* interface index of a link-local IPv6 address, else 0 */
	uint8_t ip[16];   /* network byte order; IPv4 in the first 4, the rest 0 */
};

/* Reads "1.2.3.4", "1.2.3.4:5", "2001:db8::1" or "[2001:db8::1]:5"; a text without port gets
 * default_port. Names are not resolved. EYELET_EADDRESS, with *addr untouched. */
EYELET_API int eyelet_addr_parse(
	struct eyelet_addr *addr, const char *text, uint16_t default_port);

/* Writes "1.2.3.4:5" or "[2001:db8::1]:5" (RFC 5952), "-" without a family, into
 * EYELET_ADDR_TEXT_MAX bytes and returns text. */
#define EYELET_ADDR_TEXT_MAX 64
EYELET_API const char *eyelet_addr_format(char *text, const struct eyelet_addr *addr);

/* Converts from and to the system's struct sockaddr_in and sockaddr_in6. The first returns
 * EYELET_EADDRESS for other families; the second writes into size bytes (a struct
 * sockaddr_storage is enough) and returns the length, or EYELET_EADDRESS without a family,
 * or EYELET_EINVAL for too little room. */
struct sockaddr;
EYELET_API int eyelet_addr_from_sockaddr(
	struct eyelet_addr *addr, const struct sockaddr *from);
EYELET_API int eyelet_addr_to_sockaddr(
	const struct eyelet_addr *addr, struct sockaddr *to, size_t size);

/* A (local socket, remote address) pair. */
struct eyelet_path {
	uint32_t socket;  /* the caller's number of the socket */
	uint32_t ifindex; /* interface it came in by; 0 lets the kernel choose */
	struct eyelet_addr
		local; /* own address; EYELET_ADDR_NONE lets the kernel choose */
	struct eyelet_addr remote; /* the other end, or the relay on the way there */
	/* Of the relay; 0 without one. Only told: a datagram to be sent has it in its bytes
	 * already, and one that comes in is given with 0 here. */
	uint32_t channel;
};

#define EYELET_DATAGRAM_MAX 1480  /* longest one that X_output gives, bytes */
#define EYELET_PAYLOAD_MAX  65507 /* longest application datagram, bytes */
#define EYELET_OVERHEAD     32    /* most bytes that sealing adds to one part */

/* A datagram the protocol wants sent. */
struct eyelet_datagram {
	struct eyelet_path path;
	uint8_t ttl;  /* TTL or hop limit to send with; 0 is the system's default */
	uint8_t tos;  /* TOS or traffic class octet */
	uint16_t len; /* bytes of data */
	uint8_t data[EYELET_DATAGRAM_MAX];
};

/* Secrets, keys, tickets. */

#define EYELET_KEY_SIZE     32
#define EYELET_SERVICE_SIZE 96
#define EYELET_SECRET_SIZE  16

/* All a host needs to be a service: what names it, authorises registering, and the secret
 * that its guests know. Keep these bytes, secret, and the host is the same after a restart.
 * The last 16 tell it from other hosts of the same service. */
struct eyelet_service {
	uint8_t bytes[EYELET_SERVICE_SIZE];
};

/* Makes a new service. */
EYELET_API int eyelet_service_generate(
	struct eyelet_service *service, const struct eyelet_entropy *entropy);

/* Derives the service of a text key, as "KEY" or "name:PASSPHRASE", by scrypt: takes 0.1 s
 * and 32 MB. Whoever knows the key can pose as the host; see eyelet_key_strength. The last
 * 16 bytes are drawn from entropy. EYELET_ENOMEM. */
EYELET_API int eyelet_service_from_key(struct eyelet_service *service, const char *key,
	const struct eyelet_entropy *entropy);

/* Writes a new text key of 128 random bits, with its NUL, into EYELET_KEY_TEXT_MAX bytes. */
#define EYELET_KEY_TEXT_MAX 40
EYELET_API int eyelet_key_generate(char *text, const struct eyelet_entropy *entropy);

/* Returns how many bits a text key is worth, by a pessimistic estimate. Below 40 a host
 * should refuse to go by it. */
EYELET_API unsigned eyelet_key_strength(const char *key);

/* What a guest knows of a service. */
#define EYELET_SERVERS_MAX 256 /* bytes of the list, with its NUL */
struct eyelet_ticket {
	uint8_t service[EYELET_KEY_SIZE];   /* Ed25519 public key: the service's name */
	uint8_t secret[EYELET_SECRET_SIZE]; /* whoever has it can reach the host */
	/* Where to meet: HOST, HOST:PORT, ADDR:PORT or [V6]:PORT, comma-separated; the last
	 * three may end in ":TLSPORT", which this library leaves out of account */
	char servers[EYELET_SERVERS_MAX];
};

/* Makes the ticket of a service, or of a text key (as eyelet_service_from_key), that meets
 * at servers. EYELET_ETICKET if the list has other characters than names and addresses, is
 * empty or too long; EYELET_ENOMEM. */
EYELET_API int eyelet_ticket_from_service(struct eyelet_ticket *ticket,
	const struct eyelet_service *service, const char *servers);
EYELET_API int eyelet_ticket_from_key(
	struct eyelet_ticket *ticket, const char *key, const char *servers);

/* Writes the line "eyelet:...", with its NUL, into EYELET_TICKET_TEXT_MAX bytes.
 * EYELET_ETICKET if the list of servers is none. */
#define EYELET_TICKET_TEXT_MAX 328
EYELET_API int eyelet_ticket_encode(char *text, const struct eyelet_ticket *ticket);

/* Reads such a line; white space around it is ignored. EYELET_ETICKET, with *why (unless why
 * is NULL) a static part of a sentence that says what is wrong with it. */
EYELET_API int eyelet_ticket_decode(
	struct eyelet_ticket *ticket, const char *text, const char **why);

/* Writes and reads the name of a service in logs and lists of allowed ones, 43 characters
 * and a NUL. EYELET_ETICKET if the text is no such name. */
#define EYELET_SERVICE_NAME_MAX 44
EYELET_API void eyelet_service_name_encode(
	char *text, const uint8_t service[EYELET_KEY_SIZE]);
EYELET_API int eyelet_service_name_decode(
	uint8_t service[EYELET_KEY_SIZE], const char *text);

/* Computes what a host sees of a guest's identity (X25519: the public key of the secret). */
EYELET_API void eyelet_identity_public(
	uint8_t public_key[EYELET_KEY_SIZE], const uint8_t identity[EYELET_KEY_SIZE]);

/* Verdicts and events. */

/* What became of a datagram: name, text */
#define EYELET_VERDICT_MAP(X)                                                            \
	X(CONSUMED, "consumed")                                                          \
	X(DELIVER, "deliver")                                                            \
	X(DROP_MALFORMED, "malformed")                                                   \
	X(DROP_UNKNOWN_TYPE, "unknown-type")                                             \
	X(DROP_VERSION, "version")                                                       \
	X(DROP_UNSOLICITED, "unsolicited")                                               \
	X(DROP_NO_SESSION, "no-session")                                                 \
	X(DROP_REPLAY, "replay")                                                         \
	X(DROP_FORGED, "forged")                                                         \
	X(DROP_STALE, "stale")                                                           \
	X(DROP_LIMIT, "limit")                                                           \
	X(DROP_MEMORY, "memory")                                                         \
	X(DROP_NOT_ALLOWED, "not-allowed")

enum eyelet_verdict {
#define EYELET_X(name, text) EYELET_VERDICT_##name,
	EYELET_VERDICT_MAP(EYELET_X)
#undef EYELET_X
		EYELET_VERDICT_COUNT
};

#define EYELET_VERDICTS_MAX 32 /* room for more in the counters below */

EYELET_API const char *eyelet_verdict_name(enum eyelet_verdict verdict);

/* What there is to do or to hear of: name, text. Those that ask the passive part's user to do
 * something come first; the active part does them by itself, and tells. */
#define EYELET_EVENT_MAP(X)                                                                 \
	/* open a public socket of addr.family and give it number by X_add_socket */        \
	X(SOCKET_WANTED, "socket-wanted")                                                   \
	/* close the socket with this number */                                             \
	X(SOCKET_DONE, "socket-done")                                                       \
	/* flow ends: what its user pointer holds is to be released */                      \
	X(FLOW_CLOSED, "flow-closed")                                                       \
	/* host: remember that the guest with this identity has this number */              \
	X(GUEST_NEW, "guest-new")                                                           \
	/* host: a lease is held at addr; peer is the own address as observed there */      \
	X(REGISTERED, "registered")                                                         \
	/* host: the rendezvous at addr lost the lease or went silent; why */               \
	X(LEASE_LOST, "lease-lost")                                                         \
	/* host: the rendezvous at addr says no; number for eyelet_refusal_text */          \
	X(LEASE_REFUSED, "lease-refused")                                                   \
	/* host: the own mapping differs by destination: at peer, and addr */               \
	X(MAPPING_SPOILT, "mapping-spoilt")                                                 \
	/* host: number NATs of its own stand before the rendezvous */                      \
	X(LEVELS_COUNTED, "levels-counted")                                                 \
	/* host: a guest asks; number addresses are punched */                              \
	X(PUNCHING, "punching")                                                             \
	/* host: guest number is connected over path; span since it asked */                \
	X(GUEST_CONNECTED, "guest-connected")                                               \
	/* host: guest number now sends from path */                                        \
	X(GUEST_MOVED, "guest-moved")                                                       \
	/* host: guest number is gone; why */                                               \
	X(GUEST_GONE, "guest-gone")                                                         \
	/* host: a guest at path was refused; number for eyelet_host_refusal_text; why */   \
	X(GUEST_REFUSED, "guest-refused")                                                   \
	/* host: a further flow of guest number was refused; why */                         \
	X(FLOW_REFUSED, "flow-refused")                                                     \
	/* guest: asking the rendezvous at addr; number is the try, from 0 */               \
	X(ASKING, "asking")                                                                 \
	/* guest: the rendezvous at addr answers; peer is the own address observed there */ \
	X(OBSERVED, "observed")                                                             \
	/* guest: the service is known at addr */                                           \
	X(SERVICE_FOUND, "service-found")                                                   \
	/* guest: the rendezvous at addr says no; number for eyelet_refusal_text */         \
	X(ASK_REFUSED, "ask-refused")                                                       \
	/* guest: the host answered; number addresses are tried */                          \
	X(HOST_FOUND, "host-found")                                                         \
	/* guest: many ports are tried at once to reach peer, number probes within span */  \
	X(TRYING, "trying")                                                                 \
	/* guest: connected over path; span since the attempt began */                      \
	X(CONNECTED, "connected")                                                           \
	/* guest: no direct path was found in number attempts: the relay stays, for now */  \
	X(RELAYED, "relayed")                                                               \
	/* guest: the host now sends from path */                                           \
	X(MOVED, "moved")                                                                   \
	/* guest: the session went silent or was ended; why; it tries again by itself */    \
	X(LOST, "lost")                                                                     \
	/* guest: the host says no; number for eyelet_host_refusal_text */                  \
	X(REFUSED, "refused")                                                               \
	/* either: addr speaks version number of the protocol, and not ours */              \
	X(VERSION_MISMATCH, "version-mismatch")                                             \
	/* rendezvous: a limit is reached; why; number times, the last for addr */          \
	X(LIMIT_REACHED, "limit-reached")

enum eyelet_event_type {
#define EYELET_X(name, text) EYELET_EVENT_##name,
	EYELET_EVENT_MAP(EYELET_X)
#undef EYELET_X
		EYELET_EVENT_COUNT
};

struct eyelet_flow;

struct eyelet_event {
	enum eyelet_event_type type;
	uint32_t number;
	struct eyelet_addr addr, peer;
	struct eyelet_path path; /* a direct one if its channel is 0, else over a relay */
	uint64_t span;           /* ns */
	const char *why;         /* static text, or NULL */
	/* Of FLOW_CLOSED: valid until the next call of X_next_event; NULL in the active part. */
	struct eyelet_flow *flow;
	uint8_t identity[EYELET_KEY_SIZE]; /* public, of the guest meant */
};

EYELET_API const char *eyelet_event_name(enum eyelet_event_type type);

/* Return the static sentence of a refusal by a rendezvous, or by a host. */
EYELET_API const char *eyelet_refusal_text(uint32_t number);
EYELET_API const char *eyelet_host_refusal_text(uint32_t number);

#ifdef __cplusplus
}
#endif

#endif
