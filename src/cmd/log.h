/* SPDX-License-Identifier: MIT */
/* The log on stderr: one line per change of state a person would want to know of.
 *
 * Errors begin with "eyelet: ". Other lines begin with the date where stderr is neither a
 * terminal nor the journal, which has its own. On a terminal the steps of one attempt
 * share a line: "asking rdv.example.net… host found… connected directly in 183 ms". */
#ifndef EYELET_CMD_LOG_H
#define EYELET_CMD_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_QUIET,   /* errors only */
	LOG_NORMAL,  /* warnings and changes of state too */
	LOG_VERBOSE, /* details too */
};

#define LOG_FORMAT __attribute__((format(printf, 1, 2)))

void log_init(enum log_level level);

/* Why something was not done: "eyelet: TEXT". */
void log_error(const char *format, ...) LOG_FORMAT;
/* What is done, but not as it should be: "eyelet: warning: TEXT". */
void log_warning(const char *format, ...) LOG_FORMAT;
void log_state(const char *format, ...) LOG_FORMAT;
void log_detail(const char *format, ...) LOG_FORMAT;

/* While another program has the terminal, only errors and warnings are written to it. */
void log_lend_terminal(bool lent);

/* A step that others follow, and the last of them. */
void log_step(const char *format, ...) LOG_FORMAT;
void log_last_step(const char *format, ...) LOG_FORMAT;

#endif
