/* SPDX-License-Identifier: MIT */
/* The last words of a guest that gives up: what was tried, what was seen, what would
 * help. */
#ifndef EYELET_CMD_REPORT_H
#define EYELET_CMD_REPORT_H

#include <stddef.h>

#include "cmd/exit.h"
#include "cmd/reason.h"
#include "core/guest.h"

#define REPORT_MAX 1024

struct report_about {
	const char *servers;              /* the rendezvous, as given */
	unsigned seconds;                 /* spent */
	const char *guest;                /* this guest's fingerprint */
	const struct reason_facts *facts; /* why there is no direct path; or NULL */
	/* Where no rendezvous answered by UDP: how one did, as "TCP"; else NULL. */
	const char *by;
	const char *trouble; /* why TCP or TLS failed, a sentence; or NULL or empty */
};

/* Writes one sentence into text (REPORT_MAX bytes) and returns the exit code that goes
 * with it. */
enum exit_code report_failure(
	char *text, const struct guest_progress *p, const struct report_about *about);

#endif
