#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every failure has its exit code and one clear sentence. On loopback, without namespaces.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

LINES_MAX=14 # of log: a person shall find the sentence

# Runs the program; wants one of the exit codes (as 1|5) and the pattern on stderr. A program
# that ends is given 20 s for it.
ends() { # CODES PATTERN ARGUMENT...
	local codes=$1 pattern=$2
	shift 2
	mkdir -p "$LAB_DIR/state-ends"
	start ends here env STATE_DIRECTORY="${STATE:-$LAB_DIR/state-ends}" "$EYELET" "$@"
	await_exit ends 20 && ended "$codes" "$pattern"
}

ended() { # CODES PATTERN
	local log=$LAB_DIR/ends.log
	[[ "|$1|" == *"|$STATUS|"* ]] ||
		fail "exit code $STATUS, not $1: $(tail -n 1 "$log")" || return 1
	grep -Eiq -- "$2" "$log" || fail "no \"$2\" in: $(tail -n 3 "$log" | tr '\n' ' ')" || return 1
	[ "$(wc -l <"$log")" -le "$LINES_MAX" ] || fail "$(wc -l <"$log") lines of log"
}

prints() { # PATTERN ARGUMENT...
	local pattern=$1
	shift
	"$EYELET" "$@" >"$LAB_DIR/prints.out" 2>&1 || fail "exit code $?" || return 1
	grep -Eq -- "$pattern" "$LAB_DIR/prints.out" || fail "no \"$pattern\""
}

# Rendezvous, target and host on free ports; the host's ticket in TICKET.
prepare() {
	listen=$(free_port) target=$(free_port)
	use_loopback
	start_rendezvous --listen "$RDV" && start_echo "$target" && start_serve "$target"
}

# ---- each test: the failure it makes ----

no_such_service() {
	prepare || return 1
	stop serve
	stop rdv # with all that it remembers
	start_rendezvous --listen "$RDV" || return 1
	ends 3 'service' connect "$listen" "$TICKET" --timeout 3
}

# A guest with the right key shows that the service is registered.
wrong_key() {
	local key
	use_loopback
	listen=$(free_port) target=$(free_port) key=$("$EYELET" keygen)
	start_rendezvous --listen "$RDV" || return 1
	start_eyelet serve here serve "$target" -r "$RDV" -k "$key"
	start_eyelet connect here connect "$(free_port)" -r "$RDV" -k "$key"
	await_connected 10 || return 1
	ends 3 'key' connect "$listen" -r "$RDV" -k "$("$EYELET" keygen)" --timeout 3
}

# An empty label can be in no name, so that no resolver is asked.
name_not_found() {
	ends '1|5' 'no\.\.such\.invalid' connect "$(free_port)" -r no..such.invalid \
		-k "$("$EYELET" keygen)" --timeout 3
}

port_in_use() {
	prepare || return 1
	ends 1 'in use' connect "$target" "$TICKET" --timeout 3
}

rendezvous_port_in_use() {
	local port
	port=$(free_port)
	start_echo "$port" && ends 1 'in use' rendezvous --listen "127.0.0.1:$port"
}

# Nobody listens there: ICMP says so.
rendezvous_refusing() {
	ends '5|6' '127\.0\.0\.1' connect "$(free_port)" -r "127.0.0.1:$(free_port)" \
		-k "$("$EYELET" keygen)" --timeout 3
}

rendezvous_silent() {
	local port
	port=$(free_port)
	have socat || return 77
	start silent here socat -u "UDP4-RECV:$port,bind=127.0.0.1" /dev/null
	await_udp here "$port" 3 || return 1
	ends '5|6' '127\.0\.0\.1' connect "$(free_port)" -r "127.0.0.1:$port" \
		-k "$("$EYELET" keygen)" --timeout 3
}

bad_ticket() {
	ends 2 'ticket' connect "$(free_port)" eyelet:nonsense
}

cut_ticket() {
	prepare || return 1
	ends 2 'ticket' connect "$listen" "${TICKET:0:40}"
}

state_unwritable() {
	listen=$(free_port) target=$(free_port)
	use_loopback
	start_rendezvous --listen "$RDV" && start_echo "$target" || return 1
	start serve here env STATE_DIRECTORY=/dev/null/state "$EYELET" serve "$target" -r "$RDV"
	await_line serve out '^eyelet:' 10 && await_line serve log '/dev/null/state' 5 || return 1
	TICKET=$(cat "$LAB_DIR/serve.out")
	start connect here env STATE_DIRECTORY=/dev/null/state "$EYELET" connect "$listen" "$TICKET"
	await_line connect log '/dev/null/state' 5 && await_connected 10 && ping_target "$listen"
}

# The warning comes once a minute or so, but it comes.
target_refusing() {
	prepare || return 1
	start_connect "$listen" && await_connected 10 || return 1
	stop echo
	"$UDPCHECK" ping 127.0.0.1 "$listen" --count 20 --rate 20 --timeout 100 >/dev/null
	await_line serve log "refus|nobody|not listening|unreachable" 5
}

target_is_own_listen() {
	local port
	port=$(free_port)
	ends 2 'itself|own|loop|circles' serve "127.0.0.1:$port" --public "127.0.0.1:$port"
}

listen_is_rendezvous() {
	prepare || return 1
	ends '1|2' 'in use|itself|own|loop|circles' connect "$RDV" "$TICKET" --timeout 3
}

too_few_descriptors() {
	STATE=$LAB_DIR/state-few
	mkdir -p "$STATE"
	start ends here env STATE_DIRECTORY="$STATE" bash -c 'ulimit -n 10 && exec "$@"' bash \
		"$EYELET" rendezvous --listen "127.0.0.1:$(free_rendezvous_port)"
	await_exit ends 5 && ended 1 'open files|descriptor'
}

weak_key() {
	ends 2 'weak|guess' serve 7000 -r 127.0.0.1 -k abc
}

key_shows_in_ps() {
	prepare || return 1
	start_eyelet keyed here serve "$target" -r "$RDV" -k "$("$EYELET" keygen)"
	await_line keyed log 'command line can be seen' 5
}

listen_beyond_loopback() {
	prepare || return 1
	start_connect "0.0.0.0:$listen"
	await_line connect log '0\.0\.0\.0' 5 && await_connected 10
}

run() { # NAME
	WHY=
	"$1"
	case $? in
	0) ok "error: ${1//_/ }" ;;
	77) skip "error: ${1//_/ }" "$WHY" ;;
	*) not_ok "error: ${1//_/ }" && show_logs ;;
	esac
	lab_clear
}

lab_init
need_eyelet
check "usage: no command" ends 2 'usage'
check "usage: unknown command" ends 2 'nonsense' nonsense
check "usage: serve without a target" ends 2 'target|usage' serve
check "usage: connect without a ticket" ends 2 'ticket|usage' connect 7001
check "usage: unknown option" ends 2 'nonsense' serve 7000 --nonsense
check "usage: port out of range" ends 2 '70000' serve 70000
check "usage: key without a rendezvous" ends 2 'rendezvous' connect 7001 -k "$("$EYELET" keygen)"
check "--help" prints 'connect' --help
check "--version" prints '[0-9]+\.[0-9]+' --version
for test in no_such_service wrong_key name_not_found port_in_use rendezvous_port_in_use \
	rendezvous_refusing rendezvous_silent bad_ticket cut_ticket state_unwritable target_refusing \
	target_is_own_listen listen_is_rendezvous too_few_descriptors weak_key key_shows_in_ps \
	listen_beyond_loopback; do
	run $test
done
finish
