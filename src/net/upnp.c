/* SPDX-License-Identifier: MIT */
#ifdef EYELET_UPNP

#include "net/upnp.h"

#include <errno.h>
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net/system.h"

#define DISCOVER_WAIT 2000 /* ms for devices to answer */
#define LEASE         "7200"
#define LEASE_NONE    "0" /* for good: what old routers insist on */
#define AGAIN         600 /* s until it is made again, or tried again */
#define CONFLICTS     3   /* other ports tried where one is taken */
#define TEXT          48  /* room for an address or a number */

/* Errors of the service WANIPConnection. */
#define ERROR_CONFLICT 718

/* Both sides hold it; whoever lets go last frees it. */
struct upnp {
	pthread_mutex_t lock; /* over all up to events */
	pthread_cond_t changed;
	unsigned holders;
	bool stopping;        /* the thread is to end */
	bool ended;           /* it has */
	bool owes;            /* it has a mapping to remove, or may have one soon */
	struct ev_loop *loop; /* NULL: nobody listens any more */
	struct portmap_event events[2];
	unsigned event_count;
	ev_async async; /* the rest is one side's only: of the loop */
	void (*event)(void *arg, const struct portmap_event *event);
	void *arg;
	char own[TEXT]; /* of the thread */
	uint16_t port;
	bool mapped;
	struct addr external;
	struct UPNPUrls urls;
	struct IGDdatas device;
	char lan[64];
};

bool upnp_available(void)
{
	return true;
}

/* Returns with the lock released. */
static void let_go(struct upnp *u)
{
	bool last = --u->holders == 0;

	pthread_mutex_unlock(&u->lock);
	if (!last)
		return;
	pthread_cond_destroy(&u->changed);
	pthread_mutex_destroy(&u->lock);
	free(u);
}

/* The thread. */

static void tell(struct upnp *u, enum portmap_event_type type, const char *why)
{
	struct portmap_event *e;

	pthread_mutex_lock(&u->lock);
	if (u->event_count == 2) { /* the loop is slow: the newest matter */
		u->events[0] = u->events[1];
		u->event_count = 1;
	}
	e = &u->events[u->event_count++];
	*e = (struct portmap_event){.type = type,
		.port = u->port,
		.external = u->external,
		.protocol = "UPnP",
		.why = why};
	if (u->loop != NULL)
		ev_async_send(u->loop, &u->async);
	pthread_mutex_unlock(&u->lock);
}

static bool is_stopping(struct upnp *u)
{
	bool stopping;

	pthread_mutex_lock(&u->lock);
	stopping = u->stopping;
	pthread_mutex_unlock(&u->lock);
	return stopping;
}

static void set_owes(struct upnp *u, bool owes)
{
	pthread_mutex_lock(&u->lock);
	u->owes = owes;
	pthread_mutex_unlock(&u->lock);
}

/* What UPNP_GetValidIGD returns for a device that is of use. */
static bool find_device(struct upnp *u)
{
	struct UPNPDev *devices;
	int error, found;

	devices = upnpDiscover(
		DISCOVER_WAIT, u->own, NULL, UPNP_LOCAL_PORT_ANY, 0, 2, &error);
	if (devices == NULL)
		return false;
#if MINIUPNPC_API_VERSION >= 18
	found = UPNP_GetValidIGD(
		devices, &u->urls, &u->device, u->lan, sizeof(u->lan), NULL, 0);
#else
	found = UPNP_GetValidIGD(devices, &u->urls, &u->device, u->lan, sizeof(u->lan));
#endif
	freeUPNPDevlist(devices);
	if (found > 1)
		FreeUPNPUrls(&u->urls);
	return found == 1;
}

static int add(struct upnp *u, uint16_t external, const char *lease)
{
	char inside[TEXT], outside[TEXT];

	snprintf(inside, sizeof(inside), "%u", u->port);
	snprintf(outside, sizeof(outside), "%u", external);
	return UPNP_AddPortMapping(u->urls.controlURL, u->device.first.servicetype,
		outside, inside, u->lan, "eyelet", "UDP", NULL, lease);
}

static int add_any(struct upnp *u, uint16_t external)
{
	int error = add(u, external, LEASE);

	return error == UPNPCOMMAND_SUCCESS || error == ERROR_CONFLICT
		       ? error
		       : add(u, external, LEASE_NONE);
}

static uint16_t other_port(void)
{
	uint16_t port;

	random_fill(NULL, (uint8_t *)&port, sizeof(port));
	return (uint16_t)(49152 + port % 16384);
}

/* Returns NULL, with the port in u->external, or why not. */
static const char *map(struct upnp *u)
{
	uint16_t external = u->mapped ? u->external.port : u->port;
	int error = add_any(u, external);

	for (unsigned i = 0; error == ERROR_CONFLICT && i < CONFLICTS; i++) {
		external = other_port();
		error = add_any(u, external);
	}
	u->external.port = external;
	return error == UPNPCOMMAND_SUCCESS ? NULL : "the router refuses by UPnP";
}

