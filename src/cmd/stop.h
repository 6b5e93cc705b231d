/* SPDX-License-Identifier: MIT */
/* Ends a loop at SIGINT or SIGTERM. */
#ifndef EYELET_CMD_STOP_H
#define EYELET_CMD_STOP_H

#include <ev.h>

struct stop {
	ev_signal interrupt, terminate;
};

void stop_start(struct stop *stop, struct ev_loop *loop);

/* From here on the signals end the process as they are used to: a second one ends a
 * goodbye that hangs. */
void stop_end(struct stop *stop, struct ev_loop *loop);

#endif
