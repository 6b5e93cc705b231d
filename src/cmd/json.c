/* SPDX-License-Identifier: MIT */
#include "cmd/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CLOSING 2 /* bytes kept free for the end: a brace and a newline */

/* Returns false if there is no room, with a part of it written perhaps. */
static bool put(struct json *j, const char *bytes, size_t len)
{
	if (j->len + len + CLOSING + 1 > JSON_MAX)
		return false;
	memcpy(j->text + j->len, bytes, len);
	j->len += len;
	j->text[j->len] = '\0';
	return true;
}

static bool put_text(struct json *j, const char *text)
{
	return put(j, text, strlen(text));
}

/* Returns how many bytes the UTF-8 character at s has (RFC 3629); 0 if it is none. */
static size_t character(const char *s)
{
	const unsigned char *b = (const unsigned char *)s;
	size_t len = b[0] < 0x80   ? 1
		     : b[0] < 0xc2 ? 0
		     : b[0] < 0xe0 ? 2
		     : b[0] < 0xf0 ? 3
				   : 4;

	if (b[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	/* Too long a form, surrogates, beyond U+10FFFF. */
	if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] >= 0xa0) ||
		(b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] >= 0x90))
		return 0;
	return len;
}

static bool put_escaped(struct json *j, unsigned char c)
{
	char text[8];

	snprintf(text, sizeof(text), "\\u%04x", c);
	return put_text(j, text);
}

static bool put_string(struct json *j, const char *value)
{
	bool ok = put_text(j, "\"");

	while (ok && *value != '\0') {
		size_t len = character(value);

		if (len == 0) {
			ok = put_text(j, "\\ufffd");
			len = 1;
		} else if (*value == '"' || *value == '\\') {
			ok = put_text(j, "\\") && put(j, value, 1);
		} else if ((unsigned char)*value < 0x20) {
			ok = put_escaped(j, (unsigned char)*value);
		} else {
			ok = put(j, value, len);
		}
		value += len;
	}
	return ok && put_text(j, "\"");
}

static bool put_name(struct json *j, const char *name)
{
	return put_text(j, j->len > 1 ? ",\"" : "\"") && put_text(j, name) &&
	       put_text(j, "\":");
}

/* What did not fit as a whole is taken back. */
static void settle(struct json *j, size_t from, bool fits)
{
	if (fits)
		return;
	j->len = from;
	j->text[from] = '\0';
}

static void add_plain(struct json *j, const char *name, const char *value)
{
	size_t from = j->len;

	settle(j, from, put_name(j, name) && put_text(j, value));
}

void json_start(struct json *j)
{
	j->len = 0;
	(void)put_text(j, "{");
}

void json_string(struct json *j, const char *name, const char *value)
{
	size_t from = j->len;

	if (value != NULL)
		settle(j, from, put_name(j, name) && put_string(j, value));
}

void json_number(struct json *j, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	add_plain(j, name, text);
}

void json_thousandths(struct json *j, const char *name, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 ".%03u", value / 1000,
		(unsigned)(value % 1000));
	add_plain(j, name, text);
}

void json_bool(struct json *j, const char *name, bool value)
{
	add_plain(j, name, value ? "true" : "false");
}

void json_end(struct json *j)
{
	memcpy(j->text + j->len, "}\n", 3);
	j->len += 2;
}
