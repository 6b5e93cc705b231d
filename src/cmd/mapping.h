/* SPDX-License-Identifier: MIT */
/* Port mapping: whether it is of use, and what users and programs hear of it. */
#ifndef EYELET_CMD_MAPPING_H
#define EYELET_CMD_MAPPING_H

#include "cmd/json.h"
#include "cmd/servers.h"
#include "core/portmap.h"

/* False where all rendezvous are on this machine: whoever is told of us by them needs no
 * router's help to get here, or could not ask them. */
bool mapping_is_useful(const struct servers *servers);

/* Logs it. */
void mapping_tell(const struct portmap_event *e);

/* Adds what an event says. */
void mapping_feed(struct json *j, const struct portmap_event *e);

#endif
