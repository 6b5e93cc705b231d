/* SPDX-License-Identifier: MIT */
/* Port prediction for NATs that give the next destination the next port: how far it is to
 * that, and which ports may come. */
#ifndef EYELET_CORE_STEP_H
#define EYELET_CORE_STEP_H

#include "core/candidate.h"

#define STEP_MAX 8 /* ports; a larger distance is taken for chance */

/* Returns the distance between the ports that one socket got for two destinations, the second
 * right after the first; 0 if they are no neighbours. */
int step_between(const struct addr *first, const struct addr *second);

/* Adds the next ports after last, that many. */
void step_predict(
	struct candidates *list, const struct addr *last, int step, unsigned count);

#endif
