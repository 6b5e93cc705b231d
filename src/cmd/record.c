/* SPDX-License-Identifier: MIT */
#include "cmd/record.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/crypto.h"

#define VERSION "1"
#define CHECK   8 /* bytes of the check sum */

static const char digits[] = "0123456789abcdef";

static char *hex_encode(char *text, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		*text++ = digits[bytes[i] >> 4];
		*text++ = digits[bytes[i] & 15];
	}
	*text = '\0';
	return text;
}

static bool hex_digit(unsigned *value, char c)
{
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	if (at == NULL)
		return false;
	*value = (unsigned)(at - digits);
	return true;
}

static bool hex_decode(uint8_t *bytes, size_t len, const char *text)
{
	unsigned high, low;

	for (size_t i = 0; i < len; i++, text += 2) {
		if (!hex_digit(&high, text[0]) || !hex_digit(&low, text[1]))
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static void check_sum(uint8_t check[CHECK], const char *text, size_t len)
{
	const struct crypto_slice slice = {text, len};
	uint8_t hash[CRYPTO_HASH_SIZE];

	crypto_hash(hash, &slice, 1);
	memcpy(check, hash, CHECK);
}

static char *put_line(char *at, const char *name, const uint8_t *bytes, size_t len)
{
	at += sprintf(at, "%s ", name);
	at = hex_encode(at, bytes, len);
	*at++ = '\n';
	*at = '\0';
	return at;
}

size_t record_encode(char *text, const struct record *record)
{
	uint8_t check[CHECK];
	char *at = text + sprintf(text, "%s " VERSION "\n", record->kind);

	for (size_t i = 0; i < record->count; i++) {
		const struct record_field *f = &record->fields[i];

		at = put_line(at, f->name, f->bytes, f->len);
	}
	check_sum(check, text, (size_t)(at - text));
	at = put_line(at, "check", check, sizeof(check));
	return (size_t)(at - text);
}

/* Takes "name hex\n" off *text. */
static bool take_line(const char **text, const char *name, uint8_t *bytes, size_t len)
{
	size_t name_len = strlen(name);
	const char *at = *text;

	if (strncmp(at, name, name_len) != 0 || at[name_len] != ' ')
		return false;
	at += name_len + 1;
	if (!hex_decode(bytes, len, at) || at[2 * len] != '\n')
		return false;
	*text = at + 2 * len + 1;
	return true;
}

/* Takes "kind version\n" off *text. */
static const char *take_head(const char **text, const char *kind)
{
	size_t len = strlen(kind);

	if (**text == '\0')
		return "it is empty";
	if (strncmp(*text, kind, len) != 0 || (*text)[len] != ' ')
		return "it is not what its name says";
	*text += len + 1;
	if (strncmp(*text, VERSION "\n", 2) != 0)
		return "another version of eyelet wrote it";
	*text += 2;
	return NULL;
}

const char *record_decode(const struct record *record, const char *text)
{
	uint8_t values[RECORD_FIELDS_MAX][RECORD_BYTES_MAX], check[CHECK], found[CHECK];
	const char *at = text;
	const char *why = take_head(&at, record->kind);

	for (size_t i = 0; i < record->count && why == NULL; i++)
		if (!take_line(&at, record->fields[i].name, values[i],
			    record->fields[i].len))
			why = "it is cut short or mangled";
	if (why == NULL) {
		check_sum(check, text, (size_t)(at - text));
		if (!take_line(&at, "check", found, sizeof(found)) || *at != '\0' ||
			memcmp(found, check, CHECK) != 0)
			why = "its check sum is wrong";
	}
	for (size_t i = 0; i < record->count && why == NULL; i++)
		memcpy(record->fields[i].bytes, values[i], record->fields[i].len);
	crypto_wipe(values, sizeof(values));
	return why;
}
