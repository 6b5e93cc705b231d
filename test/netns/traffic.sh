# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Traffic that goes on while something happens to the networks, and what became of it.
# To be sourced after tap.sh, lab.sh and pair.sh.

TRAFFIC_RATE=100 # datagrams a second
LINE=            # the last traffic's report

# Starts the traffic of the guest to a port, and beside it the same on loopback, which shows
# when the machine itself stood still.
start_traffic() { # PORT [udpcheck's options]
	local port=$1
	shift
	running gauge-echo || start gauge-echo guest "$UDPCHECK" echo 127.0.0.1 7900
	await_udp guest 7900 20 || return 1
	start gauge guest timeout 600 "$UDPCHECK" continuous 127.0.0.1 7900 \
		--rate $TRAFFIC_RATE --timeout 100
	start traffic guest timeout 600 "$UDPCHECK" continuous 127.0.0.1 "$port" \
		--rate $TRAFFIC_RATE --timeout 500 --every 10 "$@"
	await_answers 50 20
}

answers() {
	awk '/^answered/ { n = $2 } END { print n + 0 }' "$LAB_DIR/traffic.out"
}

# Waits for so many answers more than there are.
await_answers() { # COUNT SECONDS
	local wanted=$(($(answers) + $1))
	poll "$2" more_answers "$wanted" || fail "no $1 answers within $2 s"
}

more_answers() { # COUNT
	[ "$(answers)" -ge "$1" ]
}

# Ends the traffic; leaves its report in LINE and the machine's own standstill in STALL_MS.
end_traffic() {
	stop traffic
	stop gauge
	LINE=$(tail -n 1 "$LAB_DIR/traffic.out")
	STALL_MS=$(value_of longest_gap_ms "$(tail -n 1 "$LAB_DIR/gauge.out")")
	STALL_MS=$((STALL_MS > 50 ? STALL_MS : 0)) # such a gap is a rate's, not a standstill
}

# Lets something happen under traffic. It resumes by itself after less than LIMIT_MS (beyond
# what the machine itself stood still, and the DOWN_MS that the command says it took the
# network away), nothing is doubled or changed, and the target still sees the guest at one
# address and port.
under_traffic() { # LIMIT_MS "udpcheck's options" COMMAND...
	local limit=$1 options=$2 sources gap failed=
	shift 2
	sources=$(count_sources)
	# shellcheck disable=SC2086 # options are words
	start_traffic 7001 $options || return 1
	DOWN_MS=0
	"$@" || failed="${WHY:-$1 failed}"
	[ -n "$failed" ] || await_answers $((2 * TRAFFIC_RATE)) 20 || failed=$WHY
	end_traffic
	gap=$(value_of longest_gap_ms "$LINE")
	echo "# $LINE stall_ms=$STALL_MS down_ms=$DOWN_MS"
	[ -z "$failed" ] || fail "$failed: $LINE" || return 1
	traffic_whole || return 1
	limit=$((limit + STALL_MS + DOWN_MS))
	[ "$gap" -lt $limit ] || fail "$gap ms without an answer, not below $limit" || return 1
	sources=$(($(count_sources) - sources))
	[ "$sources" -eq 1 ] || fail "the target saw $sources sources for one"
}

traffic_whole() {
	[ "$(value_of duplicated "$LINE")" = 0 ] && [ "$(value_of corrupted "$LINE")" = 0 ] ||
		fail "$LINE"
}

# Addresses and ports under which the target has seen its clients.
count_sources() {
	grep -c '^source' "$LAB_DIR/echo.out"
}
