#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The pair on one machine without namespaces: rendezvous, host and guest on loopback, and a host
# that is its own rendezvous.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

# Uses $listen as the guest's port.
answers() {
	start_connect "$listen" && await_connected 10 &&
		ping_target "$listen" --count 200 --size 1000
}

with_rendezvous() {
	local target listen
	target=$(free_port) listen=$(free_port)
	use_loopback
	start_rendezvous --listen "$RDV" && start_echo "$target" && start_serve "$target" && answers
}

same_by_key() {
	local target listen key
	target=$(free_port) listen=$(free_port)
	use_loopback
	key=$("$EYELET" keygen) || fail "keygen failed" || return 1
	start_rendezvous --listen "$RDV" && start_echo "$target" || return 1
	start_eyelet serve host serve "$target" -r "$RDV" -k "$key"
	start_eyelet connect guest connect "$listen" -r "$RDV" -k "$key"
	await_connected 15 && ping_target "$listen"
}

# `serve` without -r: the ticket names the rendezvous inside it.
own_rendezvous() {
	local target listen port
	target=$(free_port) listen=$(free_port) port=$(free_port)
	start_echo "$target" || return 1
	start_eyelet serve host serve "$target" --public "127.0.0.1:$port"
	await_line serve out '^eyelet:' 10 || return 1
	TICKET=$(grep -m1 '^eyelet:' "$LAB_DIR/serve.out")
	answers
}

# CPU time of a process, in clock ticks.
ticks_of() { # PID
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

# It spins under traffic and sleeps without: a tenth of a processor in half a second at most.
busy_poll() {
	local target listen before name
	target=$(free_port) listen=$(free_port)
	use_loopback
	start_rendezvous --listen "$RDV" && start_echo "$target" &&
		start_serve "$target" --busy-poll 200 || return 1
	start_connect "$listen" --busy-poll 200 && await_connected 10 &&
		ping_target "$listen" --count 500 --size 200 || return 1
	for name in serve connect; do
		before=$(ticks_of "${PID[$name]}")
		sleep 0.5
		[ $(($(ticks_of "${PID[$name]}") - before)) -le 5 ] ||
			fail "$name spins without traffic" || return 1
	done
}

# A burst that the target's buffer does not hold arrives whole, although the target takes its
# time.
burst() {
	local target listen
	target=$(free_port) listen=$(free_port)
	use_loopback
	start_rendezvous --listen "$RDV" && start_serve "$target" && start_connect "$listen" &&
		await_connected 10 || return 1
	timeout 20 "$(dirname "$0")/burst.py" "$listen" "$target" >"$LAB_DIR/burst.out" ||
		fail "no burst arrived whole: $(tail -n 3 "$LAB_DIR/burst.out")" || return 1
	kill -USR1 "${PID[serve]}"
	await_line serve log 'counters: [1-9][0-9]* datagrams held back' 5
}

# Both of LISTEN's families.
ipv6_listen() {
	local target listen
	target=$(free_port) listen=$(free_port)
	use_loopback
	start_rendezvous --listen "$RDV" && start_echo "$target" && start_serve "$target" &&
		start_connect "$listen" && await_connected 10 || return 1
	"$UDPCHECK" ping ::1 "$listen" >"$LAB_DIR/ping.out" || fail "$(cat "$LAB_DIR/ping.out")"
}

lab_init
need_eyelet
for test in with_rendezvous same_by_key own_rendezvous busy_poll burst ipv6_listen; do
	check "loopback ${test//_/ }" $test
	lab_clear
done
finish
