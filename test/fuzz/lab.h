/* SPDX-License-Identifier: MIT */
/* A rendezvous, a host and a guest on a network in memory, with everything that happens
 * there checked against the promises of the design. core.c plays it from an input, seeds.c
 * from scripts. */
#ifndef EYELET_FUZZ_LAB_H
#define EYELET_FUZZ_LAB_H

#include "core/event.h"
#include "core/flow.h"
#include "core/message.h"
#include "core/path.h"
#include "core/queue.h"
#include "core/session.h"
#include "core/verdict.h"
#include "fuzz/fuzz.h"

#define LAB_FLIGHTS   160  /* datagrams under way; more push the oldest out */
#define LAB_RECORDS   64   /* of the latest sent, for replays */
#define LAB_LOG       4096 /* datagrams sent, by hash; beyond, any may be genuine */
#define LAB_SOCKETS   8
#define LAB_PEOPLE    3
#define LAB_PARTS     70   /* of a datagram */
#define LAB_FLOWS     16   /* of the host */
#define LAB_SENT      256  /* payloads */
#define LAB_RULES     256  /* accounts, attempts and channels of a judge */
#define LAB_EXPIRES   20   /* calls of expire at one instant that are no busy loop */
#define LAB_SPOILT_BY 1000 /* what a spoilt mapping adds to a port */
#define LAB_BURST     100  /* datagrams of the core's own from one input or wait */

enum lab_role { LAB_RENDEZVOUS, LAB_HOST, LAB_GUEST, LAB_ROLES };

/* What the machines are like; the first bytes of an input. */
struct lab_setup {
	bool no_stun, private, unlisted; /* the rendezvous */
	bool no_services, no_attempts;   /* its tables have no room */
	bool no_relay, narrow_relay;
	bool inside;    /* its address is private, as behind a 1:1 NAT */
	bool named;     /* and it was told the public one */
	bool misnamed;  /* it goes by another address than the one dialled */
	bool wrong_key; /* the guest's */
	bool host_plain_cipher, guest_other_cipher;
	bool spoilt;    /* the host's NAT maps by destination */
	bool same_site; /* guest and host behind one NAT */
	bool v6, early, no_alts, public_host;
	bool no_nat; /* before the host */
	uint32_t guests_max, flows_max, half_open_max;
};

struct lab_datagram {
	struct addr from, to; /* as on the wire at its end */
	bool spoofed;         /* who sent it is not at `from` */
	uint8_t icmp; /* type of an ICMP error about data, sent by `from`; 0 else */
	enum lab_role about; /* whose datagram an ICMP error is about */
	struct path path;    /* and which path of its */
	size_t len;
	uint8_t *data; /* owned */
};

#define LAB_COOKIES 64 /* of the latest an address was told */

/* What a machine owes an address. */
struct lab_account {
	struct addr addr;
	uint64_t in, out, stun_in, stun_out;
	bool proved;
	uint8_t cookies[LAB_COOKIES][COOKIE_SIZE];
	unsigned cookie_count;
};

/* Punches, or a guest's hellos, of one attempt to one address. */
struct lab_attempt {
	uint8_t id[ID_SIZE];
	struct addr addr;
	uint64_t bytes, last_at;
};

/* A relay's channel, as a guest was told of it: bytes from each end, and to it. */
struct lab_channel {
	uint32_t number;
	struct addr ends[2];
	uint64_t in[2], out[2];
};

struct lab_judge {
	struct lab_account accounts[LAB_RULES];
	struct lab_attempt attempts[LAB_RULES];
	struct lab_channel channels[LAB_RULES];
	unsigned account_count, attempt_count, channel_count;
};

struct lab_machine {
	enum lab_role role;
	void *core;
	struct addr local, public, v6; /* port 0 */
	struct {
		bool open;
		struct addr bound; /* local address and port */
	} sockets[LAB_SOCKETS];
	uint16_t moved; /* what its NAT adds to its ports since it forgot the mappings */
	struct lab_judge judge;
	unsigned outputs; /* since the last input or wait */
};

/* A payload that was sent. */
struct lab_sent {
	bool to_host, delivered;
	uint16_t flow;
	uint64_t hash;
	size_t len;
};

