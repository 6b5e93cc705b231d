/* SPDX-License-Identifier: MIT */
#include "cmd/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/addr.h"
#include "core/ticket.h"

#define WORDS 4

/* Cuts the line into words. Returns how many; WORDS + 1 if there are more than that. */
static size_t cut(char *line, char *words[WORDS])
{
	size_t count = 0;
	char *rest = NULL;

	line[strcspn(line, "#")] = '\0';
	for (char *word = strtok_r(line, " \t\r\n", &rest); word != NULL;
		word = strtok_r(NULL, " \t\r\n", &rest)) {
		if (count == WORDS)
			return WORDS + 1;
		words[count++] = word;
	}
	return count;
}

/* No control characters: it goes into the log. */
static const char *read_name(struct policy_guest *guest, const char *text)
{
	if (strcmp(text, "-") == 0)
		return NULL;
	if (strlen(text) >= sizeof(guest->name))
		return "the name is longer than 32 bytes";
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return "the name has a control character";
	strcpy(guest->name, text);
	return NULL;
}

/* Numbers 1 .. 65,534 of the host's, so that others are left for those that come by
 * themselves. */
static const char *read_address(struct policy_guest *guest, const char *text)
{
	struct addr addr;

	if (strcmp(text, "-") == 0)
		return NULL;
	if (!addr_parse(&addr, text, 0) || addr.family != ADDR_V4 || addr.port != 0 ||
		addr.ip[0] != 127 || addr.ip[1] != 64)
		return "the address is neither 127.64.x.y nor -";
	guest->number = (uint32_t)(addr.ip[2] << 8 | addr.ip[3]);
	if (guest->number == 0 || guest->number == 0xffff)
		return "the address is one that no guest can have";
	return NULL;
}

static const char *read_verdict(bool *allowed, const char *text)
{
	*allowed = strcmp(text, "allow") == 0;
	return *allowed || strcmp(text, "deny") == 0
		       ? NULL
		       : "the last word is neither allow nor deny";
}

static const char *read_unknown(struct policy *p, char *words[WORDS], unsigned line)
{
	if (strcmp(words[1], "-") != 0 || strcmp(words[2], "-") != 0)
		return "all other guests (*) have neither name nor address: use -";
	if (p->unknown_line != 0)
		return "there is a line for all other guests (*) already";
	p->unknown_line = line;
	return read_verdict(&p->unknown_allowed, words[3]);
}

static const char *add(struct policy *p, const struct policy_guest *guest)
{
	if (p->count == p->cap) {
		size_t cap = p->cap > 0 ? 2 * p->cap : 16;
		void *grown = realloc(p->guests, cap * sizeof(*p->guests));

		if (grown == NULL)
			return "out of memory";
		p->guests = grown;
		p->cap = cap;
	}
	p->guests[p->count++] = *guest;
	return NULL;
}

/* Returns NULL or a sentence part. */
static const char *read_line(struct policy *p, char *text, unsigned line)
{
	struct policy_guest guest = {.line = line};
	char *words[WORDS];
	size_t count = cut(text, words);
	const char *why;

	if (count == 0)
		return NULL;
	if (count != WORDS)
		return "a line is FINGERPRINT NAME ADDRESS allow|deny";
	if (strcmp(words[0], "*") == 0)
		return read_unknown(p, words, line);
	if (!service_name_decode(guest.identity, words[0]))
		return "this is no fingerprint (43 characters, as the log has it of a "
		       "new "
		       "guest)";
	why = read_name(&guest, words[1]);
	if (why == NULL)
		why = read_address(&guest, words[2]);
	if (why == NULL)
		why = read_verdict(&guest.allowed, words[3]);
	return why != NULL ? why : add(p, &guest);
}

static int by_number(const void *a, const void *b)
{
	const struct policy_guest *one = a, *other = b;

	return (one->number > other->number) - (one->number < other->number);
}

static int by_identity(const void *a, const void *b)
{
	const struct policy_guest *one = a, *other = b;

	return memcmp(one->identity, other->identity, sizeof(one->identity));
}

static unsigned later(const struct policy_guest *two)
{
	return two[0].line > two[1].line ? two[0].line : two[1].line;
}

/* Sorts the guests, and returns what is there twice, with its line. */
static const char *sort(struct policy *p, unsigned *line)
{
	const struct policy_guest *g = p->guests;

	if (p->count == 0)
		return NULL;
	qsort(p->guests, p->count, sizeof(*g), by_number);
	for (size_t i = 0; i + 1 < p->count; i++) {
		if (g[i].number != 0 && g[i].number == g[i + 1].number) {
			*line = later(&g[i]);
			return "another guest has that address already";
		}
	}
	qsort(p->guests, p->count, sizeof(*g), by_identity);
	for (size_t i = 0; i + 1 < p->count; i++) {
		if (by_identity(&g[i], &g[i + 1]) == 0) {
			*line = later(&g[i]);
			return "that guest has a line already";
		}
	}
	return NULL;
}

static int read_all(struct policy *p, FILE *file, const char *path, char *why, size_t cap)
{
	char *text = NULL;
	size_t size = 0;
	unsigned line = 0;
	const char *wrong = NULL;
	int error = 0;

	while (wrong == NULL && getline(&text, &size, file) >= 0)
		wrong = read_line(p, text, ++line);
	if (ferror(file))
		error = errno;
	free(text);
	if (wrong == NULL && error == 0)
		wrong = sort(p, &line);
	if (wrong != NULL)
		snprintf(why, cap, "%s, line %u: %s", path, line, wrong);
	else if (error != 0)
		snprintf(why, cap, "cannot read %s: %s", path, strerror(error));
	return wrong != NULL || error != 0 ? -1 : 0;
}

int policy_read(struct policy *p, const char *path, char *why, size_t cap)
{
	FILE *file = fopen(path, "re");
	int result;

	*p = (struct policy){.unknown_allowed = true};
	if (file == NULL) {
		snprintf(why, cap, "cannot read %s: %s", path, strerror(errno));
		return -1;
	}
	result = read_all(p, file, path, why, cap);
	fclose(file);
	if (result < 0)
		policy_free(p);
	return result;
}

void policy_free(struct policy *p)
{
	free(p->guests);
	*p = (struct policy){.unknown_allowed = true};
}

const struct policy_guest *policy_find(const struct policy *p, const uint8_t identity[32])
{
	struct policy_guest key = {.line = 0};

	if (p->count == 0)
		return NULL;
	memcpy(key.identity, identity, sizeof(key.identity));
	return bsearch(&key, p->guests, p->count, sizeof(key), by_identity);
}
