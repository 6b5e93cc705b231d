/* SPDX-License-Identifier: MIT */
/* uthash as this project uses it: no exit when memory runs out (the element is then simply
 * not in the table: its hh.tbl is NULL), and hash values by SipHash, computed by the
 * caller, so that nobody can aim for one bucket. */
#ifndef EYELET_CORE_TABLE_H
#define EYELET_CORE_TABLE_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "core/hash.h"

/* Finds in head by a key of len bytes. */
#define TABLE_FIND(head, secret, keyptr, len, out)                                       \
	do {                                                                             \
		unsigned hash_ = (unsigned)hash_sip(secret, keyptr, len);                \
		HASH_FIND_BYHASHVALUE(hh, head, keyptr, (unsigned)(len), hash_, out);    \
	} while (0)

/* Adds an element whose key is in itself, at field. */
#define TABLE_ADD(head, secret, field, len, add)                                         \
	do {                                                                             \
		unsigned hash_ = (unsigned)hash_sip(secret, &(add)->field, len);         \
		HASH_ADD_KEYPTR_BYHASHVALUE(                                             \
			hh, head, &(add)->field, (unsigned)(len), hash_, add);           \
	} while (0)

/* True if TABLE_ADD found memory. */
#define TABLE_HOLDS(element) ((element)->hh.tbl != NULL)

#endif
