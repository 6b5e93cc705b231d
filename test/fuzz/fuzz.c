/* SPDX-License-Identifier: MIT */
#include "fuzz/fuzz.h"

#include <stdio.h>

void fuzz_fail(const char *file, int line, const char *promised)
{
	(void)fprintf(stderr, "%s:%d: broken: %s\n", file, line, promised);
	abort();
}

struct input input_over(const uint8_t *data, size_t size)
{
	return (struct input){data, size};
}

const uint8_t *input_view(struct input *in, size_t want, size_t *len)
{
	const uint8_t *view = in->at;

	*len = want < in->left ? want : in->left;
	if (*len > 0)
		in->at += *len;
	in->left -= *len;
	return view;
}

void input_bytes(struct input *in, uint8_t *bytes, size_t len)
{
	size_t got;
	const uint8_t *view = input_view(in, len, &got);

	if (got > 0)
		memcpy(bytes, view, got);
	memset(bytes + got, 0, len - got);
}

uint8_t input_u8(struct input *in)
{
	uint8_t v;

	input_bytes(in, &v, 1);
	return v;
}

uint16_t input_u16(struct input *in)
{
	uint8_t b[2];

	input_bytes(in, b, sizeof(b));
	return (uint16_t)(b[0] << 8 | b[1]);
}

uint32_t input_u32(struct input *in)
{
	uint32_t high = input_u16(in);

	return high << 16 | input_u16(in);
}

struct addr input_addr(struct input *in)
{
	static const uint8_t families[] = {ADDR_V4, ADDR_V6, ADDR_NONE, ADDR_V4};
	struct addr a = {.family = families[input_u8(in) % 4]};

	if (a.family == ADDR_NONE)
		return a;
	input_bytes(in, a.ip, a.family == ADDR_V4 ? 4 : 16);
	a.port = input_u16(in);
	return a;
}

void *fuzz_alloc(size_t size)
{
	void *memory = calloc(1, size > 0 ? size : 1);

	if (memory == NULL)
		abort();
	return memory;
}

static unsigned starve_in;

void fuzz_starve(unsigned n)
{
	starve_in = n;
}

static bool starves(void)
{
	return starve_in > 0 && --starve_in == 0;
}

void *core_malloc(size_t size)
{
	return starves() ? NULL : malloc(size);
}

void *core_calloc(size_t count, size_t size)
{
	return starves() ? NULL : calloc(count, size);
}

void *core_realloc(void *memory, size_t size)
{
	return starves() ? NULL : realloc(memory, size);
}

uint8_t *fuzz_copy(const uint8_t *bytes, size_t len)
{
	/* malloc(0) is a place of which ASan lets no byte be read. */
	uint8_t *copy = malloc(len);

	if (copy == NULL)
		abort();
	if (len > 0)
		memcpy(copy, bytes, len);
	return copy;
}

char *fuzz_text(const uint8_t *bytes, size_t len)
{
	char *text = fuzz_alloc(len + 1);

	if (len > 0)
		memcpy(text, bytes, len);
	return text;
}

uint64_t dice_u64(struct dice *d)
{
	uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void dice_fill(void *arg, uint8_t *bytes, size_t len)
{
	while (len-- > 0)
		*bytes++ = (uint8_t)(dice_u64(arg) >> 56);
}

struct entropy dice_entropy(struct dice *d)
{
	return (struct entropy){.fill = dice_fill, .arg = d};
}

const struct known *fuzz_known(void)
{
	static struct known known;
	static bool made;
	struct dice dice = {1};
	struct entropy entropy = dice_entropy(&dice);

	if (!made) {
		service_generate(&known.service, &entropy);
		credentials_of(&known.credentials, &known.service);
		crypto_x25519_public(known.host_static_public, known.service.host_static);
		made = true;
	}
	return &known;
}

struct crypto_aead *fuzz_offer_cipher(const uint8_t attempt[16], const uint8_t *instance,
	const uint8_t random[OFFER_RANDOM], bool seal)
{
	const struct credentials *c = &fuzz_known()->credentials;
	uint8_t salt[16 + OFFER_RANDOM + INSTANCE_SIZE], key[CRYPTO_KEY_SIZE];
	struct crypto_aead *aead;

	memcpy(salt, attempt, 16);
	memcpy(salt + 16, random, OFFER_RANDOM);
	if (instance != NULL)
		memcpy(salt + 16 + OFFER_RANDOM, instance, INSTANCE_SIZE);
	crypto_hkdf(key, sizeof(key), c->seal_key, sizeof(c->seal_key), salt,
		instance != NULL ? sizeof(salt) : 16 + OFFER_RANDOM,
		instance != NULL ? "eyelet host offer" : "eyelet guest offer");
	fuzz_starve(0);
	aead = crypto_aead_new(CIPHER_CHACHA20_POLY1305, key, seal);
	REQUIRE(aead != NULL);
	return aead;
}
