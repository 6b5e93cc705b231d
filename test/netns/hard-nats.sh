#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Where no direct path can be had, the relay carries the session at once, and the log says so
# and why. Without a relay the guest ends in time, with the exit code for that and a sentence.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

TIMEOUT=6
lab_begin "$@"
need_eyelet

ends_cleanly() { # HOST-KIND GUEST-KIND
	lab_two_sides "$1" "$2"
	start_rendezvous --no-relay && start_echo 7000 && start_serve 7000 || return 1
	start_connect 7001 --timeout "$TIMEOUT"
	await_exit connect $((TIMEOUT + 2)) || return 1
	[ "$STATUS" -eq 5 ] || [ "$STATUS" -eq 6 ] || fail "exit code $STATUS, not 5 or 6" || return 1
	grep -Eiq 'NAT|port' "$LAB_DIR/connect.log" ||
		fail "no reason given: $(tail -n 1 "$LAB_DIR/connect.log")"
}

is_relayed() { # HOST-KIND GUEST-KIND REASON [ARGUMENT of serve and connect...]
	lab_two_sides "$1" "$2"
	start_rendezvous --relay-rate 10000 && start_echo 7000 && start_serve 7000 "${@:4}" &&
		start_connect 7001 "${@:4}" &&
		await_line connect log 'connected over the relay at' 20 || return 1
	ping_target 7001 --count 1000 --size 1000 --rate 1000 || return 1
	ping_target 7001 --count 5 --size 65507 || return 1
	await_line serve log 'guest 1 .* connected over the relay' 1 || return 1
	await_line connect log "staying on the relay at .*: $3.* would help" 30
}

# Each try has a chance of 95 %, and the first two come within 12 s.
becomes_direct() { # HOST-KIND GUEST-KIND
	lab_two_sides "$1" "$2"
	start_relayed || return 1
	await_line connect log \
		'trying for a direct path: 256 sockets, 756 probes, 4.1 s, 95 % chance' 10 || return 1
	await_line connect log 'connected directly in' 60 && ping_target 7001 --count 100 --rate 100
}

# A session may take so much and no more, and lives on.
keeps_its_rate() {
	lab_two_sides symmetric symmetric
	start_relayed --relay-rate 100 || return 1
	! lab_in guest "$UDPCHECK" ping 127.0.0.1 7001 --count 1000 --size 1000 --rate 1000 \
		>"$LAB_DIR/flood.out" || fail "a megabyte a second went through" || return 1
	sleep_until_refilled && ping_target 7001 --count 20 --size 100 --rate 20
}

# The bucket holds a second's worth: asks until a datagram comes back.
sleep_until_refilled() {
	poll 5 lab_in guest "$UDPCHECK" ping 127.0.0.1 7001 --count 1 --size 100 --timeout 300
}

# The direct path is cut under way, the relay takes over, and gives it back.
falls_back() {
	lab_two_sides port-restricted port-restricted
	start_pair || return 1
	grep -q 'connected directly' "$LAB_DIR/connect.log" ||
		fail "$(tail -n 1 "$LAB_DIR/connect.log")" || return 1
	lab_in r1 nft -f - <<-END || return 1
		table ip cut {
			chain forward {
				type filter hook forward priority filter
				ip saddr 198.51.100.2 ip daddr 203.0.113.2 drop
				ip saddr 203.0.113.2 ip daddr 198.51.100.2 drop
			}
		}
	END
	lab_in guest "$UDPCHECK" ping 127.0.0.1 7001 --count 200 --rate 100 >"$LAB_DIR/cut.out"
	await_line connect log 'connected over the relay at' 10 || return 1
	ping_target 7001 --count 100 --rate 100 || return 1
	lab_in r1 nft delete table ip cut || return 1
	await_line_twice connect 'connected directly' 60 &&
		ping_target 7001 --count 100 --rate 100
}

await_line_twice() { # NAME PATTERN SECONDS
	poll "$3" is_said_twice "$1" "$2" || fail "$1 did not say \"$2\" twice within $3 s"
}

is_said_twice() {
	[ "$(grep -c "$2" "$LAB_DIR/$1.log")" -ge 2 ]
}

check "symmetric/symmetric without a relay ends cleanly" ends_cleanly symmetric symmetric
lab_clear
check "symmetric/symmetric goes over the relay" is_relayed symmetric symmetric \
	'both NATs pick a random port per destination; a direct path would take 54,000 probes'
check "the host says why, too" await_line serve log \
	'guest 1 .* stays on the relay: both NATs pick a random port per destination' 10
lab_clear
check "port-restricted/symmetric becomes direct by many ports at once" \
	becomes_direct port-restricted symmetric
lab_clear
check "symmetric/port-restricted becomes direct by many ports at once" \
	becomes_direct symmetric port-restricted
lab_clear
EFFORT=low
check "port-restricted/symmetric goes over the relay" is_relayed port-restricted symmetric \
	'our NAT picks a random port per destination; .* not made with --effort low' --effort low
lab_clear
check "symmetric/port-restricted goes over the relay" is_relayed symmetric port-restricted \
	"the host's NAT picks a random port per destination; .* with --effort low" --effort low
lab_clear
check "the relay keeps its rate" keeps_its_rate
lab_clear
check "the direct path dies and comes back" falls_back
lab_clear
finish
