#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# eyelet netcheck TICKET tells what to expect of the actual pair, without connecting.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

# Runs it at the guest; leaves its object in SEEN, its exit code in STATUS.
netcheck() { # ARGUMENT...
	SEEN=$(lab_in guest timeout 60 "$EYELET" netcheck --json --no-port-mapping "$@" 2>"$LAB_DIR/netcheck.log")
	STATUS=$?
}

has() { # CODE TEXT...
	[ "$STATUS" = "$1" ] || fail "exit code $STATUS, not $1: $SEEN" || return 1
	local want
	for want in "${@:2}"; do
		[[ $SEEN == *"$want"* ]] || fail "no $want in $SEEN" || return 1
	done
}

# What it says holds: connect comes by that way afterwards. No session was made before.
expects() { # HOST-KIND GUEST-KIND LINE TEXT...
	lab_two_sides "$1" "$2"
	start_rendezvous && start_echo 7000 && start_serve 7000 &&
		await_line serve log 'registered at' 10 || return 1
	netcheck "$TICKET"
	has 0 '"code":0' '"relay":true' '"host_address1":"198.51.100.2:' "${@:4}" || return 1
	! grep -q 'guest 1' "$LAB_DIR/serve.log" || fail "it connected" || return 1
	start_connect 7001
	await_line connect log "$3" 20
}

no_service() {
	lab_two_sides port-restricted port-restricted
	start_rendezvous && start_echo 7000 && start_serve 7000 &&
		await_line serve log 'registered at' 10 || return 1
	stop serve
	netcheck "$TICKET"
	has 3 '"code":3' '"kind":"port-restricted"' || return 1
	grep -q 'no such service' "$LAB_DIR/netcheck.log" || fail "no sentence"
}

by_key() {
	lab_two_sides port-restricted port-restricted
	start_rendezvous && start_echo 7000 || return 1
	printf 'correct horse battery staple\n' >"$LAB_DIR/key"
	start_eyelet serve host serve 7000 -r "$RDV" --key-file "$LAB_DIR/key"
	await_line serve log 'registered at' 20 || return 1
	netcheck -r "$RDV" --key-file "$LAB_DIR/key"
	has 0 '"pair":"direct"'
}

# The host is asked by TCP then.
udp_blocked() { # HOST-KIND GUEST-KIND REASON
	lab_two_sides "$1" "$2"
	start_rendezvous && start_echo 7000 && start_serve 7000 &&
		await_line serve log 'registered at' 20 || return 1
	netcheck "$TICKET"
	has 0 '"pair":"relay"' "\"reason\":\"$3\"" '"relay":true'
}

prints_a_table() {
	local line
	lab_two_sides symmetric port-restricted
	start_rendezvous && start_echo 7000 && start_serve 7000 &&
		await_line serve log 'registered at' 10 || return 1
	lab_in guest timeout 60 "$EYELET" netcheck "$TICKET" >"$LAB_DIR/table" || return 1
	for line in '^the host +seen at 198.51.100.2:[0-9]+, answered in [0-9]+ ms$' \
		'^it is behind +symmetric NAT with random ports$' \
		'^its addresses +198.51.100.2:[0-9]+ .observed.$' \
		'^this pair +95 % by many ports at once: 1012 packets in 4.0 s; else the relay$'; do
		grep -Eq "$line" "$LAB_DIR/table" || fail "no line like $line" || return 1
	done
}

lab_begin "$@"
need_eyelet
check "two symmetric NATs: over the relay" expects symmetric symmetric \
	'connected over the relay' '"pair":"relay"' '"reason":"both-random"' \
	'"probes_for_even":53709'
lab_clear
check "netcheck of a pair: no service" no_service
lab_clear
if [ "${1:-}" != quick ]; then
	check "two port-restricted NATs: directly" expects port-restricted port-restricted \
		'connected directly' '"pair":"direct"' '"peer_network":"port-restricted"'
	lab_clear
	check "UDP blocked at the guest" udp_blocked port-restricted udp-blocked udp-blocked-here
	lab_clear
	check "UDP blocked at the host" udp_blocked udp-blocked port-restricted udp-blocked-there
	lab_clear
	for case in by_key prints_a_table; do
		check "netcheck of a pair: ${case//_/ }" "$case"
		lab_clear
	done
fi
finish
