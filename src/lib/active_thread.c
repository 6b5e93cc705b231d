/* SPDX-License-Identifier: MIT */
#include "lib/active.h"

#include <signal.h>
#include <time.h>

#ifdef __APPLE__
#define WAIT_CLOCK CLOCK_REALTIME /* it has no pthread_condattr_setclock */
#else
#define WAIT_CLOCK CLOCK_MONOTONIC
#endif
#define WAIT_MAX (1000000 * SECOND) /* more is the same, and would overflow */

/* The lock. */

/* An address that is another one in each thread. */
static const void *own_mark(void)
{
	static _Thread_local char mark;

	return &mark;
}

static void lock_take(struct forwarder_lock *lock)
{
	if (atomic_load(&lock->owner) == own_mark()) {
		lock->depth++;
		return;
	}
	pthread_mutex_lock(&lock->next);
	pthread_mutex_lock(&lock->held);
	pthread_mutex_unlock(&lock->next);
	atomic_store(&lock->owner, own_mark());
	lock->depth = 1;
}

static void lock_leave(struct forwarder_lock *lock)
{
	if (--lock->depth > 0)
		return;
	atomic_store(&lock->owner, NULL);
	pthread_mutex_unlock(&lock->held);
}

void eyelet_forwarder_lock(struct eyelet_forwarder *f)
{
	if (f->owns_loop)
		lock_take(&f->lock);
}

void eyelet_forwarder_unlock(struct eyelet_forwarder *f)
{
	if (f->owns_loop)
		lock_leave(&f->lock);
}

static bool holds_lock(const struct eyelet_forwarder *f)
{
	return atomic_load(&f->lock.owner) == own_mark();
}

bool forwarder_calls(const struct eyelet_forwarder *f)
{
	if (f->owns_loop && !holds_lock(f))
		return false;
	return f->in_hook;
}

/* Its own loop. */

static void on_wake(struct ev_loop *loop, ev_async *wake, int revents)
{
	const struct eyelet_forwarder *f = wake->data;

	(void)revents;
	if (f->stopping)
		ev_break(loop, EVBREAK_ALL);
}

static void before_sleep(struct ev_loop *loop) EV_NOEXCEPT
{
	struct eyelet_forwarder *f = ev_userdata(loop);

	lock_leave(&f->lock);
}

static void after_sleep(struct ev_loop *loop) EV_NOEXCEPT
{
	struct eyelet_forwarder *f = ev_userdata(loop);

	lock_take(&f->lock);
}

static void init_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
#ifndef __APPLE__
	pthread_condattr_setclock(&attributes, WAIT_CLOCK);
#endif
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

bool forwarder_thread_init(struct eyelet_forwarder *f)
{
	f->loop = ev_loop_new(EVFLAG_AUTO);
	if (f->loop == NULL)
		return false;
	f->owns_loop = true;
	pthread_mutex_init(&f->lock.held, NULL);
	pthread_mutex_init(&f->lock.next, NULL);
	pthread_mutex_init(&f->control, NULL);
	pthread_mutex_init(&f->ready_mutex, NULL);
	init_condition(&f->ready_changed);
	ev_async_init(&f->wake, on_wake);
	f->wake.data = f;
	ev_async_start(f->loop, &f->wake);
	ev_set_userdata(f->loop, f);
	ev_set_loop_release_cb(f->loop, before_sleep, after_sleep);
	return true;
}

void forwarder_thread_fini(struct eyelet_forwarder *f)
{
	ev_async_stop(f->loop, &f->wake);
	ev_loop_destroy(f->loop);
	pthread_cond_destroy(&f->ready_changed);
	pthread_mutex_destroy(&f->ready_mutex);
	pthread_mutex_destroy(&f->control);
	pthread_mutex_destroy(&f->lock.next);
	pthread_mutex_destroy(&f->lock.held);
}

/* The thread. */

static void *run(void *arg)
{
	struct eyelet_forwarder *f = arg;
	bool doomed;

	lock_take(&f->lock);
	ev_run(f->loop, 0);
	doomed = f->doomed;
	lock_leave(&f->lock);
	if (doomed) {
		pthread_mutex_lock(&f->control); /* who started it may not be done yet */
		pthread_mutex_unlock(&f->control);
		pthread_detach(pthread_self());
		forwarder_destroy(f);
	}
	return NULL;
}

/* Signals are the program's affair: none is to interrupt the forwarder. */
static int create_thread(struct eyelet_forwarder *f)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&f->thread, NULL, run, f);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error == 0 ? EYELET_OK : EYELET_ETHREAD;
}

int eyelet_forwarder_start_thread(struct eyelet_forwarder *f)
{
	int error = EYELET_EBUSY;

	if (!f->owns_loop)
		return EYELET_EINVAL;
	if (holds_lock(f)) /* a hook, or who would wait for itself */
		return EYELET_EBUSY;
	pthread_mutex_lock(&f->control);
	if (!f->running) {
		error = create_thread(f);
		f->running = error == EYELET_OK;
	}
	pthread_mutex_unlock(&f->control);
	return error;
}

static void set_stopping(struct eyelet_forwarder *f, bool stopping)
{
	lock_take(&f->lock);
	f->stopping = stopping;
	lock_leave(&f->lock);
}

int eyelet_forwarder_stop_thread(struct eyelet_forwarder *f)
{
	if (!f->owns_loop)
		return EYELET_EINVAL;
	if (forwarder_calls(f)) {
		ev_break(f->loop, EVBREAK_ALL);
		return EYELET_OK;
	}
	if (holds_lock(f))
		return EYELET_EBUSY;
	pthread_mutex_lock(&f->control);
	if (f->running) {
		set_stopping(f, true);
		ev_async_send(f->loop, &f->wake);
		pthread_join(f->thread, NULL);
		f->running = false;
		set_stopping(f, false);
	}
	pthread_mutex_unlock(&f->control);
	return EYELET_OK;
}

/* Waiting. */

void forwarder_set_ready(struct eyelet_forwarder *f, enum readiness readiness)
{
	pthread_mutex_lock(&f->ready_mutex);
	f->readiness = readiness;
	pthread_cond_broadcast(&f->ready_changed);
	pthread_mutex_unlock(&f->ready_mutex);
}

static struct timespec deadline_in(uint64_t span)
{
	struct timespec at;
	uint64_t ns;

	clock_gettime(WAIT_CLOCK, &at);
	ns = (uint64_t)at.tv_nsec + (span < WAIT_MAX ? span : WAIT_MAX);
	at.tv_sec += (time_t)(ns / SECOND);
	at.tv_nsec = (long)(ns % SECOND);
	return at;
}

int eyelet_forwarder_wait(struct eyelet_forwarder *f, uint64_t span)
{
	struct timespec at = deadline_in(span);
	enum readiness readiness;

	if (!f->owns_loop || holds_lock(f))
		return EYELET_EINVAL;
	pthread_mutex_lock(&f->ready_mutex);
	while (f->readiness == READINESS_NONE &&
		pthread_cond_timedwait(&f->ready_changed, &f->ready_mutex, &at) == 0)
		;
	readiness = f->readiness;
	pthread_mutex_unlock(&f->ready_mutex);
	if (readiness == READINESS_REFUSED)
		return EYELET_EREFUSED;
	return readiness == READINESS_READY ? EYELET_OK : EYELET_ETIMEDOUT;
}
