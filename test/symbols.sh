#!/bin/bash
# SPDX-License-Identifier: MIT
# The library exports what include/eyelet.h declares, with what it includes, and nothing more, in
# the shared object and in the archive; each header stands alone in C11 and C++; the example
# builds against both and runs.
set -u
cd "$(dirname "$0")/.." || exit 1
dir=${BUILD:-build}
CC=${CC:-cc} CXX=${CXX:-c++}
header=include/eyelet.h
strict='-Wall -Wextra -Wshadow -Wconversion -Werror'
status=0

trial=$(mktemp -d)
server=
finish() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	rm -rf "$trial"
}
trap finish EXIT

ok() { echo "ok - $1"; }
not_ok() { echo "not ok - $1" && status=1; }
expect() { # what, command...
	local what=$1
	shift
	"$@" >"$trial/log" 2>&1 && ok "$what" || { not_ok "$what" && cat "$trial/log"; }
}

# Every declaration behind the mark, on a line of its own, by the name before its first "(".
declared=$($CC -E -P -DEYELET_API=EXPORTED $header | tr '\n' ' ' | grep -oE 'EXPORTED [^;]*' |
	grep -oE 'eyelet_[a-z0-9_]+ ?\(' | grep -oE '^eyelet_[a-z0-9_]+' | sort -u)
marked=$(cat include/*.h | grep -cE '^EYELET_API ')

same() { # what, the symbols that are there
	local bad
	bad=$(diff <(echo "$declared") <(echo "$2"))
	[ -z "$bad" ] && ok "$1" || not_ok "$1 (< declared, > exported): $(echo $bad)"
}

[ "$(echo "$declared" | wc -l)" = "$marked" ] && ok "all $marked declarations are found" ||
	not_ok "of $marked declarations $(echo "$declared" | wc -l) are found"
same "$dir/libeyelet.so exports the header's functions" \
	"$(nm -D --defined-only "$dir/libeyelet.so" | awk '{print $NF}' | sort -u)"
same "$dir/libeyelet.a exports the header's functions" \
	"$(nm -g --defined-only "$dir/libeyelet.a" | awk 'NF == 3 {print $3}' | sort -u)"
# The comparison can fail.
(same trial "$declared
eyelet_secret") | grep -q '^not ok' && ok "a symbol too many is found out" ||
	not_ok "a symbol too many passes"

for alone in include/*.h; do
	name=${alone#include/}
	echo "#include <$name>" >"$trial/alone.c"
	cp "$trial/alone.c" "$trial/alone.cpp"
	expect "$name stands alone in C11" \
		$CC -std=c11 -pedantic $strict -Iinclude -c "$trial/alone.c" -o "$trial/alone.o"
	command -v "$CXX" >/dev/null || { echo "skip - $name in C++: no C++ compiler here"; continue; }
	for std in c++11 c++20; do
		expect "$name stands alone in $std" \
			$CXX -std=$std -pedantic $strict -Iinclude -c "$trial/alone.cpp" \
			-o "$trial/alone.o"
	done
done

example=contrib/examples/echo-over-eyelet.c
build() { $CC -std=c11 -D_DEFAULT_SOURCE $strict -Iinclude $example "$@"; }
expect "the example builds against the shared object" \
	build "$dir/libeyelet.so" -o "$trial/shared"
upnp= # unless built by WITH_UPNP=no
nm -u "$dir/libeyelet.o" | grep -q upnpDiscover && upnp=-lminiupnpc
ssl= # unless built by WITH_TLS=no
nm -u "$dir/libeyelet.o" | grep -q SSL_CTX_new && ssl=-lssl
sodium= # unless built by WITH_SODIUM=no
nm -u "$dir/libeyelet.o" | grep -q crypto_sign_ed25519 && sodium=-lsodium
expect "the example builds against the archive" \
	build "$dir/libeyelet.a" -lev -lcares $ssl -lcrypto -lm $upnp $sodium -pthread -o "$trial/static"
# The soname is the installed file's name.
ln -s "$(realpath "$dir/libeyelet.so")" "$trial/libeyelet.so.0"
export LD_LIBRARY_PATH="$trial${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"

# One of each, so that both are run. A port in use is another's: try the next.
for port in 34780 34781 34782 34783; do
	"$trial/shared" "127.0.0.1:$port" >"$trial/ticket" 2>"$trial/log" &
	server=$!
	for _ in $(seq 100); do
		[ -s "$trial/ticket" ] && break 2
		kill -0 $server 2>/dev/null || break
		sleep 0.05
	done
	kill $server 2>/dev/null
done
answer=$(printf 'one\ntwo\n' | timeout 30 "$trial/static" "$(cat "$trial/ticket")" 2>>"$trial/log")
[ "$answer" = $'one\ntwo' ] && ok "the example's two sides talk" ||
	{ not_ok "the example's two sides talk: $answer" && cat "$trial/log"; }
exit $status
