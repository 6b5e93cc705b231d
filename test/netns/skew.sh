#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Start skew: the guest waits for a host that comes 12 s later, and the other way round.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

SKEW=12
lab_begin "$@"
need_eyelet

# The first run makes the ticket, which outlives it in the state directory.
prepare() {
	lab_two_sides port-restricted port-restricted
	start_rendezvous && start_echo 7000 && start_serve 7000
}

guest_first() {
	prepare || return 1
	stop serve
	start_connect 7001
	sleep "$SKEW" # the skew itself, not a wait for anything
	running connect || fail "connect gave up within $SKEW s" || return 1
	start_serve 7000 && await_connected 5 && ping_target 7001
}

host_first() {
	prepare || return 1
	sleep "$SKEW"
	start_connect 7001 && await_connected 5 && ping_target 7001
}

# No rendezvous either at first: both sides must go on asking.
rendezvous_last() {
	prepare || return 1
	stop serve
	stop rdv
	start_serve 7000 && start_connect 7001 || return 1
	sleep "$SKEW"
	running connect && running serve || fail "someone gave up within $SKEW s" || return 1
	start_rendezvous && await_connected 8 && ping_target 7001
}

for test in guest_first host_first rendezvous_last; do
	check "start skew of $SKEW s, ${test//_/ }" $test
	lab_clear
done
finish
