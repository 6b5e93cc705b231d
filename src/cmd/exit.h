/* SPDX-License-Identifier: MIT */
/* What the program's exit status says: one number per cause a script may act on. */
#ifndef EYELET_CMD_EXIT_H
#define EYELET_CMD_EXIT_H

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* what no other number says */
	EXIT_USAGE = 2,  /* wrong options or arguments; nothing was tried */
	EXIT_NO_SERVICE =
		3,        /* the rendezvous knows no such service, or the key is wrong */
	EXIT_REFUSED = 4, /* the host said no */
	EXIT_UNREACHABLE =
		5,          /* no rendezvous answered, or no path to the host was found */
	EXIT_TIMED_OUT = 6, /* the time was up before any of these was certain */
};

#endif