/* Somebody who runs the guest. */
struct lab_person {
	uint8_t identity[CRYPTO_KEY_SIZE], public[CRYPTO_KEY_SIZE];
	uint32_t number; /* that the host gave; 0 before */
};

struct lab {
	struct lab_setup setup;
	struct dice dice;
	uint64_t now;
	struct lab_machine machines[LAB_ROLES];
	struct credentials guest_credentials;
	struct service service; /* with the instance of the host that runs now */
	struct lab_person people[LAB_PEOPLE];
	unsigned person;  /* who runs the guest now */
	size_t mtu;       /* UDP payload that passes; 0: any */
	unsigned blocked; /* bit 0 rendezvous-host, 1 rendezvous-guest, 2 host-guest */
	struct lab_datagram flights[LAB_FLIGHTS], records[LAB_RECORDS];
	unsigned flight_count, record_count; /* records ever: a ring */
	uint64_t log[LAB_LOG], ids[LAB_LOG]; /* hashes */
	unsigned log_count, id_count;
	struct queue *queue;
	struct flow *flows[LAB_FLOWS]; /* of the host that had traffic; NULL else */
	struct lab_sent sent[LAB_SENT];
	unsigned sent_count;
	bool evil[2]; /* guest, host: seals what its application never sent */
	uint8_t token[TOKEN_SIZE]; /* of the host's lease, as last heard */
	unsigned storms;
	unsigned deadlines; /* met while waiting */
	bool trace;         /* FUZZ_TRACE is set: tells on stderr what happens */
	/* Sees every datagram that is sent; may be NULL. */
	void (*tap)(void *arg, const uint8_t *data, size_t len);
	void *tap_arg;
};

void lab_open(struct lab *lab, const struct lab_setup *setup);
void lab_close(struct lab *lab);

/* Puts a datagram on the network, copied; an address nobody has swallows it. */
void lab_send(struct lab *lab, const struct addr *from, const struct addr *to,
	const uint8_t *data, size_t len, bool spoofed);
/* Takes flight i out and hands it to whoever has its address. */
void lab_deliver(struct lab *lab, unsigned i);
void lab_drop(struct lab *lab, unsigned i);
/* Time passes, with every deadline on the way kept unless late. */
void lab_wait(struct lab *lab, uint64_t span, bool late);
/* Everything under way arrives, in order; then time goes on to the next deadline. */
void lab_run(struct lab *lab);

/* The machine's NAT forgets it, the next mapping is elsewhere; told: it notices by itself. */
void lab_move(struct lab *lab, enum lab_role role, bool told);

/* kill -9 and start again, or only the polite end of a process. */
void lab_restart(struct lab *lab, enum lab_role role);
void lab_shutdown(struct lab *lab, enum lab_role role);

/* A datagram from one of the guest's applications, or from the target in flow i. */
void lab_guest_says(struct lab *lab, unsigned app, size_t len);
void lab_host_says(struct lab *lab, unsigned i, size_t len);

/* The host is told who may come: 0 to 3 allows or denies a person, or unknown ones, or makes
 * all unknown again. */
void lab_policy(struct lab *lab, unsigned person, unsigned what);
/* The name of the rendezvous resolves anew; there is none at some of the addresses. */
void lab_resolve(struct lab *lab, enum lab_role role, unsigned which);

/* What one who holds the keys, or sits on the path, can do (lab_evil.c). */

/* A frame under the right key with any header bits and plaintext, if there is a session:
 * bit 0 control, 1 flow, 2 part, 3 a right counter in front, 4 spare, 6 and 7 epoch. */
void lab_evil_frame(struct lab *lab, enum lab_role from, uint8_t bits,
	const uint8_t *plain, size_t len);
/* Changes a byte of the sealed offer in flight i, sealed and proved anew. */
void lab_evil_offer(struct lab *lab, unsigned i, size_t at, uint8_t bits, bool newer);
/* Makes the MAC of flight i right again. */
void lab_evil_mac(struct lab *lab, unsigned i);
/* A message with the id of a record, as from the rendezvous or the other end. */
void lab_evil_message(
	struct lab *lab, unsigned record, uint8_t type, uint8_t code, enum lab_role to);
