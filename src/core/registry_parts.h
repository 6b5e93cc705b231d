/* SPDX-License-Identifier: MIT */
/* The registry's two rooms: registry.c has the services and their hosts,
 * registry_attempt.c the attempts. */
#ifndef EYELET_CORE_REGISTRY_PARTS_H
#define EYELET_CORE_REGISTRY_PARTS_H

#include "core/registry.h"

void attempts_fini(struct registry *r);
void attempts_expire(struct registry *r, uint64_t now);

#endif
