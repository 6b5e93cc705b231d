#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Keepalives hold the NATs' mappings: with conntrack timeouts of 20 s, a path that was silent
# for 45 s carries the next datagram at once, whichever side sends it.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

TIMEOUT=20
IDLE=45
lab_begin "$@"
need_eyelet

# The target speaks first after the silence; eyelet's log must not tell of a new path.
held_for_host() {
	local line
	line=$(lab_in guest "$UDPCHECK" push 127.0.0.1 7001 --delay $((IDLE * 1000)) --timeout 1000) ||
		fail "$line"
}

held_for_guest() {
	sleep "$IDLE" # the silence itself
	ping_target 7001 --count 10 --timeout 500
}

one_path() {
	local count
	count=$(grep -c 'connected directly' "$LAB_DIR/connect.log")
	[ "$count" -eq 1 ] || fail "the guest connected $count times"
}

# A host whom nobody has asked for IDLE seconds is still to be found.
lease_held() {
	start_connect_as later 7002
	await_connected 3 later && ping_target 7002 --count 10
}

lab_two_sides port-restricted port-restricted
for nat in hnat gnat; do
	lab_udp_timeout $nat $TIMEOUT || { skip "keepalive" "conntrack timeouts cannot be set"; finish; }
done
check "connects" start_pair
check "after $IDLE s of silence the host's datagram arrives at once" held_for_host
check "after $IDLE s of silence the guest's datagram is answered at once" held_for_guest
check "the path is still the first one" one_path
check "a guest that comes later finds the host" lease_held
finish
