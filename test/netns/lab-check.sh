#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The lab itself: each kind of NAT filters and maps as its name says, and TTLs end where they should.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
lab_begin "$@"

# What natcheck.py must see of a kind: reply, other_port, other_address, mapping, ttl_2_punches, refuses.
expected() { # KIND
	case $1 in
	none | cone) echo yes yes yes same yes ;;
	addr-restricted) echo yes yes no same yes ;;
	port-restricted | reject) echo yes no no same yes ;;
	poison | symmetric) echo yes no no other no ;;
	esac
}

behaves() { # KIND
	local kind=$1 inner seen want hops
	lab_two_sides "$kind" none
	seen=$(python3 "$LAB_SOURCE/natcheck.py" "$LAB_ID" 192.0.2.130 203.0.113.130) ||
		fail "natcheck.py failed" || return 1
	read -r reply port address mapping ttl <<<"$(expected "$kind")"
	want="reply=$reply other_port=$port other_address=$address mapping=$mapping"
	want+=" ttl_2_punches=$ttl refuses=$(refuses "$kind")"
	case $kind in none) inner=198.51.100.129 ;; *) inner=192.168.1.1 ;; esac
	hops="hops=$inner,198.51.100.1,192.0.2.2,203.0.113.2"
	[ "$seen" = "$want $hops" ] || fail "want $want $hops, seen $seen"
}

# Who answers an unsolicited datagram: also an end host without a listener.
refuses() { # KIND
	case $1 in none | cone | reject | poison) echo yes ;; *) echo no ;; esac
}

# Two levels: the outer NAT's and the inner NAT's hops both count.
double_hops() {
	local seen
	lab_two_sides port-restricted+port-restricted none
	seen=$(python3 "$LAB_SOURCE/natcheck.py" "$LAB_ID" 192.0.2.130 203.0.113.130)
	[[ $seen == *hops=192.168.1.1,10.64.1.1,198.51.100.1,192.0.2.2 ]] || fail "seen $seen"
}

# 30 % each way on both access links leave a quarter of the round trips: 0.7 to the power of 4.
loses() {
	local line received
	lab_two_sides none none
	lab_loss host 30
	lab_loss guest 30
	start echo host "$UDPCHECK" echo 198.51.100.130 7000
	await_line echo out listening 3 || return 1
	line=$(lab_in guest "$UDPCHECK" ping 198.51.100.130 7000 --count 2000 --rate 4000 --timeout 300)
	received=${line#*received=}
	received=${received%% *}
	[ "$received" -gt 380 ] && [ "$received" -lt 580 ] ||
		fail "$received of 2000 came back, should be about 480"
}

ipv6_firewall() {
	local LAB_FAMILIES=6
	lab_two_sides port-restricted port-restricted
	start echo host "$UDPCHECK" echo 2001:db8:1:1::2 7000
	start rdv rdv "$UDPCHECK" echo 2001:db8:f::2 7000
	await_line echo out listening 3 && await_line rdv out listening 3 || return 1
	lab_in guest "$UDPCHECK" ping 2001:db8:f::2 7000 --timeout 500 >/dev/null ||
		fail "the rendezvous is out of reach" || return 1
	! lab_in guest "$UDPCHECK" ping 2001:db8:1:1::2 7000 --count 3 --timeout 300 >/dev/null ||
		fail "the firewall lets unsolicited datagrams in"
}

have python3 || { skip "lab" "$WHY"; finish; }
for kind in none cone addr-restricted port-restricted reject poison symmetric; do
	check "a NAT of kind $kind behaves so" behaves "$kind"
	lab_clear
done
check "two levels of NAT are two hops" double_hops
lab_clear
check "a lossy access link loses 30 % each way" loses
lab_clear
check "an IPv6 firewall drops what nobody asked for" ipv6_firewall
finish
