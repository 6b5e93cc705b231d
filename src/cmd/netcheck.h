/* SPDX-License-Identifier: MIT */
/* What the parts of eyelet netcheck share. */
#ifndef EYELET_CMD_NETCHECK_H
#define EYELET_CMD_NETCHECK_H

#include "cmd/json.h"
#include "cmd/options.h"
#include "cmd/servers.h"
#include "core/chance.h"
#include "core/netcheck.h"

#define NETCHECK_STUNS_MAX 4

struct netcheck_options {
	struct servers rendezvous;
	const char *stuns[NETCHECK_STUNS_MAX]; /* HOST[:PORT], in the arguments */
	size_t stun_count;
	bool lifetime, json;
};

/* Returns false when o->code is to be returned. */
bool netcheck_parse(struct netcheck_options *c, struct options *o, int argc, char **argv);

#define NETCHECK_REPORT_MAX 8192
/* Writes the table, whole lines, into text (NETCHECK_REPORT_MAX bytes); lifetime tells if
 * that was to be measured. */
void netcheck_report(char *text, const struct netcheck_result *r, bool lifetime);

/* Writes the same as one object, with the exit code. */
void netcheck_object(
	struct json *j, const struct netcheck_result *r, enum exit_code code);

#define NETCHECK_HELP_MAX 1024
/* Writes what would help this network to direct paths, in sentences, and returns it. */
const char *netcheck_help(char *text, const struct netcheck_result *r);

#endif
