/* SPDX-License-Identifier: MIT */
#include "core/secrets.h"

#include <string.h>

static const char base32[] =
	"abcdefghijklmnopqrstuvwxyz234567"; /* RFC 4648, lower case */

void service_generate(struct service *s, const struct entropy *entropy)
{
	entropy->fill(entropy->arg, (uint8_t *)s, sizeof(*s));
}

bool service_from_key(struct service *s, const char *key)
{
	const char *colon = strchr(key, ':');
	const char *phrase = colon != NULL ? colon + 1 : key;
	size_t salt_len = colon != NULL ? (size_t)(colon - key) : 0;
	uint8_t salt[CRYPTO_HASH_SIZE], master[CRYPTO_KEY_SIZE];
	const struct crypto_slice parts[] = {{"eyelet text key", 15}, {key, salt_len}};
	bool ok;

	crypto_hash(salt, parts, 2);
	ok = crypto_scrypt(
		master, sizeof(master), phrase, strlen(phrase), salt, sizeof(salt));
	if (ok) {
		crypto_hkdf(s->seed, sizeof(s->seed), master, sizeof(master), NULL, 0,
			"eyelet service");
		crypto_hkdf(s->host_static, sizeof(s->host_static), master,
			sizeof(master), NULL, 0, "eyelet host static");
		crypto_hkdf(s->secret, sizeof(s->secret), master, sizeof(master), NULL, 0,
			"eyelet secret");
		memset(s->instance, 0, sizeof(s->instance));
	}
	crypto_wipe(master, sizeof(master));
	return ok;
}

void credentials_derive(struct credentials *c, const uint8_t service[CRYPTO_KEY_SIZE],
	const uint8_t secret[SECRET_SIZE])
{
	static const struct {
		size_t offset;
		const char *info;
	} derived[] = {
		{offsetof(struct credentials, asking_seed), "eyelet asking"},
		{offsetof(struct credentials, psk), "eyelet psk"},
		{offsetof(struct credentials, seal_key), "eyelet candidates"},
		{offsetof(struct credentials, mac_key), "eyelet mac"},
	};

	memcpy(c->service, service, CRYPTO_KEY_SIZE);
	for (size_t i = 0; i < sizeof(derived) / sizeof(derived[0]); i++)
		crypto_hkdf((uint8_t *)c + derived[i].offset, CRYPTO_KEY_SIZE, secret,
			SECRET_SIZE, service, CRYPTO_KEY_SIZE, derived[i].info);
	crypto_ed25519_public(c->asking_public, c->asking_seed);
}

void credentials_of(struct credentials *c, const struct service *s)
{
	uint8_t public[CRYPTO_KEY_SIZE];

	crypto_ed25519_public(public, s->seed);
	credentials_derive(c, public, s->secret);
}

/* log2 of the alphabet the characters are drawn from, in tenths of a bit. */
static unsigned alphabet_decibits(const char *key)
{
	bool lower = false, upper = false, digit = false, other = false;
	unsigned size;

	for (; *key != '\0'; key++) {
		lower = lower || (*key >= 'a' && *key <= 'z');
		upper = upper || (*key >= 'A' && *key <= 'Z');
		digit = digit || (*key >= '0' && *key <= '9');
		other = other ||
			!((*key >= 'a' && *key <= 'z') || (*key >= 'A' && *key <= 'Z') ||
				(*key >= '0' && *key <= '9'));
	}
	size = (lower ? 1u : 0u) + (upper ? 1u : 0u) + (digit ? 1u : 0u) +
	       (other ? 1u : 0u);
	/* Written by people, letters carry far less than log2(26); digits alone 3.3. */
	if (digit && size == 1)
		return 33;
	return 25 + 8 * (size - 1);
}

unsigned key_strength(const char *key)
{
	unsigned distinct = 0, counted = 0;
	bool seen[256] = {false};

	for (const char *p = key; *p != '\0'; p++) {
		bool run = p > key &&
			   (p[0] == p[-1] || p[0] == p[-1] + 1 || p[0] == p[-1] - 1);

		if (!seen[(uint8_t)*p])
			distinct++;
		seen[(uint8_t)*p] = true;
		if (!run)
			counted++;
	}
	if (counted > 3 * distinct)
		counted = 3 * distinct;
	return counted * alphabet_decibits(key) / 10;
}

void key_generate(char *text, const struct entropy *entropy)
{
	uint8_t bytes
		[17]; /* 26 characters use 130 bits; the key is uniform in all of them */
	unsigned bit = 0;

	entropy->fill(entropy->arg, bytes, sizeof(bytes));
	for (unsigned i = 0; i < 26; i++, bit += 5) {
		unsigned word = (unsigned)bytes[bit / 8] << 8 |
				(bit / 8 + 1 < sizeof(bytes) ? bytes[bit / 8 + 1] : 0u);

		if (i > 0 && i % 5 == 0 && i < 25)
			*text++ = '-';
		*text++ = base32[word >> (11 - bit % 8) & 31];
	}
	*text = '\0';
	crypto_wipe(bytes, sizeof(bytes));
}
