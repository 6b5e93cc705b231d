#!/bin/bash
# SPDX-License-Identifier: MIT
# Static checks: clang-tidy (.clang-tidy), cppcheck, clang-format, mandoc, bash -n. One TAP
# line each; what they found is in build/lint. LINT_ONLY="tidy cppcheck" runs some.
set -u
cd "$(dirname "$0")/.." || exit 1
out=build/lint status=0
mkdir -p "$out"

version=$(sed -n 's/^VERSION *= *//p' Makefile)
flags=(-std=c11 -D_GNU_SOURCE "-DEYELET_VERSION=\"$version\"" -Isrc -Iinclude -Itest)

sources() { find src test -name '*.c' | sort; }
all_c() { find src test include contrib -name '*.[ch]' | sort; }

# The analyzer does not see through uthash: it takes the element that HASH_DEL has unlinked
# for the head of the table still. ASan runs over all of those loops in the tests.
without_uthash() {
	awk '/: (warning|error):.*clang-analyzer-unix\.Malloc/ {
		split($0, at, ":"); line = ""
		for (i = 1; (getline line < at[1]) > 0 && i < at[2]; i++) {}
		close(at[1]); drop = line ~ /HASH_|_OOM|TABLE_/
	}
	/: (warning|error):/ && !/clang-analyzer-unix\.Malloc/ { drop = 0 }
	!drop'
}

check_tidy() {
	sources | xargs -P "$(nproc)" -n 6 sh -c 'clang-tidy --quiet "$@" -- '"$(
		printf "'%s' " "${flags[@]}")"' 2>/dev/null' _ | without_uthash >"$out/tidy"
	! grep -E ': (warning|error):' "$out/tidy"
}

# The headers of macros that cppcheck has to see through, and no other of the system's.
check_cppcheck() {
	mkdir -p "$out/include"
	ln -sf /usr/include/uthash.h /usr/include/utlist.h "$out/include/"
	cppcheck -j "$(nproc)" --quiet --enable=warning,performance,portability --inline-suppr \
		--error-exitcode=1 --std=c11 "${flags[@]:1}" -I"$out/include" \
		--suppress='*:build/lint/include/*' --suppress=missingIncludeSystem \
		src test >"$out/cppcheck" 2>&1 || ! cat "$out/cppcheck"
}

check_format() { all_c | xargs clang-format --dry-run -Werror >"$out/format" 2>&1 ||
	! grep error: "$out/format" | cut -d: -f1 | sort | uniq -c; }

check_man() { mandoc -Tlint -W warning src/man/*.[1-8] >"$out/man" 2>&1 || ! cat "$out/man"; }

check_shell() {
	find test packaging contrib .ci \( -name '*.sh' -o -name run -o -name '*.bash' \) \
		-type f -print0 | xargs -0 -n 1 bash -n >"$out/shell" 2>&1 || ! cat "$out/shell"
}

run() {
	local name=$1 tool=$2 began=$SECONDS
	[[ " ${LINT_ONLY:-$name} " == *" $name "* ]] || return 0
	command -v "$tool" >/dev/null || {
		echo "skip - lint $name: $tool missing"
		return 0
	}
	if "check_$name" | sed 's/^/# /' && [ "${PIPESTATUS[0]}" = 0 ]; then
		echo "ok - lint $name ($((SECONDS - began)) s)"
	else
		echo "not ok - lint $name: see $out/$name"
		status=1
	fi
}

run format clang-format
run shell bash
[ -z "$(find src/man -name '*.[1-8]')" ] || run man mandoc
run cppcheck cppcheck
run tidy clang-tidy
exit $status
