/* SPDX-License-Identifier: MIT */
/* The usual set-up: rendezvous, a host and a guest, each at a site of its own, and what
 * trials ask of them. */
#ifndef EYELET_SIM_LAB_H
#define EYELET_SIM_LAB_H

#include "sim/machine.h"
#include "sim/trial.h"

#define LAB_RENDEZVOUS 3

struct lab_config {
	enum guard host, guest;
	struct link_config host_access, guest_access, rendezvous_access;
	unsigned rendezvous; /* how many */
	unsigned hops;       /* routers of the internet */
	bool streams;        /* host and guest know them by TCP and TLS as well */
	struct site *(*make_host_site)(
		struct world *w, void *arg); /* in place of the guard */
	struct site *(*make_guest_site)(struct world *w, void *arg);
	void *arg;
};

struct lab {
	struct trial *trial;
	struct world *w;
	struct site *host_site, *guest_site;
	struct machine *rendezvous[LAB_RENDEZVOUS];
	unsigned rendezvous_count;
	struct machine *host, *guest;
	bool streams;
	uint64_t registered_within; /* the host must be; a second, or what is set */
	uint64_t guest_started_at;
};

/* 10 ms to the host, 15 to the guest, 5 to the rendezvous, one way each; three hops. */
struct lab_config lab_config_of(enum guard host, enum guard guest);

/* Makes everything, starts nothing. The seed is the trial's, plus that. */
void lab_init(
	struct lab *l, struct trial *t, const struct lab_config *config, uint64_t seed);

/* Tells the trial what failed, with the label before it, and frees all. */
__attribute__((format(printf, 2, 3))) void lab_fini(
	struct lab *l, const char *label, ...);

/* Another guest of the host's service at that site, knowing the lab's rendezvous. */
struct machine *lab_guest(struct lab *l, struct site *site, const char *name);

/* Starts the rendezvous, then the host, which must register within registered_within. */
void lab_start(struct lab *l);

/* Starts the guest, which must connect within span. Returns how long it took. */
uint64_t lab_connect(struct lab *l, uint64_t span);

/* start, then connect. */
uint64_t lab_up(struct lab *l, uint64_t span);

/* True once m saw count events of that type. */
bool wait_event(struct machine *m, enum event_type type, uint64_t count, uint64_t span);
bool wait_connected(struct machine *guest, uint64_t span);
bool is_connected(void *guest);

/* True if the guest's last session goes over a relay. */
bool is_relayed(const struct machine *guest);
/* True once one of its sessions does not. */
bool wait_direct(const struct machine *guest, uint64_t span);

/* True once an echo came of a datagram sent at or after that time. */
bool wait_echo(struct world *w, struct app *app, uint64_t sent_at, uint64_t span);
/* True once as many echoes came as datagrams went. */
bool wait_all(struct world *w, struct app *app, uint64_t span);

/* Fails unless everything sent by app was delivered and came back, once. */
void require_all(struct world *w, const struct app *app);

/* ns as milliseconds, for a message. */
double ms(uint64_t span);

/* Kills the first rendezvous, over which the guest's traffic goes, ten times, and starts it
 * anew: there is traffic again within 5 s each time. */
void lab_restart_relay(struct lab *l, struct trial *t);

#endif
