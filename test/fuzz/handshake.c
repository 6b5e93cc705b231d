/* SPDX-License-Identifier: MIT */
/* The handshake: hellos and welcomes as they come, spoilt at one place with the outer MAC
 * made right again, and whole ones with fuzzed keys, payloads and prologues. What was
 * spoilt must not be believed; what was not, must. */
#include "core/message.h"
#include "core/noise.h"
#include "fuzz/fuzz.h"

enum { RAW_HELLO = 1, SPOILT = 2, FOREIGN_STATIC = 4, WITH_COOKIE = 8, RAW_WELCOME = 16 };

static const uint8_t guest_secret[CRYPTO_KEY_SIZE] = "the identity of the fuzzed guest";
static const uint8_t guest_ephemeral[CRYPTO_KEY_SIZE] =
	"ephemeral secret of this guest..";
static const uint8_t host_ephemeral[CRYPTO_KEY_SIZE] = "ephemeral secret of this host...";

struct pair {
	const struct known *known;
	uint8_t attempt[ID_SIZE];
	struct noise guest, host;
};

static void start(struct pair *p, struct input *in, uint8_t what)
{
	const uint8_t *psk;
	uint8_t host_static[CRYPTO_KEY_SIZE];

	p->known = fuzz_known();
	psk = p->known->credentials.psk;
	memset(p->attempt, 7, sizeof(p->attempt));
	memcpy(host_static, p->known->host_static_public, CRYPTO_KEY_SIZE);
	if (what & FOREIGN_STATIC)
		input_bytes(in, host_static, sizeof(host_static));
	noise_start_guest(&p->guest, guest_secret, guest_ephemeral, host_static, psk,
		p->attempt, sizeof(p->attempt));
	noise_start_host(&p->host, p->known->service.host_static, host_ephemeral, psk,
		p->attempt, sizeof(p->attempt));
}

/* Flips bits at one place; returns false if none changed. */
static bool spoil(struct input *in, uint8_t *bytes, size_t len)
{
	size_t at = input_u16(in) % len;
	uint8_t bits = input_u8(in);

	bytes[at] ^= bits;
	return bits != 0;
}

static void check_hello_message(
	const struct pair *p, struct input *in, uint8_t *hello, const uint8_t *cookie)
{
	const uint8_t *mac_key = p->known->credentials.mac_key;
	uint8_t none[COOKIE_SIZE] = "another cookie.", *copy;
	size_t len = input_u8(in);

	REQUIRE(message_is(hello, HELLO_SIZE) && message_type(hello) == MESSAGE_HELLO);
	REQUIRE(hello_decode(hello, HELLO_SIZE, mac_key) == hello + MESSAGE_HEADER_SIZE);
	REQUIRE(cookie == NULL || hello_has_cookie(hello, cookie));
	REQUIRE(!hello_has_cookie(hello, none));
	if (len < MESSAGE_HEADER_SIZE || len > HELLO_SIZE)
		return;
	copy = fuzz_copy(hello, len);
	REQUIRE(len == HELLO_SIZE || hello_decode(copy, len, mac_key) == NULL);
	if (spoil(in, copy, len - CRYPTO_MAC_SIZE))
		REQUIRE(hello_decode(copy, len, mac_key) == NULL);
	free(copy);
}

