/* SPDX-License-Identifier: MIT */
/* What became of bursts to applications, for the log and for --json. */
#ifndef EYELET_CMD_PACING_H
#define EYELET_CMD_PACING_H

#include "cmd/json.h"
#include "net/forwarder.h"

/* Says a sentence, if there is something to say. */
void pacing_log(const struct forwarder_pacing *p);

/* Adds the members "held", "expired" and "overrun". */
void pacing_feed(struct json *j, const struct forwarder_pacing *p);

#endif
