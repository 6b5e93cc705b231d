/* SPDX-License-Identifier: MIT */
#include "core/verdict.h"

static const char *const names[VERDICT_COUNT] = {
#define X(name, text) text,
	VERDICT_MAP(X)
#undef X
};

const char *verdict_name(enum verdict v)
{
	return v < VERDICT_COUNT ? names[v] : "?";
}

enum verdict verdict_count(struct verdict_counts *counts, enum verdict v)
{
	counts->of[v]++;
	return v;
}
