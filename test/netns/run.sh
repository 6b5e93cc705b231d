#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs the tests of this directory, two at a time, and ends with their sum.
# usage: run.sh [quick|long]
# Exit code 0: all passed; 1: something failed; 77: everything was skipped.

. "$(dirname "$0")/tap.sh"
HERE=$(cd "$(dirname "$0")" && pwd)
JOBS=${JOBS:-2}
LIMIT=1800 # seconds for one file, many times what the longest takes

# The longest first, so that the two lanes end together.
quick_jobs() {
	cat <<-'END'
		matrix.sh quick
		roam.sh
		mtu.sh
		restart.sh
		portmap.sh
		skew.sh
		apps.sh
		errors.sh
		hard-nats.sh
		loss.sh
		commands.sh
		guests.sh
		netcheck.sh quick
		stream.sh quick
		netcheck-pair.sh quick
		flood.sh
		tos.sh
		sizes.sh
		many.sh
		names.sh
		loopback.sh
	END
}

long_jobs() {
	cat <<-'END'
		matrix.sh all
		soak.sh 5
		keepalive.sh
		last.sh
		relay-load.sh
		loss.sh 100
		sizes.sh all
		netcheck.sh
		netcheck-pair.sh
		stream.sh
		nat-check.sh
		nat-matrix.sh
		lab-check.sh
	END
	quick_jobs | grep -v '^sizes.sh\|^matrix.sh\|^netcheck\|^stream.sh'
}

# One test file, its lines kept together. It cleans up after itself when told to end.
run_job() { # NUMBER SCRIPT [ARGUMENT...]
	local output=$RESULTS/$1 from=$SECONDS pid
	shift
	timeout --kill-after=20 $LIMIT bash "$HERE/$1" "${@:2}" >"$output.new" 2>&1 &
	pid=$!
	trap 'kill -TERM $pid; wait $pid; exit 130' TERM
	wait $pid ||
		[ $? -eq 77 ] || grep -q '^not ok' "$output.new" ||
		echo "not ok - $*: ended early" >>"$output.new"
	{
		echo "# $* ($((SECONDS - from)) s)"
		cat "$output.new"
	} | tee "$output"
	rm "$output.new"
}

run_all() {
	local number=0 job
	while read -r job; do
		number=$((number + 1))
		while [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; do
			wait -n
		done
		# shellcheck disable=SC2086 # a job is words
		run_job $number $job </dev/null &
	done
	wait
}

count() { # PATTERN
	cat "$RESULTS"/* | grep -c "^$1"
}

RESULTS=$(mktemp -d "${TMPDIR:-/tmp}/eyelet-results.XXXXXX")
trap 'rm -rf "$RESULTS"' EXIT
# shellcheck disable=SC2046 # pids are words
trap 'kill -TERM $(jobs -rp) 2>/dev/null; wait; exit 130' INT TERM

case ${1:-quick} in
quick) run_all < <(quick_jobs) ;;
long) run_all < <(long_jobs) ;;
*)
	echo "usage: run.sh [quick|long]" >&2
	exit 2
	;;
esac

passed=$(count 'ok - ') failed=$(count 'not ok - ') skipped=$(count 'skip - ')
cat "$RESULTS"/* | grep '^not ok - '
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] || exit 1
[ "$passed" -gt 0 ] || exit 77
