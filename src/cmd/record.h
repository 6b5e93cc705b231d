/* SPDX-License-Identifier: MIT */
/* The format of what is kept in the state directory: a line with the kind and version,
 * one line "name hex" a field, and a check sum over all of it, so that damage is noticed
 * where it still can be said what was damaged. */
#ifndef EYELET_CMD_RECORD_H
#define EYELET_CMD_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define RECORD_TEXT_MAX   1024
#define RECORD_FIELDS_MAX 6
#define RECORD_BYTES_MAX  64 /* of one field */

struct record_field {
	const char *name;
	void *bytes; /* the caller's; read or written */
	size_t len;
};

struct record {
	const char *kind; /* "eyelet-service" */
	const struct record_field *fields;
	size_t count;
};

/* Writes the record, NUL-terminated, into RECORD_TEXT_MAX bytes. Returns its length. */
size_t record_encode(char *text, const struct record *record);

/* Reads a text into the fields. Returns NULL, or a static sentence part that says what is
 * wrong; the fields are then untouched. */
const char *record_decode(const struct record *record, const char *text);

#endif
