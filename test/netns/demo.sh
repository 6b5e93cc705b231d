#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What `make demo` runs: an unmodified UDP application reaches its server through two NATs.
# Without the right to make namespaces it does the same on loopback.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

QUERIES=100
APP_PORT=8303    # of the game server, beside the host
GUEST_PORT=18303 # where the guest's game finds it; another one, for loopback's sake
RENDEZVOUS_ARGUMENTS=()

# ---- narration ----

if [ -t 1 ]; then
	BOLD=$'\e[1m' DIM=$'\e[2m' GREEN=$'\e[32m' RED=$'\e[31m' BLUE=$'\e[36m' PLAIN=$'\e[0m'
else
	BOLD='' DIM='' GREEN='' RED='' BLUE='' PLAIN=''
fi

say() {
	echo "${BOLD}==>${PLAIN} $*"
}

show_command() { # WHERE COMMAND...
	local where=$1
	shift
	printf '  %s%-11s%s $ %s\n' "$BLUE" "$where" "$PLAIN" "$*"
}

# A program's own words.
show_words() { # FILE
	cut -c1-110 "$1" | sed "s/^/              $DIM/; s/\$/$PLAIN/"
}

give_up() {
	echo "${RED}The demo failed: ${WHY:-see the logs}${PLAIN}"
	show_logs
	exit 1
}

picture() {
	cat <<-'END'

		   a friend's flat                                        your home
		  +----------------+                                 +------------------+
		  | game           |                                 | game server      |
		  |   |  localhost |                                 |   |   localhost  |
		  | eyelet connect |         eyelet rendezvous       | eyelet serve     |
		  |  192.168.2.2   |            192.0.2.130          |  192.168.1.2     |
		  +-------+--------+                 |               +--------+---------+
		          |                          |                        |
		     [NAT, firewall]---- router --- router ----------[NAT, firewall]
		      203.0.113.2                                      198.51.100.2

	END
}

# ---- where ----

build_place() {
	if [ "${LAB_UNSHARED:-}" = 1 ] || lab_possible; then
		lab_begin "$@"
		say "eyelet: a UDP application reaches its server through two NATs"
		lab_two_sides port-restricted port-restricted
		PLACE="two NATs (Linux masquerade; nothing unsolicited comes in)"
		picture
		show_nats
	else
		lab_init
		use_loopback
		RENDEZVOUS_ARGUMENTS=(--listen "$RDV")
		APP_PORT=$(free_port) GUEST_PORT=$(free_port)
		PLACE="loopback, no NAT"
		say "eyelet: a UDP application reaches its server"
		say "On loopback only: $WHY."
	fi
}

# Proof that the way in is shut before eyelet opens it.
show_nats() {
	say "Without eyelet: the friend knocks at your router's address."
	if lab_in guest "$UDPCHECK" ping 198.51.100.2 $APP_PORT --count 3 --timeout 300 >/dev/null; then
		WHY="the NAT lets strangers in"
		give_up
	fi
	echo "              ${DIM}3 datagrams sent, 0 answered: the NAT drops them${PLAIN}"
}

# ---- the real application ----

start_application() {
	if have teeworlds-server python3; then
		APPLICATION=teeworlds
		start_teeworlds
	elif have dnsmasq dig; then
		APPLICATION=dnsmasq
		start_dnsmasq
	else
		APPLICATION=echo
		say "No real application is installed, such as teeworlds-server; an echo stands in."
		show_command "your home" udpcheck echo 127.0.0.1 "$APP_PORT"
		start app host "$UDPCHECK" echo 127.0.0.1 "$APP_PORT"
		await_line app out '^listening' 10
	fi
}

start_teeworlds() {
	show_command "your home" teeworlds-server "sv_name 'The eyelet demo'"
	start app host env HOME="$LAB_DIR" teeworlds-server \
		"sv_name The eyelet demo" "sv_port $APP_PORT" "sv_register 0" "bindaddr 127.0.0.1"
	await_udp host "$APP_PORT" 10
}

start_dnsmasq() {
	show_command "your home" dnsmasq --port="$APP_PORT" --address=/game.example/192.0.2.77
	start app host dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts \
		--user=root --pid-file= --listen-address=127.0.0.1 --bind-interfaces \
		--port="$APP_PORT" --address=/game.example/192.0.2.77
	await_udp host "$APP_PORT" 10
}

