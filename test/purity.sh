#!/bin/bash
# SPDX-License-Identifier: MIT
# The core is pure: its objects may refer to each other, to libcrypto and libsodium (crypto.o alone) and
# to the few functions of libc that compute, and to nothing that touches a socket, a clock,
# randomness, a file or a stream; and none of them has writable static data.
set -u
cd "$(dirname "$0")/.." || exit 1
dir=build/core status=0

allowed='^(mem(cpy|set|move|cmp|chr)|str(len|chr|cmp|ncmp|rchr|nlen)|malloc|calloc|realloc|free|inet_(pton|ntop)|__stack_chk_fail|__(memcpy|memset|memmove|strcpy)_chk|explicit_bzero|_GLOBAL_OFFSET_TABLE_|abort|__assert_fail)$'
own=$(nm --defined-only -g "$dir"/*.o | awk 'NF==3{print $3}' | sort -u)

check() {
	local object=$1 symbols bad
	symbols=$(nm -u "$object" | awk '{print $2}' | grep -vxF "$own" | grep -vE "$allowed")
	[ "$(basename "$object")" = crypto.o ] &&
		symbols=$(echo "$symbols" | grep -vE '^(EVP_|HMAC|SHA256|OPENSSL_cleanse|CRYPTO_memcmp|OSSL_|PKCS5_|__cpu_|crypto_sign_ed25519_verify_detached$)')
	bad=$(echo "$symbols" | grep .)
	[ -z "$bad" ] || { echo "not ok - $object refers to $(echo $bad)"; return 1; }
	bad=$(objdump -t "$object" | grep -E ' O +(\.(data|bss|tdata|tbss)|\*COM\*)' |
		grep -v '\.rel\.ro' | awk '{print $NF}')
	[ -z "$bad" ] || { echo "not ok - $object has writable static data: $(echo $bad)"; return 1; }
	echo "ok - $object is pure"
}

for object in "$dir"/*.o; do check "$object" || status=1; done

# The allow list can fail: an object that opens a socket must be found out.
trap 'rm -rf "$trial"' EXIT
trial=$(mktemp -d)
echo '#include <sys/socket.h>
int f(void); int f(void) { return socket(1, 2, 3); }' | ${CC:-cc} -x c -c - -o "$trial/impure.o"
if check "$trial/impure.o" >/dev/null; then
	echo "not ok - an impure object passes" && status=1
else
	echo "ok - an impure object is found out"
fi
echo 'int g(void); int g(void) { static int count; return ++count; }' |
	${CC:-cc} -x c -c - -o "$trial/static.o"
if check "$trial/static.o" >/dev/null; then
	echo "not ok - an object with a mutable static passes" && status=1
else
	echo "ok - a mutable static is found out"
fi
exit $status
