/* SPDX-License-Identifier: MIT */
#include "cmd/stop.h"

#include <signal.h>
#include <string.h>

#include "cmd/log.h"

static void on_signal(struct ev_loop *loop, ev_signal *w, int events)
{
	(void)events;
	log_detail("ending: %s", strsignal(w->signum));
	ev_break(loop, EVBREAK_ALL);
}

void stop_start(struct stop *stop, struct ev_loop *loop)
{
	ev_signal_init(&stop->interrupt, on_signal, SIGINT);
	ev_signal_init(&stop->terminate, on_signal, SIGTERM);
	ev_signal_start(loop, &stop->interrupt);
	ev_signal_start(loop, &stop->terminate);
}

void stop_end(struct stop *stop, struct ev_loop *loop)
{
	ev_signal_stop(loop, &stop->interrupt);
	ev_signal_stop(loop, &stop->terminate);
}