# Leaves its counters as name=value in RESULT.
use_application() {
	case $APPLICATION in
	teeworlds)
		show_command "a friend" "ask the game server for its info, $QUERIES times"
		lab_in guest python3 "$LAB_SOURCE/twinfo.py" 127.0.0.1 "$GUEST_PORT" $QUERIES \
			>"$LAB_DIR/query.out" 2>&1
		;;
	dnsmasq)
		show_command "a friend" "dig @127.0.0.1 -p $GUEST_PORT game.example, $QUERIES times"
		dig_often >"$LAB_DIR/query.out"
		;;
	echo)
		show_command "a friend" "send $QUERIES datagrams, compare what returns"
		lab_in guest "$UDPCHECK" ping 127.0.0.1 "$GUEST_PORT" --count $QUERIES --size 64 \
			>"$LAB_DIR/query.out" &&
			sed -i -E 's/ bytes=([0-9]+)/ bytes_sent=\1 bytes_received=\1/' \
				"$LAB_DIR/query.out"
		;;
	esac || fail "$(tail -n 1 "$LAB_DIR/query.out")" || return 1
	RESULT=$(grep 'lost=' "$LAB_DIR/query.out")
	show_words "$LAB_DIR/query.out"
}

# What dig says of each answer.
dig_often() {
	local number answered=0 bytes=0 output
	for ((number = 0; number < QUERIES; number++)); do
		output=$(lab_in guest dig @127.0.0.1 -p "$GUEST_PORT" +tries=1 +time=2 game.example)
		[[ $output == *192.0.2.77* ]] || continue
		answered=$((answered + 1))
		bytes=$((bytes + $(sed -n 's/.*MSG SIZE *rcvd: *//p' <<<"$output")))
	done
	echo "sent=$QUERIES received=$answered bytes_sent=- bytes_received=$bytes" \
		"lost=$((QUERIES - answered))"
	[ $answered -eq $QUERIES ]
}

# ---- the pair ----

run_pair() {
	show_command "internet" eyelet rendezvous "${RENDEZVOUS_ARGUMENTS[@]}"
	start_rendezvous "${RENDEZVOUS_ARGUMENTS[@]}" || return 1
	show_command "your home" eyelet serve "$APP_PORT" -r "$RDV"
	start_serve "$APP_PORT" || return 1
	show_words "$LAB_DIR/serve.out"
	show_command "a friend" eyelet connect "$GUEST_PORT" "${TICKET:0:20}..."
	start_connect "$GUEST_PORT"
	await_connected 15 || return 1
	show_words "$LAB_DIR/connect.log"
}

# Bulk, both ways, through a second pair at the same host and rendezvous.
run_bulk() {
	local target listen
	target=$(free_port) listen=$(free_port)
	start_echo "$target" && start_serve_as bulk-serve "$target" &&
		start_connect_as bulk-connect "$listen" && await_connected 15 bulk-connect || return 1
	show_command "a friend" "send 5000 numbered datagrams of 1000 bytes, compare what returns"
	BULK=$(lab_in guest "$UDPCHECK" ping 127.0.0.1 "$listen" \
		--count 5000 --size 1000 --rate 5000) ||
		fail "$BULK"
}

row() { # LABEL VALUE...
	printf '  %-24s %14s %14s\n' "$@"
}

table() {
	local ms=$1
	echo
	echo "  ${BOLD}${GREEN}connected directly in $ms ms${PLAIN} through $PLACE"
	echo
	row "" "$APPLICATION" "5000 x 1000 B"
	row "datagrams to the host" "$(value_of sent "$RESULT")" "$(value_of sent "$BULK")"
	row "datagrams to the guest" "$(value_of received "$RESULT")" "$(value_of received "$BULK")"
	row "bytes to the host" "$(value_of bytes_sent "$RESULT")" "$(value_of bytes "$BULK")"
	row "bytes to the guest" "$(value_of bytes_received "$RESULT")" "$(value_of bytes "$BULK")"
	row "lost" "$(value_of lost "$RESULT")" "$(value_of lost "$BULK")"
	echo
}

[ -x "$EYELET" ] || { echo "demo: $EYELET is missing; run make first" >&2; exit 1; }
build_place "$@"
say "The game server and three commands:"
start_application || give_up
run_pair || give_up
ms=$CONNECT_MS
say "The game talks to its own localhost:"
use_application || give_up
run_bulk || give_up
table "$ms"
