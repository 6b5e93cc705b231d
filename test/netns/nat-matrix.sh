#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every kind of NAT against every other, double NAT, a symmetric NAT where that is no matter,
# IPv6 behind firewalls, one LAN:
# connected directly, 200 datagrams each way, none lost.
# usage: nat-matrix.sh [CASE...], a case being HOST-KIND/GUEST-KIND, or one of the names below.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

KINDS=(none cone addr-restricted port-restricted reject poison)
DOUBLE=(
	port-restricted+port-restricted/port-restricted+port-restricted
	poison+poison/port-restricted port-restricted/poison+poison
	poison+poison/poison+poison cone+port-restricted/reject
)
# Accepted from whatever address the guest's hello comes.
SYMMETRIC=(none/symmetric cone/symmetric addr-restricted/symmetric)
NAMED=(ipv6-firewall dual-stack same-lan same-lan-poison equal-lan-prefixes)

all_cases() {
	local host guest
	for host in "${KINDS[@]}"; do
		for guest in "${KINDS[@]}"; do
			echo "$host/$guest"
		done
	done
	printf '%s\n' "${DOUBLE[@]}" "${SYMMETRIC[@]}" "${NAMED[@]}"
}

build() { # CASE
	case $1 in
	ipv6-firewall)
		LAB_FAMILIES=6 RDV="[2001:db8:f::2]"
		lab_two_sides port-restricted port-restricted
		;;
	dual-stack)
		LAB_FAMILIES="4 6"
		lab_two_sides port-restricted poison
		;;
	same-lan) lab_same_lan port-restricted ;;
	same-lan-poison) lab_same_lan poison ;;
	equal-lan-prefixes)
		LAB_GUEST_LAN=192.168.1
		lab_two_sides port-restricted poison
		;;
	*) lab_two_sides "${1%/*}" "${1#*/}" ;;
	esac
}

stays_direct() {
	carry 7001 || return 1
	[ "$PASSED" -lt 100000 ] || fail "$PASSED bytes passed the rendezvous"
}

works() { # CASE
	local RDV=$RDV LAB_FAMILIES=$LAB_FAMILIES LAB_GUEST_LAN=
	build "$1"
	start_pair && stays_direct
}

lab_begin "$@"
need_eyelet
if [ $# -gt 0 ]; then cases=("$@"); else mapfile -t cases < <(all_cases); fi
for case in "${cases[@]}"; do
	check "nat $case" works "$case"
	lab_clear
done
finish
