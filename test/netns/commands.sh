#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `connect ... -- COMMAND`: places filled in, exit codes, signals, the terminal. On loopback,
# without namespaces.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

# Rendezvous, target and host once for all; the host's ticket in TICKET.
prepare() {
	target=$(free_port)
	use_loopback
	start_rendezvous --listen "$RDV" && start_echo "$target" && start_serve "$target"
}

# Starts connect with a command at a fresh $listen. A shell's background job ignores SIGINT and
# SIGQUIT, which a command would inherit.
start_wrapped() { # COMMAND ARGUMENT...
	listen=$(free_port)
	mkdir -p "$LAB_DIR/state-wrapped"
	start wrapped here env --default-signal=INT,QUIT STATE_DIRECTORY="$LAB_DIR/state-wrapped" \
		"$EYELET" connect "$listen" "$TICKET" --timeout 10 -- "$@"
}

# Runs one to its end; wants its exit code, and the text as all of its stdout.
wraps() { # CODE STDOUT COMMAND ARGUMENT...
	local code=$1 wanted=$2 got
	shift 2
	start_wrapped "$@"
	await_exit wrapped 20 || return 1
	[ "$STATUS" = "$code" ] || fail "exit code $STATUS, not $code" || return 1
	got=$(cat "$LAB_DIR/wrapped.out")
	wanted=${wanted//LISTEN/$listen}
	[ "$got" = "$wanted" ] || fail "stdout is \"$got\", not \"$wanted\""
}

fills_places() {
	wraps 0 "127.0.0.1:LISTEN [127.0.0.1] LISTEN/LISTEN {x}" \
		echo '{}' '[{host}]' '{port}/{port}' '{x}'
}

# shellcheck disable=SC2016 # the command's shell expands them
sets_environment() {
	wraps 0 "127.0.0.1:LISTEN 127.0.0.1 LISTEN" \
		sh -c 'echo $EYELET_ADDRESS $EYELET_HOST $EYELET_PORT'
}

passes_options_on() {
	wraps 0 "--timeout -v --" printf '%s ' --timeout -v -- || [ "$STATUS" = 0 ]
}

talks_to_the_server() {
	start_wrapped "$UDPCHECK" ping '{host}' '{port}' --count 100
	await_exit wrapped 20 && [ "$STATUS" = 0 ] || fail "$(cat "$LAB_DIR/wrapped.out")"
}

keeps_its_exit_code() {
	wraps 0 '' true && wraps 1 '' false && wraps 42 '' sh -c 'exit 42'
}

# shellcheck disable=SC2016 # the command's shell expands it
tells_what_killed_it() {
	wraps 137 '' sh -c 'kill -KILL $$' && wraps 143 '' sh -c 'kill -TERM $$'
}

cannot_be_found() {
	wraps 127 '' no-such-command-anywhere &&
		grep -q 'eyelet: cannot start "no-such-command-anywhere"' "$LAB_DIR/wrapped.log" ||
		fail "${WHY:-no sentence}"
}

cannot_be_run() {
	wraps 126 '' "$LAB_DIR" && grep -q 'eyelet: cannot start "/' "$LAB_DIR/wrapped.log" ||
		fail "${WHY:-no sentence}"
}

wants_a_command() {
	"$EYELET" connect 7001 eyelet:x -- 2>"$LAB_DIR/usage.log"
	[ $? = 2 ] && grep -q COMMAND "$LAB_DIR/usage.log" || fail "$(cat "$LAB_DIR/usage.log")"
}

# The host hears that the guest has gone.
says_goodbye() {
	local gone
	gone=$(grep -c 'is gone' "$LAB_DIR/serve.log")
	wraps 0 '' sleep 0.5 || return 1
	poll 3 more_gone "$gone" || fail "the host did not hear a goodbye"
}

more_gone() {
	[ "$(grep -c 'is gone' "$LAB_DIR/serve.log")" -gt "$1" ]
}

# Each signal reaches the command once, and what it makes of it is what we exit with.
passes_signals_on() {
	local signal
	for signal in INT TERM HUP QUIT; do
		start_wrapped bash -c "trap 'echo $signal' $signal; echo ready
			for ((i = 0; i < 200; i++)); do sleep 0.02; [ -e '$LAB_DIR/end' ] && exit 7; done"
		await_line wrapped out ready 10 || return 1
		kill -"$signal" "${PID[wrapped]}"
		await_line wrapped out "$signal" 3 || return 1
		touch "$LAB_DIR/end"
		await_exit wrapped 5 || return 1
		rm "$LAB_DIR/end"
		[ "$STATUS" = 7 ] || fail "SIG$signal: exit code $STATUS" || return 1
		[ "$(grep -c "$signal" "$LAB_DIR/wrapped.out")" = 1 ] ||
			fail "SIG$signal came more than once" || return 1
	done
}

ends_by_a_signal_passed_on() {
	start_wrapped sh -c 'echo ready; exec sleep 30'
	await_line wrapped out ready 10 || return 1
	kill -TERM "${PID[wrapped]}"
	await_exit wrapped 5 && [ "$STATUS" = 143 ] || fail "exit code $STATUS"
}

# Nohup's wish holds for the command, too.
leaves_ignored_signals_ignored() {
	listen=$(free_port)
	start wrapped here env --ignore-signal=HUP STATE_DIRECTORY="$LAB_DIR/state-wrapped" \
		"$EYELET" connect "$listen" "$TICKET" -- sh -c 'kill -HUP $$ $PPID; echo alive'
	await_exit wrapped 10 && [ "$STATUS" = 0 ] && grep -q alive "$LAB_DIR/wrapped.out" ||
		fail "exit code $STATUS"
}

# Neither sockets nor a high limit: select(2) would break.
inherits_nothing() {
	start wrapped here bash -c 'ulimit -Sn 100 && exec "$@"' bash \
		env STATE_DIRECTORY="$LAB_DIR/state-wrapped" "$EYELET" connect "$(free_port)" \
		"$TICKET" -- sh -c 'ulimit -Sn; ls -l /proc/self/fd | grep -Ec "socket|event|locks"'
	await_exit wrapped 10
	[ "$(tr '\n' ' ' <"$LAB_DIR/wrapped.out")" = "100 0 " ] ||
		fail "limit and descriptors: $(cat "$LAB_DIR/wrapped.out")"
}

never_starts_without_a_path() {
	listen=$(free_port)
	start wrapped here env STATE_DIRECTORY="$LAB_DIR/state-wrapped" "$EYELET" connect "$listen" \
		-r "$RDV" -k "$("$EYELET" keygen)" --timeout 2 -- touch "$LAB_DIR/started"
	await_exit wrapped 10 || return 1
	[ "$STATUS" = 3 ] || fail "exit code $STATUS" || return 1
	[ ! -e "$LAB_DIR/started" ] || fail "the command was started"
}

is_not_started_after_a_signal() {
	listen=$(free_port)
	start wrapped here env STATE_DIRECTORY="$LAB_DIR/state-wrapped" "$EYELET" connect "$listen" \
		-r "$RDV" -k "$("$EYELET" keygen)" -- touch "$LAB_DIR/started"
	await_line wrapped log asking 10 || return 1
	kill -TERM "${PID[wrapped]}"
	await_exit wrapped 5 && [ "$STATUS" = 143 ] || fail "exit code $STATUS" || return 1
	[ ! -e "$LAB_DIR/started" ] || fail "the command was started"
}

# Lives through the loss of its host.
outlives_its_connection() {
	start_wrapped sh -c "echo ready; while [ ! -e '$LAB_DIR/end' ]; do sleep 0.05; done; exit 3"
	await_line wrapped out ready 10 || return 1
	stop serve
	await_line wrapped log 'connection lost' 10 && start_serve "$target" &&
		poll 10 reconnected || fail "${WHY:-not connected again}" || return 1
	touch "$LAB_DIR/end"
	await_exit wrapped 5 && [ "$STATUS" = 3 ] || fail "exit code $STATUS"
}

reconnected() {
	[ "$(grep -c 'connected directly' "$LAB_DIR/wrapped.log")" -ge 2 ]
}

# A real shell with job control at a real terminal.
job_control() {
	have python3 || return 77
	STATE_DIRECTORY="$LAB_DIR/state-wrapped" timeout 60 python3 "$LAB_SOURCE/jobcontrol.py" \
		"$EYELET" "$(free_port)" "$TICKET" >"$LAB_DIR/jobcontrol.log" 2>&1 ||
		fail "$(tail -n 3 "$LAB_DIR/jobcontrol.log" | tr '\n' ' ')"
}

run() { # NAME
	WHY=
	"$1"
	case $? in
	0) ok "command: ${1//_/ }" ;;
	77) skip "command: ${1//_/ }" "$WHY" ;;
	*) not_ok "command: ${1//_/ }" && show_logs ;;
	esac
}

lab_init
need_eyelet
check "command: the pair" prepare
for test in fills_places sets_environment passes_options_on talks_to_the_server \
	keeps_its_exit_code tells_what_killed_it cannot_be_found cannot_be_run wants_a_command \
	says_goodbye passes_signals_on ends_by_a_signal_passed_on leaves_ignored_signals_ignored \
	inherits_nothing never_starts_without_a_path is_not_started_after_a_signal \
	outlives_its_connection job_control; do
	run $test
done
finish
