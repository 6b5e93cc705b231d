#!/bin/bash
# SPDX-License-Identifier: MIT
# Static checks: clang-tidy (.clang-tidy), cppcheck, clang-format, mandoc, bash -n, and whether
# the documents know every option (options.sh). One TAP line each; what they found is in build/lint. LINT_ONLY="tidy cppcheck" runs some.
set -u
cd "$(dirname "$0")/.." || exit 1
out=build/lint status=0
mkdir -p "$out"

version=$(sed -n 's/^VERSION *= *//p' Makefile)
flags="-std=c11 -D_GNU_SOURCE -DEYELET_UPNP -DEYELET_TLS -DEYELET_VERSION=\"$version\" -Isrc -Iinclude -Itest -Itest/unit"

# Of the tests only what LINT_TESTS=1 asks for: they take as long again.
sources() { find src ${LINT_TESTS:+test} -name '*.c' | sort; }
all_c() { find src test include contrib -name '*.[ch]' | sort; }

# The analyzer does not see through uthash: it takes the element that HASH_DEL has unlinked
# for the head of the table still. ASan runs over all of those places in the tests.
without_uthash() {
	awk 'function flush() {
		if (!(block ~ /unix\.Malloc|core\.NullDereference/ && block ~ /ut(hash|list)\.h/))
			printf "%s", block
	}
	/: (warning|error):/ { flush(); block = "" }
	{ block = block $0 "\n" }
	END { flush() }'
}

# What a file comes to after preprocessing, if it was clean before, is clean.
tidy_one() {
	local file=$1 key report
	key=$({ clang -E -C $flags "$file" 2>/dev/null; cat .clang-tidy test/.clang-tidy; } |
		sha256sum | cut -c 1-40)
	[ ! -e "$out/clean/$key" ] || return 0
	report=$(clang-tidy --quiet "$file" -- $flags 2>/dev/null | without_uthash)
	if grep -qE ': (warning|error):' <<<"$report"; then
		echo "$report"
	else
		touch "$out/clean/$key"
	fi
}

check_tidy() {
	mkdir -p "$out/clean"
	find "$out/clean" -type f -mtime +7 -delete
	export -f tidy_one without_uthash
	export flags out
	sources | xargs -P "$(nproc)" -I{} bash -c 'tidy_one {}' >"$out/tidy"
	! grep -E ': (warning|error):' "$out/tidy"
}

# The headers of macros that cppcheck has to see through, and no other of the system's. In
# tests it takes what a fixture fills in through a pointer for uninitialised; they run under
# valgrind.
check_cppcheck() {
	mkdir -p "$out/include"
	ln -sf /usr/include/uthash.h /usr/include/utlist.h "$out/include/"
	cppcheck -j "$(nproc)" --quiet --enable=warning,performance,portability --inline-suppr \
		--error-exitcode=1 --std=c11 ${flags#-std=c11} -I"$out/include" \
		--suppress='*:build/lint/include/*' --suppress=missingIncludeSystem \
		--suppress='uninitvar:test/*' --suppress='uninitStructMember:test/*' \
		src test >"$out/cppcheck" 2>&1 || ! cat "$out/cppcheck"
}

check_format() { all_c | xargs clang-format --dry-run -Werror >"$out/format" 2>&1 ||
	! grep error: "$out/format" | cut -d: -f1 | sort | uniq -c; }

check_man() { mandoc -Tlint -W warning src/man/*.[1-8] >"$out/man" 2>&1 || ! cat "$out/man"; }

check_options() { test/options.sh >"$out/options" || ! cat "$out/options"; }

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
run options build/eyelet
run cppcheck cppcheck
run tidy clang-tidy
exit $status
