#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs the named tiers one after the other, each logged to build/log/TIER, and sums up the
# TAP lines they print ("ok", "not ok", "skip", or with "# SKIP"). Exits 1 if any failed.
set -u
cd "$(dirname "$0")/.." || exit 1
mkdir -p build/log

jobs=$(nproc)
quiet_make() { make --no-print-directory -j"$jobs" "$@" >build/log/make 2>&1 || {
	cat build/log/make
	return 1
}; }

has_cmocka() {
	echo '#include <cmocka.h>' | ${CC:-cc} -E - >/dev/null 2>&1 ||
		{ echo "skip - $1: libcmocka-dev is not installed" && return 1; }
}

# Runs every unit test of a build directory; cmocka speaks TAP.
unit_programs() {
	local dir=$1 program status=0
	for program in "$dir"/test/unit/*; do
		[ -x "$program" ] && [ -f "$program" ] || continue
		echo "# $program"
		CMOCKA_MESSAGE_OUTPUT=TAP "$program" 2>&1
		case $? in
		0) ;;
		77) echo "skip - $program: not possible here" ;;
		*) status=1 && echo "not ok - $program" ;;
		esac
	done
	return $status
}

# Runs commands side by side, and prints what each said, one after the other. Fails if one
# does.
together() {
	local out i=0 status=0 pids=()
	out=$(mktemp -d) || return 1
	for command in "$@"; do
		$command >"$out/${#pids[@]}" 2>&1 &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || status=1
		cat "$out/$i"
		i=$((i + 1))
	done
	rm -r "$out"
	return $status
}

tier_purity() { quiet_make all && test/purity.sh && test/symbols.sh; }
tier_unit() { has_cmocka unit || return 0; quiet_make unit-programs && unit_programs build; }
tier_guard() {
	has_cmocka guard || return 0
	echo '#include <valgrind/callgrind.h>' | ${CC:-cc} -E - >/dev/null 2>&1 ||
		{ echo "skip - guard: valgrind is not installed" && return 0; }
	quiet_make guard-programs && test/guard/run.sh
}
tier_sim() {
	quiet_make sim-program && build/sim selftest &&
		together "build/sim scenarios" "build/sim random --seeds 200" &&
		test/sim/planted.sh
}
tier_netns() { quiet_make netns-programs && test/netns/run.sh quick; }
tier_fuzz() { test/fuzz/run.sh "${FUZZ_SECONDS:-10}"; }
tier_sanitize() {
	has_cmocka sanitize || return 0
	quiet_make SANITIZE=address,undefined unit-programs sim-program &&
		together "unit_programs build/address-undefined" \
			"build/address-undefined/sim scenarios" &&
		build/address-undefined/sim random --seeds 50
}
tier_lint() { test/lint.sh; }
tier_lint-tests() { LINT_TESTS=1 LINT_ONLY=tidy test/lint.sh; }

tier_deb() { test/deb.sh; }
tier_netns-long() { quiet_make netns-programs && test/netns/run.sh long; }
# What a sanitizer says of a program's last moments would go with the test's directory.
tier_netns-sanitize() {
	local reports=$PWD/build/log/sanitizer status=0 report
	quiet_make SANITIZE=address,undefined netns-programs || return 1
	rm -f "$reports".*
	ASAN_OPTIONS=log_path=$reports UBSAN_OPTIONS=print_stacktrace=1:log_path=$reports \
		EYELET=build/address-undefined/eyelet test/netns/run.sh quick || status=$?
	for report in "$reports".*; do
		[ -e "$report" ] || continue
		echo "not ok - sanitizer: $report"
		sed 's/^/# /' "$report"
		status=1
	done
	return $status
}
tier_valgrind() {
	local program status=0
	has_cmocka valgrind || return 0
	command -v valgrind >/dev/null ||
		{ echo "skip - valgrind: valgrind is not installed" && return 0; }
	quiet_make unit-programs || return 1
	for program in build/test/unit/*; do
		[ -x "$program" ] && [ -f "$program" ] || continue
		valgrind -q --error-exitcode=9 --leak-check=full "$program" >build/log/valgrind-one 2>&1
		case $? in
		0) echo "ok - valgrind $program" ;;
		77) echo "skip - valgrind $program: not possible here" ;;
		*)
			echo "not ok - valgrind $program"
			sed 's/^/# /' build/log/valgrind-one
			status=1
			;;
		esac
	done
	return $status
}
# The same programs, with as many of everything as they are meant to stand.
tier_unit-long() {
	has_cmocka unit-long || return 0
	quiet_make build/test/unit/registry build/test/unit/amplification || return 1
	EYELET_SERVICES=1000000 CMOCKA_MESSAGE_OUTPUT=TAP build/test/unit/registry 2>&1 &&
		EYELET_DATAGRAMS=10000000 CMOCKA_MESSAGE_OUTPUT=TAP \
			build/test/unit/amplification 2>&1
}
tier_fuzz-long() { test/fuzz/run.sh 300; }
tier_sim-long() {
	quiet_make sim-program && build/sim scenarios --long && test/sim/many.sh 100000
}

skips='^(skip|(not )?ok .*# SKIP)' # cmocka says "not ok" of what it skips
passed=0 failed=0 skipped=0
for tier in "$@"; do
	log=build/log/$tier began=$SECONDS
	echo "== $tier"
	"tier_$tier" 2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	s=$(grep -cE "$skips" "$log")
	p=$(grep -vE "$skips" "$log" | grep -cE '^ok')
	f=$(grep -vE "$skips" "$log" | grep -E '^not ok' | sort -u | wc -l) # netns says them twice
	[ "$status" = 77 ] && [ "$s" != 0 ] && status=0 # all of it skipped
	if [ "$status" != 0 ] && [ "$f" = 0 ]; then
		echo "not ok - tier $tier ended with status $status" | tee -a "$log"
		f=1
	fi
	echo "== $tier: $p passed, $f failed, $s skipped, $((SECONDS - began)) s"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
grep -hE '^not ok' $(printf 'build/log/%s ' "$@") | grep -vE "$skips" | sort -u |
	sed 's/^/failed: /'
grep -hE "$skips" $(printf 'build/log/%s ' "$@") | sed 's/^/skipped: /'
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
