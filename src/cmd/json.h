/* SPDX-License-Identifier: MIT */
/* Writes flat JSON objects (RFC 8259), one a line: no member holds another object or a
 * list. A member that does not fit is left out, so that what is written is always valid. */
#ifndef EYELET_CMD_JSON_H
#define EYELET_CMD_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With its NUL. A pipe takes a line that is not longer as a whole or not at all. */
#define JSON_MAX 4096

struct json {
	char text[JSON_MAX]; /* ends with a NUL after each call */
	size_t len;
};

void json_start(struct json *j);

/* Names are plain ASCII. Bytes of value that are no UTF-8 become U+FFFD each; NULL leaves
 * the member out. */
void json_string(struct json *j, const char *name, const char *value);
void json_number(struct json *j, const char *name, uint64_t value);
/* value / 1000, to three decimals. */
void json_thousandths(struct json *j, const char *name, uint64_t value);
void json_bool(struct json *j, const char *name, bool value);

/* Closes the object and the line. */
void json_end(struct json *j);

#endif
