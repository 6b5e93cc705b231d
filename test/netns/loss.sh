#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# 30 % loss each way on the access links of host and guest: 20 of 20 guests connect within 5 s.
# usage: loss.sh [TRIALS]

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

PERCENT=30
WITHIN_MS=5000
lab_begin "$@"
need_eyelet
TRIALS=${1:-20}

# One guest, new each time: no identity, no cookie, no NAT mapping from before.
trial() { # NUMBER
	local from=$(($(date +%s%3N))) took
	start_connect_as "connect$1" $((7100 + $1))
	await_connected $((WITHIN_MS / 1000)) "connect$1"
	took=$(($(date +%s%3N) - from))
	running "connect$1" && [ -n "$CONNECT_MS" ] && [ "$took" -le "$WITHIN_MS" ]
}

all_trials() {
	local number times=() late=0
	for ((number = 1; number <= TRIALS; number++)); do
		CONNECT_MS=
		trial "$number" && times+=("$CONNECT_MS") || late=$((late + 1))
		stop "connect$number"
	done
	echo "# ms to connect: $(printf '%s\n' "${times[@]}" | sort -n | tr '\n' ' ')"
	[ "$late" -eq 0 ] || fail "$late of $TRIALS did not connect within $WITHIN_MS ms"
}

lossy() { # HOST-KIND GUEST-KIND
	lab_two_sides "$1" "$2"
	start_rendezvous && start_echo 7000 && start_serve 7000 || return 1
	lab_loss host "$PERCENT"
	lab_loss guest "$PERCENT"
	all_trials
}

check "$TRIALS of $TRIALS connect through $PERCENT % loss each way" lossy port-restricted poison
finish
