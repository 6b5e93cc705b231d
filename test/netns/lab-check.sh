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
	port-restricted | reject | short) echo yes no no same yes ;;
	absolute | carrier | carrier-hairpin) echo yes no no same yes ;;
	poison | symmetric | sequential | random | addr-dependent) echo yes no no other no ;;
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

# A home's NAT behind a carrier's, whose inner addresses are of RFC 6598.
carrier_hops() {
	local seen
	lab_two_sides cgnat none
	seen=$(python3 "$LAB_SOURCE/natcheck.py" "$LAB_ID" 192.0.2.130 203.0.113.130)
	[[ $seen == *hops=192.168.1.1,100.64.1.1,198.51.100.1,192.0.2.2 ]] || fail "seen $seen"
}

# Nothing gets through by UDP, and a connection does by TCP.
udp_blocked() {
	local LAB_FAMILIES="4 6" rdv
	lab_two_sides udp-blocked none
	for rdv in 192.0.2.130 2001:db8:f::2; do
		start echo rdv "$UDPCHECK" echo "$rdv" 7000
		await_line echo out listening 3 || return 1
		! lab_in host "$UDPCHECK" ping "$rdv" 7000 --count 3 --timeout 300 >/dev/null ||
			fail "UDP passes to $rdv" || return 1
		stop echo
		start tcp rdv python3 -c "$TCP_SERVER" "$rdv"
		await_line tcp out listening 5 || return 1
		lab_in host timeout 3 bash -c "exec 3<>/dev/tcp/$rdv/7001" 2>/dev/null ||
			fail "TCP does not pass to $rdv" || return 1
		stop tcp
	done
}

TCP_SERVER='
import signal, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
listener = socket.create_server((sys.argv[1], 7001), family=family)
print("listening", flush=True)
signal.pause()'

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
for kind in sequential random addr-dependent carrier carrier-hairpin short absolute; do
	lab_tunnat_possible || { skip "a NAT of kind $kind" "$WHY"; continue; }
	check "a NAT of kind $kind behaves so" behaves "$kind"
	lab_clear
done
check "two levels of NAT are two hops" double_hops
lab_clear
if lab_tunnat_possible; then
	check "a carrier's NAT and a home's are two hops" carrier_hops
	lab_clear
fi
check "a line that blocks UDP passes TCP" udp_blocked
lab_clear
check "a lossy access link loses 30 % each way" loses
lab_clear
check "an IPv6 firewall drops what nobody asked for" ipv6_firewall
finish
