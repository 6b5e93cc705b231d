#!/bin/sh
# SPDX-License-Identifier: MIT
# Compiles the core with one rule switched off at a time (-DEYELET_PLANT_RULE) and asserts
# that the simulator notices. Only the files that know the rule are compiled again.
# CC, CFLAGS and LIBS may be given; everything goes to build/planted.
set -eu
cd "$(dirname "$0")/../.."

cc=${CC:-cc}
cflags="-std=c11 -D_GNU_SOURCE -O1 -Isrc -Iinclude -Itest ${CFLAGS:-}"
libs=${LIBS:-$(pkg-config --libs libcrypto)}
wrap=-Wl,--wrap=crypto_aead_new,--wrap=crypto_aead_free,--wrap=crypto_aead_seal
out=build/planted
jobs=$(nproc)
passed=0 failed=0

rm -rf "$out"
mkdir -p "$out/core" "$out/sim"
for dir in core sim; do
	case $dir in
	core) sources=src/core ;;
	sim) sources=test/sim ;;
	esac
	for file in "$sources"/*.c; do
		echo "$file" "$out/$dir/$(basename "$file" .c).o"
	done
done | xargs -P "$jobs" -L 1 sh -c "$cc $cflags -c \"\$0\" -o \"\$1\""

for rule in REPLAY RETRANSMIT ROAM COOKIE TTL NONCE OVERLAP RESUME BLACKHOLE RELAY STREAM; do
	objects=$(echo "$out"/core/*.o)
	mkdir -p "$out/$rule"
	for file in $(grep -l "EYELET_PLANT_$rule\$" src/core/*.c); do
		name=$(basename "$file" .c).o
		$cc $cflags "-DEYELET_PLANT_$rule" -c "$file" -o "$out/$rule/$name"
		objects=$(echo " $objects " | sed "s| $out/core/$name | $out/$rule/$name |")
	done
	$cc $cflags $wrap -o "$out/$rule/sim" "$out"/sim/*.o $objects $libs
	if "$out/$rule/sim" planted "$rule"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
