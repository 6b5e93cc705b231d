#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A stream of 100 datagrams a second through whatever may become of its path: nothing comes
# twice, and the gap is no longer than it takes to notice and to meet. With mappings that end
# after 50 s, for two minutes: two paths die of it, from then on nothing is lost.
# usage: last.sh [quick]

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"
. "$(dirname "$0")/traffic.sh"
. "$(dirname "$0")/change.sh"

# As in the simulator, and what a busy machine adds.
NOTICED_MS=1500
RESTARTED_MS=5000
tier=${1:-all}
lab_begin "$@"
need_eyelet

scene() { # HOST-KIND GUEST-KIND LIMIT_MS COMMAND...
	local limit=$3
	lab_two_sides "$1" "$2"
	start_pair || return 1
	shift 3
	under_traffic "$limit" "" "$@"
}

# Drops what goes directly, and nothing else.
drop_direct() {
	lab_in r1 nft -f - <<-'END'
		table ip cut {
			chain forward {
				type filter hook forward priority filter
				ip saddr 198.51.100.2 ip daddr 203.0.113.2 drop
				ip saddr 203.0.113.2 ip daddr 198.51.100.2 drop
			}
		}
	END
}

restart_relay() {
	kill_hard rdv
	start_rendezvous
}

relay_restarts() {
	lab_two_sides symmetric symmetric
	start_relayed || return 1
	under_traffic "$RESTARTED_MS" "" restart_relay
}

# The guest's carrier ends mappings: 125 s of it, then 60 s in which nothing may be lost.
mappings_end() {
	lab_two_sides none absolute
	start_pair || return 1
	start_traffic 7001 || return 1
	await_answers 12500 200 || return 1
	end_traffic
	echo "# at first: $LINE stall_ms=$STALL_MS"
	traffic_whole || return 1
	start_traffic 7001 || return 1
	await_answers 6000 100 || return 1
	end_traffic
	echo "# then: $LINE stall_ms=$STALL_MS"
	traffic_whole || return 1
	[ "$(value_of longest_gap_ms "$LINE")" -lt $((100 + STALL_MS)) ] || fail "$LINE" || return 1
	[ "$(grep -c 'connected directly' "$LAB_DIR/connect.log")" -le 2 ] ||
		fail "the log tells of renewals"
}

check "the direct path is dropped: below $NOTICED_MS ms" \
	scene port-restricted port-restricted $NOTICED_MS drop_direct
lab_clear
[ "$tier" = quick ] && finish
check "the relay is killed and restarted: below $RESTARTED_MS ms" relay_restarts
lab_clear
check "the guest's NAT moves: below $NOTICED_MS ms" scene port-restricted port-restricted \
	$NOTICED_MS renumber_nat gnat wan 203.0.113.2 203.0.113.3 25 203.0.113.1
lab_clear
check "the guest's NAT maps to other ports: below $NOTICED_MS ms" scene port-restricted \
	port-restricted $NOTICED_MS remap gnat guest
lab_clear
if lab_tunnat_possible; then
	check "mappings end after 50 s: two paths die, then nothing is lost" mappings_end
else
	skip "mappings that end after 50 s" "$WHY"
fi
finish