/* True if the host has read the guest's hello. */
static bool pass_hello(struct pair *p, struct input *in, uint8_t what)
{
	uint8_t payload[HELLO_PAYLOAD_SIZE], read[HELLO_PAYLOAD_SIZE],
		cookie[COOKIE_SIZE];
	uint8_t noise[HELLO_NOISE_SIZE] = {0}, hello[HELLO_SIZE];
	const uint8_t *message;
	bool good, spoilt = false;

	input_bytes(in, payload, sizeof(payload));
	input_bytes(in, cookie, sizeof(cookie));
	good = noise_write_hello(&p->guest, payload, sizeof(payload), noise);
	REQUIRE(good || (what & FOREIGN_STATIC));
	if (what & RAW_HELLO)
		input_bytes(in, noise, sizeof(noise));
	else if (what & SPOILT)
		spoilt = spoil(in, noise, sizeof(noise));
	hello_encode(hello, p->attempt, noise, p->known->credentials.mac_key,
		what & WITH_COOKIE ? cookie : NULL);
	check_hello_message(p, in, hello, what & WITH_COOKIE ? cookie : NULL);
	message = hello_decode(hello, HELLO_SIZE, p->known->credentials.mac_key);
	if (!noise_read_hello(&p->host, message, HELLO_NOISE_SIZE, read)) {
		REQUIRE(spoilt || !good || (what & (RAW_HELLO | FOREIGN_STATIC)));
		return false;
	}
	if (what & (RAW_HELLO | FOREIGN_STATIC))
		return good; /* the right bytes may be in the input */
	REQUIRE(!spoilt && memcmp(read, payload, sizeof(payload)) == 0);
	REQUIRE(memcmp(p->host.peer_static, p->guest.own_static_public,
			CRYPTO_KEY_SIZE) == 0);
	return true;
}

/* A welcome that is not the host's leaves the guest as it was: another may come. */
static void refuse_welcome(struct pair *p, struct input *in,
	const uint8_t right[WELCOME_NOISE_SIZE], uint8_t what)
{
	uint8_t noise[WELCOME_NOISE_SIZE], payload[WELCOME_PAYLOAD_SIZE];
	struct noise before = p->guest;
	struct noise_keys keys;

	memcpy(noise, right, sizeof(noise));
	if (what & RAW_WELCOME)
		input_bytes(in, noise, sizeof(noise));
	else
		spoil(in, noise, sizeof(noise));
	if (memcmp(noise, right, sizeof(noise)) == 0)
		return;
	REQUIRE(!noise_read_welcome(&p->guest, noise, sizeof(noise), payload, &keys));
	REQUIRE(memcmp(&before, &p->guest, sizeof(before)) == 0);
}

static void pass_welcome(struct pair *p, struct input *in, uint8_t what)
{
	uint8_t payload[WELCOME_PAYLOAD_SIZE], read[WELCOME_PAYLOAD_SIZE];
	uint8_t noise[WELCOME_NOISE_SIZE], welcome[WELCOME_SIZE];
	const uint8_t *mac_key = p->known->credentials.mac_key;
	struct noise_keys host_keys, guest_keys;
	const uint8_t *message;

	input_bytes(in, payload, sizeof(payload));
	if (!noise_write_welcome(&p->host, payload, sizeof(payload), noise, &host_keys))
		return;
	REQUIRE(welcome_encode(welcome, p->attempt, noise, mac_key) == WELCOME_SIZE);
	message = welcome_decode(welcome, WELCOME_SIZE, mac_key);
	REQUIRE(message != NULL && memcmp(message, noise, sizeof(noise)) == 0);
	REQUIRE(welcome_decode(welcome, WELCOME_SIZE - 1, mac_key) == NULL);
	refuse_welcome(p, in, noise, what);
	if (what & FOREIGN_STATIC)
		return;
	REQUIRE(noise_read_welcome(
		&p->guest, message, WELCOME_NOISE_SIZE, read, &guest_keys));
	REQUIRE(memcmp(read, payload, sizeof(read)) == 0);
	REQUIRE(memcmp(&host_keys, &guest_keys, sizeof(host_keys)) == 0);
	REQUIRE(memcmp(host_keys.to_host, host_keys.to_guest, CRYPTO_KEY_SIZE) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = input_over(data, size);
	uint8_t what = input_u8(&in);
	struct pair p;

	start(&p, &in, what);
	if (pass_hello(&p, &in, what) && !(what & RAW_HELLO))
		pass_welcome(&p, &in, what);
	return 0;
}
