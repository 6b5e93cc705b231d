#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds the libFuzzer targets, replays their corpora, then fuzzes each for SECONDS, two at a
# time: run.sh SECONDS [TARGET...]. What fuzzing finds new stays in build/fuzz/work, what
# breaks a promise in build/fuzz/crash; FUZZ_TRACE=1 build/fuzz/core FILE tells the story.
# To take what is worth keeping into the tree: run.sh merge [TARGET...].
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${1:-10}
shift
out=build/fuzz
targets=(stun message ticket candidate frame framing handshake portmap core)
[ $# -gt 0 ] && targets=("$@")

export ASAN_OPTIONS=malloc_context_size=4:quarantine_size_mb=32:${ASAN_OPTIONS-}
limits='-timeout=30 -rss_limit_mb=2048' # split where used: arrays are not exported

# Inputs of the core are scripts: long ones say nothing new, slowly.
longest() {
	case $1 in
	core | frame | framing) echo 400 ;;
	*) echo 1300 ;;
	esac
}

has_libfuzzer() {
	command -v clang >/dev/null &&
		echo 'int LLVMFuzzerTestOneInput(const char *d, long n);
		int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }' |
		clang -fsanitize=fuzzer,address,undefined -x c - -o "$out/probe" 2>/dev/null
}

# Prints what a failed target said, and the input that made it fail.
tell() {
	local name=$1 what=$2 crash
	echo "not ok - fuzz $name: $what"
	tail -n 30 "$out/log/$name" | sed 's/^/# /'
	for crash in "$out/crash/$name"-*; do
		[ -f "$crash" ] && echo "# $crash: $(base64 -w 0 "$crash")"
	done
}

# Prints one TAP line for a target.
fuzz() {
	local name=$1 log=$out/log/$1 corpus=test/fuzz/corpus/$1 runs coverage
	mkdir -p "$out/work/$name" "$out/crash"
	if ! timeout 300 "$out/$name" $limits -runs=0 -artifact_prefix="$out/crash/$name-" \
		"$corpus" "$out/seeded/$name" >"$log" 2>&1; then
		tell "$name" "an input of its corpus"
		return 1
	fi
	if ! timeout $((seconds + 120)) "$out/$name" $limits -max_total_time="$seconds" \
		-max_len="$(longest "$name")" -print_final_stats=1 \
		-artifact_prefix="$out/crash/$name-" "$out/work/$name" "$corpus" \
		"$out/seeded/$name" >"$log" 2>&1; then
		tell "$name" "$seconds s"
		return 1
	fi
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	coverage=$(sed -n 's/^#[0-9]*.*DONE *cov: *\([0-9]*\).*/\1/p' "$log" | tail -n 1)
	echo "ok - fuzz $name: ${runs:-0} runs, coverage ${coverage:-0}"
}

# Leaves the smallest set of inputs that covers what the corpus, the seeds and all finds do.
merge() {
	local name=$1 corpus=test/fuzz/corpus/$1 fresh=$out/merge/$1
	mkdir -p "$out/work/$name" "$out/crash" "$corpus" && rm -rf "$fresh" && mkdir -p "$fresh"
	"$out/$name" $limits -artifact_prefix="$out/crash/$name-" -use_counters=0 \
		-set_cover_merge=1 "$fresh" "$out/seeded/$name" "$corpus" \
		"$out/work/$name" >"$out/log/merge-$name" 2>&1 &&
		rm -rf "$corpus" && cp -r "$fresh" "$corpus"
}

mkdir -p "$out/log"
if ! has_libfuzzer; then
	echo "skip - fuzz: clang with libFuzzer missing"
	exit 0
fi
if ! make -s -f test/fuzz/fuzz.mk -j2 all seeds >"$out/log/make" 2>&1; then
	tail -n 20 "$out/log/make" | sed 's/^/# /'
	echo "not ok - fuzz: does not build, see $out/log/make"
	exit 1
fi
rm -rf "$out/seeded" && mkdir -p "$out/seeded"
if ! "$out/seeds" "$out/seeded" >"$out/log/seeds" 2>&1; then
	echo "not ok - fuzz: the lab's own scripts fail, see $out/log/seeds"
	exit 1
fi
if [ "$seconds" = merge ]; then
	for name in "${targets[@]}"; do merge "$name" || exit 1; done
	exit 0
fi
export -f fuzz longest tell
export out seconds limits
printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c 'fuzz {}'
