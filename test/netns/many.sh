#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Many guests at one host at once, all behind one NAT: each gets its own 127.64.0.0/10 address
# at the target, and all its datagrams.
# usage: many.sh [GUESTS]

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

lab_begin "$@"
need_eyelet
GUESTS=${1:-200}
FIRST_PORT=10000

start_guests() {
	local number
	for ((number = 1; number <= GUESTS; number++)); do
		start_connect_as "guest$number" $((FIRST_PORT + number))
	done
}

all_connected() {
	local number
	for ((number = 1; number <= GUESTS; number++)); do
		await_connected 30 "guest$number" || return 1
	done
}

# All at once, each 5 s long.
ping_all() {
	local number failures=0
	for ((number = 1; number <= GUESTS; number++)); do
		start "ping$number" guest "$UDPCHECK" ping 127.0.0.1 $((FIRST_PORT + number)) \
			--count 100 --size 200 --rate 20 --timeout 3000
	done
	for ((number = 1; number <= GUESTS; number++)); do
		await_exit "ping$number" 20 || return 1
		[ "$STATUS" -eq 0 ] || failures=$((failures + 1))
	done
	[ "$failures" -eq 0 ] || fail "$failures of $GUESTS guests missed datagrams, such as $(
		grep -hv ' lost=0 ' "$LAB_DIR"/ping*.out | head -n 1)"
}

own_addresses() {
	local count
	count=$(awk '/^source/ && $2 ~ /^127\./ { split($2, part, "."); if (part[2] >= 64) print $2 }' \
		"$LAB_DIR/echo.out" | sort -u | wc -l)
	[ "$count" -eq "$GUESTS" ] || fail "the target saw $count addresses in 127.64.0.0/10"
}

prepare() {
	lab_two_sides port-restricted port-restricted
	start_rendezvous && start_echo 7000 && start_serve 7000
}

LAB_LOG_LINES=3
check "a host waits" prepare
from=$(date +%s%3N)
start_guests
check "$GUESTS guests connect" all_connected
echo "# all connected after $(($(date +%s%3N) - from)) ms"
check "$GUESTS guests exchange datagrams at once, none lost" ping_all
check "the target sees each guest at an address of its own" own_addresses
finish
