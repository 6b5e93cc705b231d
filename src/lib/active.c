/* SPDX-License-Identifier: MIT */
#include "lib/active.h"

#include <stdio.h>
#include <stdlib.h>

_Static_assert((int)EYELET_EFFORT_LOW == (int)EFFORT_LOW &&
		       (int)EYELET_EFFORT_NORMAL == (int)EFFORT_NORMAL &&
		       (int)EYELET_EFFORT_HIGH == (int)EFFORT_HIGH,
	"efforts differ");

static void note_readiness(struct eyelet_forwarder *f, enum event_type type)
{
	if (type == EVENT_CONNECTED || type == EVENT_REGISTERED)
		forwarder_set_ready(f, READINESS_READY);
	else if (type == EVENT_REFUSED)
		forwarder_set_ready(f, READINESS_REFUSED);
	else if (type == EVENT_LOST)
		forwarder_set_ready(f, READINESS_NONE);
}

static void on_event(void *arg, const struct event *event)
{
	struct eyelet_forwarder *f = arg;
	struct eyelet_event told;

	if (f->owns_loop)
		note_readiness(f, event->type);
	if (f->doomed || f->hooks.event == NULL)
		return;
	event_out(&told, event);
	told.flow = NULL; /* the driver's */
	f->in_hook = true;
	f->hooks.event(f->hooks.arg, f, &told);
	f->in_hook = false;
}

static void on_notice(void *arg, const char *text)
{
	struct eyelet_forwarder *f = arg;

	if (f->doomed || f->hooks.notice == NULL)
		return;
	f->in_hook = true;
	f->hooks.notice(f->hooks.arg, f, text);
	f->in_hook = false;
}

void forwarder_on_portmap(void *arg, const struct portmap_event *event)
{
	char external[ADDR_TEXT_MAX], text[256];

	addr_format(external, &event->external);
	if (event->type == PORTMAP_MAPPED)
		(void)snprintf(text, sizeof(text), "the router maps %s to us (%s)",
			external, event->protocol);
	else
		(void)snprintf(text, sizeof(text), "the router maps no port to us: %s",
			event->why);
	on_notice(arg, text);
}

struct forwarder_hooks forwarder_hooks(struct eyelet_forwarder *f)
{
	return (struct forwarder_hooks){.event = on_event, .notice = on_notice, .arg = f};
}

/* A forwarder that a hook freed ends here, where none of its driver's functions is running. */
static void on_reaper(struct ev_loop *loop, ev_timer *timer, int revents)
{
	struct eyelet_forwarder *f = timer->data;

	(void)revents;
	if (f->owns_loop)
		ev_break(loop, EVBREAK_ALL); /* the thread does the rest */
	else
		forwarder_destroy(f);
}

struct eyelet_forwarder *forwarder_new(
	struct ev_loop *loop, const struct eyelet_hooks *hooks)
{
	struct eyelet_forwarder *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->hooks = *hooks;
	f->loop = loop;
	ev_timer_init(&f->reaper, on_reaper, 0., 0.);
	f->reaper.data = f;
	if (loop == NULL && !forwarder_thread_init(f)) {
		free(f);
		return NULL;
	}
	return f;
}

void forwarder_destroy(struct eyelet_forwarder *f)
{
	f->doomed = true; /* no hook hears of the end */
	guest_driver_free(f->guest);
	host_driver_free(f->host);
	rendezvous_driver_free(f->rendezvous);
	ev_timer_stop(f->loop, &f->reaper);
	if (f->owns_loop)
		forwarder_thread_fini(f);
	free(f);
}

void eyelet_forwarder_free(struct eyelet_forwarder *f)
{
	if (f == NULL)
		return;
	if (forwarder_calls(f)) {
		f->doomed = true;
		ev_timer_start(f->loop, &f->reaper);
		return;
	}
	if (f->owns_loop)
		(void)eyelet_forwarder_stop_thread(f);
	forwarder_destroy(f);
}

int forwarder_give(struct eyelet_forwarder **out, struct eyelet_forwarder *f, int error,
	const char **why, const char *reason)
{
	if (why != NULL)
		*why = error == EYELET_OK ? NULL
		       : reason != NULL   ? reason
					  : eyelet_strerror(error);
	*out = error == EYELET_OK ? f : NULL;
	if (error != EYELET_OK && f != NULL)
		forwarder_destroy(f);
	return error;
}

static bool bound(const struct eyelet_forwarder *f, size_t i, struct addr *addr)
{
	if (f->guest != NULL)
		return guest_driver_listen(f->guest, i, addr);
	if (f->host != NULL)
		return host_driver_bound(f->host, i, addr);
	return rendezvous_driver_listen(f->rendezvous, i, addr);
}

int eyelet_forwarder_bound(struct eyelet_forwarder *f, size_t i, struct eyelet_addr *addr)
{
	struct addr core;
	bool found;

	eyelet_forwarder_lock(f);
	found = bound(f, i, &core);
	eyelet_forwarder_unlock(f);
	if (!found)
		return EYELET_EINVAL;
	*addr = addr_out(&core);
	return EYELET_OK;
}

void eyelet_forwarder_get_counts(
	struct eyelet_forwarder *f, struct eyelet_forwarder_counts *counts)
{
	struct forwarder_counts core = {.queue_dropped = 0};

	eyelet_forwarder_lock(f);
	if (f->guest != NULL)
		guest_driver_get_counts(f->guest, &core);
	else if (f->host != NULL)
		host_driver_get_counts(f->host, &core);
	eyelet_forwarder_unlock(f);
	*counts = (struct eyelet_forwarder_counts){.queue_dropped = core.queue_dropped,
		.send_failed = core.send_failed,
		.held = core.pacing.held,
		.expired = core.pacing.dropped,
		.overrun = core.pacing.overrun};
}

struct eyelet_guest *eyelet_forwarder_guest(struct eyelet_forwarder *f)
{
	return f->guest != NULL ? (void *)guest_driver_core(f->guest) : NULL;
}

struct eyelet_host *eyelet_forwarder_host(struct eyelet_forwarder *f)
{
	return f->host != NULL ? (void *)host_driver_core(f->host) : NULL;
}

struct eyelet_rendezvous *eyelet_forwarder_rendezvous(struct eyelet_forwarder *f)
{
	return f->rendezvous != NULL ? (void *)rendezvous_driver_core(f->rendezvous)
				     : NULL;
}
