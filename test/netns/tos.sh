#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# DSCP and ECN that an application gives a datagram are in the outer header on the path, and
# arrive at the target; those of its answers likewise. So does the mark of a congested router.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

EVERY_TOS=(0x01 0x02 0x03 0x20 0x28 0x48 0x88 0xb8 0xb9 0xba 0xbb 0xc0 0xe2)
lab_begin "$@"
need_eyelet
have python3 || lab_give_up "$WHY"

# Counts outer datagrams by TOS in the midst of the path, one way and the other. Runs that
# leave by one UDP_SEGMENT call are cut at the first interface, to be countable.
count_tos() {
	local node tos field="@nh,8,8"
	[ "$LAB_FAMILIES" = 4 ] || field="@nh,4,8"
	{
		echo "table inet tos {"
		for tos in "${EVERY_TOS[@]}"; do
			echo "counter there$tos { }"
			echo "counter back$tos { }"
		done
		echo "chain forward { type filter hook forward priority filter;"
		for tos in "${EVERY_TOS[@]}"; do
			echo "iifname core meta l4proto udp $field $((tos)) counter name there$tos"
			echo "oifname core meta l4proto udp $field $((tos)) counter name back$tos"
		done
		echo "}"
		echo "}"
	} | lab_in r1 nft -f - || fail "cannot count" || return 1
	for node in host guest; do
		ip -n "$(lab_ns "$node")" link set eth0 gso_max_segs 1 || return 1
	done
}

counted() { # there|back TOS
	lab_in r1 nft list counter inet tos "$1$2" | awk '/packets/ { print $2 }'
}

# The sum over all kinds of TOS but 0, which keepalives have, too.
counted_all() { # there|back
	local tos sum=0
	for tos in "${EVERY_TOS[@]}"; do
		sum=$((sum + $(counted "$1" "$tos")))
	done
	echo "$sum"
}

# A router in the middle marks what could have been marked: ECT(0) and ECT(1) become CE.
congest() { # guest|host: whose datagrams
	local direction=oifname
	[ "$1" = host ] || direction=iifname
	lab_in r1 nft -f - <<-END
		table ip congestion {
			chain forward {
				type filter hook forward priority filter
				$direction "core" meta l4proto udp ip ecn { ect0, ect1 } ip ecn set ce
			}
		}
	END
}

prepare() { # TARGET-ADDRESS TARGET
	lab_two_sides port-restricted port-restricted
	start_rendezvous || return 1
	start echo host python3 "$LAB_SOURCE/tostest.py" target "$1" 7000
	await_line echo out listening 10 && start_serve "$2" && start_connect 7001 &&
		await_connected 10 && count_tos
}

send_tos() { # single|mixed|gso [TOS...]
	LINE=$(lab_in guest timeout 60 python3 "$LAB_SOURCE/tostest.py" send "$LOCAL" 7001 "$@" 2>&1) ||
		fail "$LINE"
}

# Arrives both ways, and was on the path both ways as often as sent.
kept() { # single|mixed|gso
	local wanted there back
	there=$(counted_all there) back=$(counted_all back)
	send_tos "$1" "${EVERY_TOS[@]}" || return 1
	wanted=$(value_of sent "$LINE")
	there=$(($(counted_all there) - there)) back=$(($(counted_all back) - back))
	echo "# $1: $LINE; on the path $there and $back"
	[ "$there" -ge "$wanted" ] && [ "$back" -ge "$wanted" ] ||
		fail "on the path $there there and $back back of $wanted"
}

# Each TOS by itself, counted for itself.
each_on_path() {
	local tos
	for tos in "${EVERY_TOS[@]}"; do
		[ "$(counted there "$tos")" -gt 0 ] && [ "$(counted back "$tos")" -gt 0 ] ||
			fail "TOS $tos was never on the path" || return 1
	done
}

# The target must see CE where ECT was sent, so the tally says it is wrong: each of them.
marked() { # guest|host there|back
	local count
	congest "$1" || return 1
	! send_tos single 0xb9 0xb9 0xba 0xba || fail "no mark arrived: $LINE" || return 1
	count=$(value_of "wrong_$2" "$LINE")
	lab_in r1 nft delete table ip congestion
	[ "$count" = 4 ] || fail "$LINE" || return 1
	[[ $LINE == *0xbb* ]] || fail "another mark arrived: $LINE"
}

for LAB_FAMILIES in 4 6; do
	LOCAL=127.0.0.1 TARGET=7000
	[ $LAB_FAMILIES = 4 ] || LOCAL=::1 TARGET='[::1]:7000' RDV='[2001:db8:f::2]'
	check "IPv$LAB_FAMILIES: connects" prepare "$LOCAL" "$TARGET"
	for mode in single mixed gso; do
		check "IPv$LAB_FAMILIES: TOS both ways, $mode" kept $mode
	done
	check "IPv$LAB_FAMILIES: every TOS was on the path" each_on_path
	if [ $LAB_FAMILIES = 4 ]; then
		check "a router's mark reaches the target" marked guest there
		check "a router's mark reaches the guest" marked host back
	fi
	lab_clear
done
finish
