#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# kill -9 and restart of each party under traffic: it resumes by itself within 5 s, and the
# target still sees the guest at the same address.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

WITHIN_MS=5000
lab_begin "$@"
need_eyelet

restart() { # NAME
	case $1 in
	rdv) start_rendezvous ;;
	serve) start_serve 7000 ;;
	connect) start_connect 7001 ;;
	esac
}

# Addresses, without ports, under which the target has seen its clients.
sources() {
	awk '/^source/ { print $2 }' "$LAB_DIR/echo.out" | sort -u
}

echoed() { # how many datagrams have come back so far, by the guest's loopback
	lab_in guest awk '/lo:/ { sub(/.*:/, ""); print $2 }' /proc/net/dev
}

grows() { # BEYOND
	[ "$(echoed)" -gt "$1" ]
}

killed() { # NAME...
	lab_two_sides port-restricted poison
	start_pair && resumes "$@"
}

# The session goes over the relay, which is then another one.
killed_relayed() { # NAME...
	lab_two_sides symmetric symmetric
	start_relayed && resumes "$@"
}

# A restart in the midst of traffic; then 2 s of undisturbed traffic, counted by datagrams.
resumes() { # NAME...
	local name line gap
	start traffic guest "$UDPCHECK" continuous 127.0.0.1 7001 --rate 100 --timeout 500
	poll 5 grows 200 || fail "no traffic" || return 1
	for name; do
		kill_hard "$name"
	done
	for name; do
		restart "$name" || return 1
	done
	poll 15 grows $(($(echoed) + 1000)) || fail "no traffic after the restart of $*" || return 1
	stop traffic
	line=$(cat "$LAB_DIR/traffic.out")
	gap=$(value_of longest_gap_ms "$line")
	echo "# $*: $line"
	[ "$(value_of duplicated "$line")" = 0 ] && [ "$(value_of corrupted "$line")" = 0 ] ||
		fail "$line" || return 1
	[ "$gap" -lt "$WITHIN_MS" ] || fail "$gap ms without an answer" || return 1
	[ "$(sources | wc -l)" -eq 1 ] || fail "the target saw $(sources | tr '\n' ' ')"
}

# The rendezvous forgets all; a guest that comes later must still find the host.
found_after_restart() {
	lab_two_sides port-restricted port-restricted
	start_pair || return 1
	kill_hard rdv
	start_rendezvous || return 1
	start_connect_as later 7002
	await_connected 5 later && ping_target 7002
}

for name in rdv connect serve "serve connect" "rdv serve"; do
	# shellcheck disable=SC2086 # several names are several words
	check "kill -9 and restart of $name" killed $name
	lab_clear
done
for name in rdv connect serve; do
	check "kill -9 and restart of $name, over the relay" killed_relayed "$name"
	lab_clear
done
check "a restarted rendezvous knows the host again within 5 s" found_after_restart
finish