static bool read_external(struct upnp *u, struct addr *external)
{
	char text[TEXT] = "";

	return UPNP_GetExternalIPAddress(u->urls.controlURL, u->device.first.servicetype,
		       text) == UPNPCOMMAND_SUCCESS &&
	       addr_parse(external, text, 0) && external->family == ADDR_V4 &&
	       !addr_is_unspecified(external);
}

static void unmap(struct upnp *u)
{
	char outside[TEXT];

	snprintf(outside, sizeof(outside), "%u", u->external.port);
	(void)UPNP_DeletePortMapping(
		u->urls.controlURL, u->device.first.servicetype, outside, "UDP", NULL);
}

/* Makes the mapping with a device that was found, or makes it again. Returns NULL or why
 * not; *nested says that the external address is private. */
static const char *use_device(struct upnp *u, bool *nested)
{
	struct addr external, before = u->external;
	const char *why;

	if (!read_external(u, &external))
		return "the router knows no address of its own";
	external.port = before.port;
	*nested = !portmap_is_global(&external);
	if (*nested) {
		u->external = external;
		return "another NAT stands before the router";
	}
	set_owes(u, true);
	u->external = external;
	why = map(u);
	if (why == NULL && (!u->mapped || !addr_equal(&before, &u->external)))
		tell(u, PORTMAP_MAPPED, NULL);
	u->mapped = why == NULL;
	return why;
}

static void work(struct upnp *u)
{
	const char *why = "no UPnP device answers";
	bool was_mapped = u->mapped, nested = false;

	if (u->mapped || (find_device(u) && !is_stopping(u)))
		why = use_device(u, &nested);
	if (why == NULL)
		return;
	if (was_mapped)
		tell(u, PORTMAP_LOST, why);
	tell(u, nested ? PORTMAP_NESTED : PORTMAP_FAILED, why);
	if (was_mapped)
		unmap(u);
	FreeUPNPUrls(&u->urls);
	memset(&u->urls, 0, sizeof(u->urls));
	u->mapped = false;
	u->external = (struct addr){.family = ADDR_NONE};
	set_owes(u, false);
}

/* Waits until it is time to work again; returns false if it is time to end. */
static bool rest(struct upnp *u)
{
	struct timespec until;
	bool stopping;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += AGAIN;
	pthread_mutex_lock(&u->lock);
	while (!u->stopping &&
		pthread_cond_timedwait(&u->changed, &u->lock, &until) != ETIMEDOUT)
		;
	stopping = u->stopping;
	pthread_mutex_unlock(&u->lock);
	return !stopping;
}

static void *run(void *arg)
{
	struct upnp *u = arg;

	do
		work(u);
	while (!is_stopping(u) && rest(u));
	if (u->mapped)
		unmap(u);
	FreeUPNPUrls(&u->urls);
	pthread_mutex_lock(&u->lock);
	u->ended = true;
	pthread_cond_broadcast(&u->changed);
	let_go(u);
	return NULL;
}

/* The loop's side. */

static void on_async(struct ev_loop *loop, ev_async *async, int revents)
{
	struct upnp *u = async->data;
	struct portmap_event events[2];
	unsigned count;

	(void)loop, (void)revents;
	pthread_mutex_lock(&u->lock);
	count = u->event_count;
	memcpy(events, u->events, sizeof(events));
	u->event_count = 0;
	u->holders++; /* a callback may stop it */
	pthread_mutex_unlock(&u->lock);
	for (unsigned i = 0; i < count && u->loop != NULL; i++)
		u->event(u->arg, &events[i]);
	pthread_mutex_lock(&u->lock);
	let_go(u);
}

/* Signals are the loop's. */
static bool start_thread(struct upnp *u)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&thread, &attributes, run, u);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error == 0;
}

struct upnp *upnp_start(struct ev_loop *loop, const struct addr *own, uint16_t port,
	void (*event)(void *arg, const struct portmap_event *event), void *arg)
{
	struct upnp *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return NULL;
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->changed, NULL);
	u->holders = 2;
	u->loop = loop;
	u->event = event;
	u->arg = arg;
	u->port = port;
	snprintf(u->own, sizeof(u->own), "%u.%u.%u.%u", own->ip[0], own->ip[1],
		own->ip[2], own->ip[3]);
	ev_async_init(&u->async, on_async);
	u->async.data = u;
	ev_async_start(loop, &u->async);
	if (start_thread(u))
		return u;
	u->holders = 1;
	upnp_stop(u, 0);
	return NULL;
}

void upnp_stop(struct upnp *u, uint64_t wait)
{
	struct timespec until;

	if (u == NULL)
		return;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)(wait / SECOND);
	ev_async_stop(u->loop, &u->async);
	pthread_mutex_lock(&u->lock);
	u->loop = NULL;
	u->stopping = true;
	pthread_cond_broadcast(&u->changed);
	while (wait > 0 && u->owes && !u->ended &&
		pthread_cond_timedwait(&u->changed, &u->lock, &until) != ETIMEDOUT)
		;
	let_go(u);
}

#endif
