# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Results in the manner of TAP: `ok - name`, `not ok - name: why`, `skip - name: what is missing`.

TAP_PASSED=0
TAP_FAILED=0
TAP_SKIPPED=0
WHY= # what a failing step found; shown by not_ok

ok() { # NAME
	TAP_PASSED=$((TAP_PASSED + 1))
	echo "ok - $1"
}

not_ok() { # NAME [WHY]
	TAP_FAILED=$((TAP_FAILED + 1))
	echo "not ok - $1: ${2:-${WHY:-no reason given}}"
}

skip() { # NAME WHAT-IS-MISSING
	TAP_SKIPPED=$((TAP_SKIPPED + 1))
	echo "skip - $1: $2"
}

# Fails with a reason: `... || fail "why"`.
fail() { # WHY
	WHY=$1
	return 1
}

# Runs a step and tells its result under the given name, with the programs' logs on failure.
check() { # NAME COMMAND...
	local name=$1
	shift
	WHY=
	if "$@"; then
		ok "$name"
	else
		not_ok "$name" "${WHY:-$1 failed}"
		declare -F show_logs >/dev/null && show_logs
	fi
	return 0
}

# Tells whether each program is installed; names the first that is not in WHY.
have() { # PROGRAM...
	local program
	for program; do
		command -v "$program" >/dev/null 2>&1 || fail "$program is not installed" || return 1
	done
}

# Ends a test file: 1 if anything failed, 77 if all was skipped, else 0.
finish() {
	[ "$TAP_FAILED" -eq 0 ] || exit 1
	[ "$TAP_PASSED" -gt 0 ] || [ "$TAP_SKIPPED" -eq 0 ] || exit 77
	exit 0
}