/* More hellos in an instant than the host takes without a cookie; it is slow, and so done
 * a few times at most. */
void lab_evil_storm(struct lab *lab);

/* The machine with that address, or NULL; its socket. */
struct lab_machine *lab_machine_at(
	struct lab *lab, const struct addr *to, uint32_t *socket);
struct addr lab_server(const struct lab *lab, bool v6);
/* Pulls outputs and events, keeps deadlines. */
void lab_settle(struct lab *lab, struct lab_machine *m);
/* Hands a datagram to a machine, with all checks. */
void lab_hand(struct lab *lab, struct lab_machine *m, const struct path *path,
	const uint8_t *data, size_t len, bool spoofed);
/* A machine's output becomes a flight. */
void lab_emit(struct lab *lab, struct lab_machine *m, const struct path *path,
	uint8_t ttl, const uint8_t *data, size_t len);
/* Makes a payload that is sent now, and remembers it; NULL when too many were. */
uint8_t *lab_payload(struct lab *lab, bool to_host, uint16_t flow, size_t len);
/* Requires that a payload was sent, and not delivered before. */
void lab_delivered(struct lab *lab, bool to_host, const struct delivery *d);
uint64_t lab_hash(const void *bytes, size_t len);
/* What a session's keys have seen. */
uint64_t lab_keys_state(const struct session *s);

/* What differs between the three, in lab_ROLE.c. */
struct lab_parts {
	/* Leaves m->core NULL if memory ran out. */
	void (*start)(struct lab *lab, struct lab_machine *m);
	void (*destroy)(struct lab *lab, struct lab_machine *m);
	enum verdict (*input)(struct lab *lab, struct lab_machine *m,
		const struct path *path, uint8_t *buf, size_t len,
		struct delivery *delivery);
	void (*icmp)(
		struct lab *lab, struct lab_machine *m, const struct lab_datagram *d);
	bool (*output)(struct lab *lab, struct lab_machine *m, struct datagram *d);
	void (*expire)(struct lab *lab, struct lab_machine *m);
	uint64_t (*next_timeout)(const struct lab_machine *m);
	bool (*next_event)(struct lab_machine *m, struct event *event);
	void (*add_socket)(struct lab *lab, struct lab_machine *m, uint32_t number,
		const struct addr *bound);
	void (*shutdown)(struct lab *lab, struct lab_machine *m);
	void (*event)(struct lab *lab, const struct event *event);
	void (*flush)(struct lab *lab, struct lab_machine *m);
	/* Requires that tables are within their limits. */
	void (*check)(struct lab *lab, const struct lab_machine *m);
	/* A hash of all that only a believed input may change. */
	uint64_t (*state)(const struct lab_machine *m);
	/* Its session with the other end, or NULL. */
	struct session *(*session)(const struct lab_machine *m);
	void (*network_changed)(struct lab *lab, struct lab_machine *m);
	void (*set_servers)(struct lab *lab, struct lab_machine *m,
		const struct addr *servers, size_t count);
};
extern const struct lab_parts lab_rendezvous_parts, lab_host_parts, lab_guest_parts;
const struct lab_parts *lab_parts(const struct lab_machine *m);

/* lab_trace.c: for whoever looks into a finding. */
void trace_datagram(const struct lab *lab, const char *what, const struct addr *from,
	const struct addr *to, const uint8_t *data, size_t len);
void trace_verdict(
	const struct lab *lab, const struct lab_machine *m, enum verdict verdict);
void trace_event(
	const struct lab *lab, const struct lab_machine *m, const struct event *event);

/* lab_judge.c: amplification, and where nothing may be sent. judge_relay takes what comes in
 * for a channel, before the rendezvous does. */
void judge_relay(struct lab_machine *m, const struct addr *remote, const uint8_t *data,
	size_t len);
void judge_input(struct lab *lab, struct lab_machine *m, const struct addr *remote,
	const uint8_t *data, size_t len, enum verdict verdict, bool spoofed);
void judge_output(struct lab *lab, struct lab_machine *m, const struct addr *remote,
	const uint8_t *data, size_t len);

#endif
