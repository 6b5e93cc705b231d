#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Where no direct path can be had yet, the guest ends in time, with the exit code for that and
# a sentence, and does not hang.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

TIMEOUT=6
lab_begin "$@"
need_eyelet

ends_cleanly() { # HOST-KIND GUEST-KIND
	lab_two_sides "$1" "$2"
	start_rendezvous && start_echo 7000 && start_serve 7000 || return 1
	start_connect 7001 --timeout "$TIMEOUT"
	await_exit connect $((TIMEOUT + 2)) || return 1
	[ "$STATUS" -eq 5 ] || [ "$STATUS" -eq 6 ] || fail "exit code $STATUS, not 5 or 6" || return 1
	grep -Eiq 'NAT|port' "$LAB_DIR/connect.log" ||
		fail "no reason given: $(tail -n 1 "$LAB_DIR/connect.log")"
}

for pair in symmetric/symmetric port-restricted/symmetric symmetric/port-restricted; do
	check "$pair ends cleanly" ends_cleanly "${pair%/*}" "${pair#*/}"
	lab_clear
done
finish
