#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `serve --guests FILE`, the limits of guests, and --json. On loopback, without namespaces.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

# Rendezvous, target and host with options; anna's fingerprint, who was there before.
prepare() { # [ARGUMENT...]
	target=$(free_port) listen=$(free_port)
	guests=$LAB_DIR/guests
	[ -e "$guests" ] || : >"$guests"
	use_loopback
	start_rendezvous --listen "$RDV" && start_echo "$target" &&
		start_serve "$target" --guests "$guests" "$@"
}

# Lets one connect and learns its fingerprint from the host's log.
meet() { # NAME
	start_connect_as "$1" "$listen" && await_connected 10 "$1" &&
		await_line serve log 'is new: [-_A-Za-z0-9]{43}$' 5 || return 1
	PRINT=$(grep -Eo 'is new: .*' "$LAB_DIR/serve.log" | tail -n 1)
	PRINT=${PRINT#is new: }
}

reread() {
	kill -HUP "${PID[serve]}" && await_line serve log "$1" 5
}

denied_is_refused() {
	prepare && meet anna || return 1
	stop anna
	echo "$PRINT anna - deny" >>"$guests"
	reread '0 guests may connect, 1 may not' && start_connect_as anna "$listen" &&
		await_exit anna 15 || return 1
	[ "$STATUS" = 4 ] || fail "exit code $STATUS" || return 1
	grep -q "the host refuses: .*$PRINT" "$LAB_DIR/anna.log" ||
		fail "no sentence: $(tail -n 1 "$LAB_DIR/anna.log")" || return 1
	echo "$PRINT anna - allow" >"$guests"
	reread '1 guests may connect' && start_connect_as anna "$listen" &&
		await_connected 10 anna && await_line serve log 'guest 1 \(anna, .{8}\) connected' 5
}

# One that is connected is sent away at once.
denied_is_sent_away() {
	prepare && meet anna || return 1
	echo "$PRINT anna - deny" >>"$guests"
	kill -HUP "${PID[serve]}"
	await_line serve log 'guest 1 \(anna, .{8}\) is gone' 3 &&
		await_line anna log 'connection lost' 3
}

# Another one's reread leaves a connection as it is.
allowed_stays() {
	prepare && meet anna || return 1
	{
		echo "* - - deny"
		echo "$PRINT anna - allow"
	} >"$guests"
	reread 'all others may not' || return 1
	kill -HUP "${PID[serve]}"
	ping_target "$listen" --count 50 || return 1
	! grep -q 'is gone' "$LAB_DIR/serve.log" || fail "anna was sent away"
}

strangers_are_refused() {
	prepare && echo '* - - deny' >"$guests" && reread 'all others may not' &&
		start_connect "$listen" && await_exit connect 15 || return 1
	[ "$STATUS" = 4 ] || fail "exit code $STATUS"
}

wrong_file_is_said() {
	target=$(free_port)
	mkdir -p "$LAB_DIR/state-serve"
	echo nonsense >"$LAB_DIR/guests"
	start_eyelet serve here serve "$target" -r 127.0.0.1 --guests "$LAB_DIR/guests"
	await_exit serve 5 && [ "$STATUS" = 1 ] || fail "exit code $STATUS" || return 1
	grep -q 'eyelet: .*guests, line 1: ' "$LAB_DIR/serve.log" || fail "no sentence"
}

# A mistake changes nothing in a host that runs.
wrong_file_changes_nothing() {
	prepare && meet anna && echo nonsense >>"$guests" && reread 'as before' &&
		ping_target "$listen"
}

# What a target on loopback sees is what the file says, also for one met before.
address_is_the_files() {
	prepare && meet anna || return 1
	stop anna
	stop serve
	echo "$PRINT anna 127.64.9.9 allow" >"$guests"
	start_serve "$target" --guests "$guests" && start_connect_as anna "$listen" &&
		await_connected 10 anna && target_sees 127.64.9.9
}

# Given while the host runs, to one who was not there yet.
address_is_given_to_a_newcomer() {
	prepare && meet anna || return 1
	stop anna
	stop serve
	rm "$LAB_DIR"/state-serve/guests-*
	start_serve "$target" --guests "$guests" && echo "$PRINT anna 127.64.9.9 allow" >"$guests" &&
		reread '1 guests may connect' && start_connect_as anna "$listen" &&
		await_connected 10 anna && target_sees 127.64.9.9
}

# Two guests never share one: the file waits for the next start.
address_of_another_waits() {
	local anna
	prepare && meet anna || return 1
	stop anna
	anna=$PRINT
	rm -r "$LAB_DIR/state-anna" # another guest now
	meet bert && target_sees 127.64.0.2 || return 1
	echo "$anna anna 127.64.0.2 allow" >"$guests"
	reread 'guest anna, .* gets the address 127.64.0.2 at the next start'
}

target_sees() { # ADDRESS
	ping_target "$listen" --count 3 || return 1
	local seen
	seen=$(awk '/^source/ { print $2 }' "$LAB_DIR/echo.out" | tail -n 1)
	[ "${seen%:*}" = "$1" ] || fail "the target sees $seen, not $1"
}

max_guests() {
	prepare --max-guests 1 && meet anna || return 1
	start_connect_as bert "$(free_port)" && await_exit bert 15 || return 1
	[ "$STATUS" = 4 ] && grep -q 'as many guests as it takes.*--max-guests' "$LAB_DIR/bert.log" ||
		fail "exit code $STATUS: $(tail -n 1 "$LAB_DIR/bert.log")"
}

max_guests_per_network() {
	prepare --max-guests-per-network 1 && meet anna || return 1
	start_connect_as bert "$(free_port)" && await_exit bert 15 || return 1
	[ "$STATUS" = 4 ] &&
		grep -q 'as many guests of this network as it takes.*--max-guests-per-network' "$LAB_DIR/bert.log" ||
		fail "exit code $STATUS: $(tail -n 1 "$LAB_DIR/bert.log")" || return 1
	await_line serve log 'refused a guest (.*) at .*: the host has as many guests of this network' 3
}

# A socket of the target's side is a descriptor: two are allowed, a third is not.
max_sockets() {
	prepare --max-sockets 2 || return 1
	start_connect "$listen" && await_connected 10 || return 1
	ping_target "$listen" --count 1 && ping_target "$listen" --count 1 || return 1
	! ping_target "$listen" --count 3 --timeout 300 || fail "a third socket was opened" || return 1
	await_line serve log 'all guests together have as many application sockets.*--max-sockets' 3
}

# More than the system gives is said at the start.
max_sockets_clipped() {
	prepare || return 1
	stop serve
	(ulimit -n 256 && start_serve "$target" --max-sockets 5000 && stop serve) ||
		fail "$(cat "$LAB_DIR/serve.log")" || return 1
	grep -q 'max-sockets 5000 is more than the system.s limit of 256 descriptors allows: 192 it is' \
		"$LAB_DIR/serve.log" || fail "$(cat "$LAB_DIR/serve.log")"
}

max_flows() {
	prepare || return 1
	start_connect "$listen" --max-flows 1 && await_connected 10 || return 1
	# Its flow stays the only one long after it has ended.
	ping_target "$listen" --count 1 || return 1
	! ping_target "$listen" --count 3 --timeout 300 || fail "a second flow was let in" || return 1
	await_line connect log 'too many local sockets' 3
}

limits_are_checked() {
	local option
	for option in --max-guests --max-guests-per-network --max-flows --max-sockets --max-half-open; do
		"$EYELET" serve 7000 $option 0 2>"$LAB_DIR/limit.log"
		[ $? = 2 ] && grep -q -- "$option is a number from 1 to" "$LAB_DIR/limit.log" ||
			fail "$option 0: $(cat "$LAB_DIR/limit.log")" || return 1
	done
}

# Objects in this order, each valid; names, states and counters in them.
json() {
	have python3 || return 77
	prepare || return 1
	stop serve
	start_eyelet serve here serve "$target" -r "$RDV" --guests "$guests" --json
	await_line serve out '"event":"ticket"' 10 || return 1
	TICKET=$(grep -Eo 'eyelet:[^"]*' "$LAB_DIR/serve.out")
	start_connect "$listen" --json && await_line connect out '"event":"connected"' 10 &&
		ping_target "$listen" --count 10 --size 100 || return 1
	kill -USR1 "${PID[serve]}" "${PID[connect]}"
	await_line connect out '"event":"counters"' 3 && await_line serve out '"event":"counters"' 3 ||
		return 1
	stop connect
	await_line serve out '"event":"guest-gone"' 3 || return 1
	stop serve
	python3 - "$LAB_DIR" >"$LAB_DIR/json.log" 2>&1 <<-'END' || fail "$(tail -n 1 "$LAB_DIR/json.log")"
		import json, sys
		def lines(name):
		    return [json.loads(line) for line in open(f"{sys.argv[1]}/{name}.out")]
		def one(objects, event):
		    found = [o for o in objects if o["event"] == event]
		    assert found, f"no {event}"
		    return found[0]
		serve, connect = lines("serve"), lines("connect")
		assert all(o["time"] > 1.6e9 for o in serve + connect)
		assert serve[0]["event"] == "ticket" and serve[0]["state"] == "registering", serve[0]
		assert one(serve, "registered")["state"] == "registered"
		new, there = one(serve, "guest-new"), one(serve, "guest-connected")
		assert len(new["guest"]) == 43 and new["guest"] == there["guest"]
		assert there["number"] == 1 and there["source"] == "127.64.0.1", there
		assert there["took_ms"] > 0 and there["path"] == "direct" and there["address"], there
		assert one(serve, "counters")["guests"] == 1
		guest = one(serve, "guest")
		assert guest["guest"] == new["guest"] and guest["address"] == there["address"], guest
		assert guest["flows"] == 1 and guest["rtt_ms"] > 0, guest
		assert guest["datagrams_in"] == guest["datagrams_out"] == 10, guest
		assert guest["bytes_in"] == 1000 and guest["lost_in"] == 0 and guest["loss"] == 0, guest
		assert one(connect, "listening")["address"]
		assert one(connect, "asking")["state"] == "connecting"
		met = one(connect, "connected")
		assert met["state"] == "connected" and met["path"] == "direct" and met["address"], met
		counters = one(connect, "counters")
		assert counters["datagrams_out"] == counters["datagrams_in"] == 10, counters
		assert counters["bytes_out"] == 1000 and counters["dropped_replay"] == 0, counters
		assert serve[-1]["event"] == connect[-1]["event"] == "ended"
		assert serve[-1]["code"] == connect[-1]["code"] == 0
	END
}

json_names_guests() {
	prepare && meet anna || return 1
	stop anna
	stop serve
	echo "$PRINT anna - allow" >"$guests"
	start_eyelet serve here serve "$target" -r "$RDV" --guests "$guests" --json
	await_line serve log 'registered at' 10 && start_connect_as anna "$listen" &&
		await_line serve out '"event":"guest-connected".*"name":"anna"' 10 || return 1
	echo "$PRINT anna - deny" >"$guests"
	kill -HUP "${PID[serve]}"
	await_line serve out '"event":"guest-gone".*"name":"anna"' 5
}

json_tells_failures() {
	use_loopback
	start_rendezvous --listen "$RDV" || return 1
	start_eyelet connect here connect "$(free_port)" -r "$RDV" -k "$("$EYELET" keygen)" \
		--timeout 2 --json
	await_exit connect 10 && [ "$STATUS" = 3 ] || fail "exit code $STATUS" || return 1
	grep -q '"event":"failed".*"code":3,"why":"no such service' "$LAB_DIR/connect.out" &&
		tail -n 1 "$LAB_DIR/connect.out" | grep -q '"event":"ended".*"code":3}$' ||
		fail "$(tail -n 2 "$LAB_DIR/connect.out")"
}

# A reader that does not read stops nothing, and learns how much it missed.
json_never_blocks() {
	prepare || return 1
	stop serve
	mkfifo "$LAB_DIR/pipe"
	# shellcheck disable=SC2217 # it holds the pipe open
	sleep 60 <"$LAB_DIR/pipe" &
	PID["reader"]=$!
	start serve here bash -c 'exec "$@" >"$0"' "$LAB_DIR/pipe" \
		env STATE_DIRECTORY="$LAB_DIR/state-serve" "$EYELET" serve "$target" -r "$RDV" --json
	await_line serve log 'registered at' 10 && start_connect "$listen" &&
		await_connected 10 || return 1
	for _ in $(seq 400); do # at more than 400 bytes each: more than a pipe holds
		kill -USR1 "${PID[serve]}"
		sleep 0.005
	done
	ping_target "$listen" --count 20 || return 1
	: >"$LAB_DIR/read.out"
	cat "$LAB_DIR/pipe" >>"$LAB_DIR/read.out" &
	PID["late"]=$!
	poll 3 reads_again || fail "the reader did not hear how much it missed"
}

reads_again() {
	kill -USR1 "${PID[serve]}"
	grep -Eq '"missed":[1-9]' "$LAB_DIR/read.out"
}

json_and_a_command() {
	"$EYELET" connect 7001 eyelet:x --json -- true 2>"$LAB_DIR/usage.log"
	[ $? = 2 ] && grep -q 'standard output' "$LAB_DIR/usage.log" ||
		fail "$(cat "$LAB_DIR/usage.log")"
}

run() { # NAME
	WHY=
	"$1"
	case $? in
	0) ok "guests: ${1//_/ }" ;;
	77) skip "guests: ${1//_/ }" "$WHY" ;;
	*) not_ok "guests: ${1//_/ }" && show_logs ;;
	esac
	lab_clear
}

lab_init
need_eyelet
for test in denied_is_refused denied_is_sent_away allowed_stays strangers_are_refused \
	wrong_file_is_said wrong_file_changes_nothing address_is_the_files \
	address_is_given_to_a_newcomer address_of_another_waits max_guests max_guests_per_network max_sockets max_sockets_clipped \
	max_flows limits_are_checked json \
	json_names_guests json_tells_failures json_never_blocks json_and_a_command; do
	run $test
done
finish
