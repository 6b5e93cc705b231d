/* SPDX-License-Identifier: MIT */
#include "core/crypto.h"
#include "unit.h"

#include <stdio.h>

static void key_of(uint8_t key[CRYPTO_KEY_SIZE], const char *text)
{
	assert_int_equal(unhex(key, CRYPTO_KEY_SIZE, text), CRYPTO_KEY_SIZE);
}

/* The kernel's word against the compiler's builtin. */
static void knows_the_processor(void **state)
{
	uint8_t set = crypto_ciphers();

	(void)state;
	assert_int_equal(set & ~CIPHER_AES_256_GCM, CIPHER_CHACHA20_POLY1305);
#if defined(__x86_64__) || defined(__i386__)
	char line[8192];
	bool aes = false;
	FILE *f = fopen("/proc/cpuinfo", "r");

	if (!f)
		skip();
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "flags", 5) == 0)
			aes = strstr(line, " aes") && strstr(line, " pclmulqdq");
	}
	fclose(f);
	assert_int_equal(!!(set & CIPHER_AES_256_GCM), aes);
#endif
}

static void wipes_and_compares(void **state)
{
	uint8_t a[33], b[33];

	(void)state;
	memset(a, 0x11, sizeof(a));
	memset(b, 0x11, sizeof(b));
	assert_true(crypto_equal(a, b, sizeof(a)));
	for (size_t bit = 0; bit < sizeof(a) * 8; bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(crypto_equal(a, b, sizeof(a)));
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	a[32] = 0;
	assert_true(crypto_equal(a, b, 32));
	crypto_wipe(b, 32);
	assert_hex(b, sizeof(b),
		"0000000000000000000000000000000000000000000000000000000000000000 11");
}

/* FIPS 180-2, appendix B, and the empty string. */
static void hashes_sha_256(void **state)
{
	static const char two_blocks[] =
		"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	uint8_t out[CRYPTO_HASH_SIZE];

	(void)state;
	crypto_hash(out, NULL, 0);
	assert_hex(out, sizeof(out),
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	crypto_hash(out, &(struct crypto_slice){"abc", 3}, 1);
	assert_hex(out, sizeof(out),
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	for (size_t cut = 0; cut <= 56; cut++) { /* in parts, some of them empty */
		struct crypto_slice parts[] = {
			{two_blocks, cut}, {NULL, 0}, {two_blocks + cut, 56 - cut}};

		crypto_hash(out, parts, 3);
		assert_hex(out, sizeof(out),
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c"
			"1");
	}
}

/* A part may be where the result goes: the chain of a handshake hash. */
static void hashes_in_place(void **state)
{
	uint8_t hash[CRYPTO_HASH_SIZE] = "abc";
	struct crypto_slice parts[] = {{hash, 2}, {"c", 1}};

	(void)state;
	crypto_hash(hash, parts, 2);
	assert_hex(hash, sizeof(hash),
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* RFC 4231, test cases 1, 2, 3 and 6 (a key longer than a block). */
static void authenticates_by_hmac(void **state)
{
	static const struct {
		size_t key_len;
		const char *text, *mac;
		uint8_t key;
	} table[] = {
		{20, "Hi There",
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff"
			"7",
			0x0b},
		{20,
			"\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
			"\xdd"
			"\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
			"\xdd"
			"\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
			"\xdd",
			"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565f"
			"e",
			0xaa},
		{131, "Test Using Larger Than Block-Size Key - Hash Key First",
			"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f5"
			"4",
			0xaa},
	};
	uint8_t out[CRYPTO_HASH_SIZE], key[131];
	struct crypto_slice jefe[] = {{"what do ya want ", 16}, {"for nothing?", 12}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct crypto_slice part = {table[i].text, strlen(table[i].text)};

		memset(key, table[i].key, sizeof(key));
		crypto_hmac(out, key, table[i].key_len, &part, 1);
		assert_hex(out, sizeof(out), table[i].mac);
	}
	crypto_hmac(out, (const uint8_t *)"Jefe", 4, jefe, 2);
	assert_hex(out, sizeof(out),
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

/* The longest key that is not hashed first, and the next one; by Python's hmac. */
static void takes_keys_around_a_block(void **state)
{
	struct crypto_slice part = {"Hi There", 8};
	uint8_t out[CRYPTO_HASH_SIZE], key[65];

	(void)state;
	memset(key, 0xaa, sizeof(key));
	crypto_hmac(out, key, 64, &part, 1);
	assert_hex(out, sizeof(out),
		"ebef34e13d0a0fe04593d043bc7a865106db0604211d404c18206d862e5d7852");
	crypto_hmac(out, key, 65, &part, 1);
	assert_hex(out, sizeof(out),
		"00af6c42340b99e2e1d9a1cdf1547be431fe2e9bab3215c68d013ba858891927");
}

static void truncates_the_mac(void **state)
{
	uint8_t key[CRYPTO_KEY_SIZE], full[CRYPTO_HASH_SIZE], out[CRYPTO_MAC_SIZE + 1];

	(void)state;
	memset(key, 0x0b, sizeof(key));
	out[CRYPTO_MAC_SIZE] = 0xee;
	crypto_mac(out, key, "Hi There", 8);
	crypto_hmac(full, key, sizeof(key), &(struct crypto_slice){"Hi There", 8}, 1);
	assert_memory_equal(out, full, CRYPTO_MAC_SIZE);
	assert_int_equal(out[CRYPTO_MAC_SIZE], 0xee);
}

/* RFC 5869, appendix A.1 to A.3. */
static void derives_by_hkdf(void **state)
{
	uint8_t secret[80], salt[80], out[82];
	char info[81] = "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9";

	(void)state;
	for (size_t i = 0; i < 80; i++)
		salt[i] = (uint8_t)i;
	memset(secret, 0x0b, sizeof(secret));
	crypto_hkdf(out, 42, secret, 22, salt, 13, info);
	assert_hex(out, 42,
		"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
		"34007208d5b887185865");
	crypto_hkdf(out, 42, secret, 22, NULL, 0, "");
	assert_hex(out, 42,
		"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
		"9d201395faa4b61a96c8");
	for (size_t i = 0; i < 80; i++) {
		secret[i] = (uint8_t)i;
		salt[i] = (uint8_t)(0x60 + i);
		info[i] = (char)(uint8_t)(0xb0 + i);
	}
	crypto_hkdf(out, 82, secret, 80, salt, 80, info);
	assert_hex(out, 82,
		"b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
		"59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
		"cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

/* Every length gives a prefix of the longest, and no byte more. */
static void derives_up_to_its_limit(void **state)
{
	static uint8_t longest[255 * 32], out[255 * 32 + 1];

	(void)state;
	crypto_hkdf(
		longest, sizeof(longest), (const uint8_t *)"secret", 6, NULL, 0, "label");
	for (size_t len = 0; len <= sizeof(longest); len += len < 100 ? 1 : 509) {
		memset(out, 0xee, sizeof(out));
		crypto_hkdf(out, len, (const uint8_t *)"secret", 6, NULL, 0, "label");
		assert_memory_equal(out, longest, len);
		assert_int_equal(out[len], 0xee);
	}
}

/* RFC 7914 has no vector with N = 2^15. These come from Python's hashlib.scrypt(n=2**15,
 * r=8, p=1), which gives the RFC's results for the RFC's parameters. */
static void stretches_by_scrypt(void **state)
{
	uint8_t out[64];

	(void)state;
	assert_true(crypto_scrypt(
		out, 32, "correct horse", 13, (const uint8_t *)"eyelet salt", 11));
	assert_hex(out, 32,
		"9f7ce54ec74317b70357bc999b4a41f4e239e2bb923d81ee555b5aa4766cceee");
	assert_true(crypto_scrypt(out, 64, NULL, 0, NULL, 0));
	assert_hex(out, 64,
		"2c804bf5d0ccb28051f20fb0b99bf7e9a45a67496650536018dd8839d9370748"
		"f1ac548a44dde14ef07f306c5fc7fe091054c6374d73d1a4f917a0fbcd8b88b8");
}

/* RFC 7748, section 5.2. */
static void multiplies_on_x25519(void **state)
{
	uint8_t out[32], k[32], u[32], next[32];

	(void)state;
	key_of(k, "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
	key_of(u, "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
	assert_true(crypto_x25519(out, k, u));
	assert_hex(out, 32,
		"c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
	key_of(k, "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d");
	key_of(u, "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493");
	assert_true(crypto_x25519(out, k, u));
	assert_hex(out, 32,
		"95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
	memset(k, 0, 32);
	k[0] = 9;
	memcpy(u, k, 32);
	for (int i = 0; i < 1000; i++) {
		assert_true(crypto_x25519(next, k, u));
		memcpy(u, k, 32);
		memcpy(k, next, 32);
	}
	assert_hex(k, 32,
		"684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

/* RFC 7748, section 6.1. */
static void agrees_by_x25519(void **state)
{
	uint8_t a[32], b[32], a_public[32], b_public[32], ab[32], ba[32];

	(void)state;
	key_of(a, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
	key_of(b, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
	crypto_x25519_public(a_public, a);
	crypto_x25519_public(b_public, b);
	assert_hex(a_public, 32,
		"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
	assert_hex(b_public, 32,
		"de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
	assert_true(crypto_x25519(ab, a, b_public));
	assert_true(crypto_x25519(ba, b, a_public));
	assert_hex(ab, 32,
		"4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
	assert_memory_equal(ab, ba, 32);
}

/* The points of order 1, 2, 4 and 8, the two non-canonical ones, and one with the unused
 * bit set (cr.yp.to/ecdh.html, "validate"). */
static void refuses_points_of_low_order(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000080",
	};
	uint8_t secret[32], point[32], out[32], zeros[32] = {0};

	(void)state;
	memset(secret, 0x42, sizeof(secret));
	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
		key_of(point, points[i]);
		memset(out, 0xee, sizeof(out));
		assert_false(crypto_x25519(out, secret, point));
		assert_memory_equal(out, zeros, sizeof(out));
	}
}

/* RFC 8032, section 7.1: TEST 1, 2, 3 and TEST SHA(abc). */
static const struct {
	const char *seed, *public, *message, *signature;
} ed25519[] = {
	{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
		"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
		"5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
	{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
		"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
		"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
	{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
		"af82",
		"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
		"18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
	{"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
		"ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
		"dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
		"09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"},
};

static void signs_by_ed25519(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ed25519) / sizeof(*ed25519); i++) {
		uint8_t seed[32], public[32], message[64],
			signature[CRYPTO_SIGNATURE_SIZE];
		size_t len = unhex(message, sizeof(message), ed25519[i].message);

		key_of(seed, ed25519[i].seed);
		crypto_ed25519_public(public, seed);
		assert_hex(public, 32, ed25519[i].public);
		crypto_ed25519_sign(signature, seed, message, len);
		assert_hex(signature, CRYPTO_SIGNATURE_SIZE, ed25519[i].signature);
		assert_true(crypto_ed25519_verify(signature, public, message, len));
	}
}

static void refuses_a_forged_signature(void **state)
{
	uint8_t seed[32], public[32], message[2] = {0xaf, 0x82};
	uint8_t signature[CRYPTO_SIGNATURE_SIZE];

	(void)state;
	key_of(seed, ed25519[2].seed);
	key_of(public, ed25519[2].public);
	crypto_ed25519_sign(signature, seed, message, 2);
	for (size_t bit = 0; bit < sizeof(signature) * 8; bit++) {
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(crypto_ed25519_verify(signature, public, message, 2));
		signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < sizeof(public) * 8; bit++) {
		public[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(crypto_ed25519_verify(signature, public, message, 2));
		public[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_false(crypto_ed25519_verify(signature, public, message, 1));
	message[1] ^= 1;
	assert_false(crypto_ed25519_verify(signature, public, message, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_processor),
		cmocka_unit_test(wipes_and_compares),
		cmocka_unit_test(hashes_sha_256),
		cmocka_unit_test(hashes_in_place),
		cmocka_unit_test(authenticates_by_hmac),
		cmocka_unit_test(takes_keys_around_a_block),
		cmocka_unit_test(truncates_the_mac),
		cmocka_unit_test(derives_by_hkdf),
		cmocka_unit_test(derives_up_to_its_limit),
		cmocka_unit_test(stretches_by_scrypt),
		cmocka_unit_test(multiplies_on_x25519),
		cmocka_unit_test(agrees_by_x25519),
		cmocka_unit_test(refuses_points_of_low_order),
		cmocka_unit_test(signs_by_ed25519),
		cmocka_unit_test(refuses_a_forged_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
