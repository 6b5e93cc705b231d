#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# eyelet netcheck tells each kind of NAT by its name: asking our own rendezvous, and a STUN
# server of others.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"

# Runs it beside the host; leaves its object in SEEN, its exit code in STATUS.
netcheck() { # ARGUMENT...
	SEEN=$(lab_in host timeout 60 "$EYELET" netcheck -q --json --no-port-mapping "$@" 2>"$LAB_DIR/netcheck.log")
	STATUS=$?
}

# Each NAME=VALUE must be in the object; a string is given without its quotes.
saw() { # NAME=VALUE...
	local want seen
	[ "$STATUS" = 0 ] || fail "exit code $STATUS: $SEEN" || return 1
	for want; do
		seen=$(grep -Eo "\"${want%%=*}\":(\"[^\"]*\"|[^,}]*)" <<<"$SEEN" | head -n 1)
		seen=${seen#*:}
		seen=${seen//\"/}
		[ "$seen" = "${want#*=}" ] || fail "want $want, seen ${seen:-nothing}" || return 1
	done
}

# What our own rendezvous, of one address, can tell of a kind.
expected() { # KIND
	local cone="endpoint-independent" symmetric="address- and port-dependent"
	case $1 in
	none) printf "%s\n" nat=false "filtering=$cone" filtering_sure=false ;;
	cone | addr-restricted)
		printf "%s\n" nat=true "mapping=$cone" "filtering=$cone" filtering_sure=false poison=false \
			ports=port-preserving kind=address-restricted
		;;
	port-restricted)
		printf '%s\n' nat=true "mapping=$cone" "filtering=$symmetric" filtering_sure=true \
			poison=false ports=port-preserving kind=port-restricted hairpin=false \
			chance_random-symmetric=0.951 levels=1 hop1=192.168.1.1:0
		;;
	reject)
		printf '%s\n' nat=true "mapping=$cone" "filtering=$symmetric" poison=false
		;;
	poison)
		printf '%s\n' nat=true "mapping=$cone" "filtering=$symmetric" poison=true \
			kind=port-restricted
		;;
	symmetric)
		printf '%s\n' nat=true "mapping=$symmetric" mapping_sure=true ports=random \
			kind=random-symmetric chance_none=1.000 chance_port-restricted=0.951 \
			way_random-symmetric=relay
		;;
	sequential)
		printf '%s\n' "mapping=$symmetric" ports=sequential ports_delta=+1 \
			kind=sequential-symmetric "filtering=$symmetric" \
			"way_port-restricted=port prediction"
		;;
	random)
		printf '%s\n' "mapping=$symmetric" ports=random ports_range=64511 \
			kind=random-symmetric
		;;
	carrier-hairpin)
		printf '%s\n' "mapping=$cone" "filtering=$symmetric" ports=random hairpin=true \
			kind=port-restricted
		;;
	cgnat)
		printf '%s\n' "mapping=$cone" "filtering=$symmetric" carrier=true levels=2
		;;
	esac
}

tells_kind() { # KIND
	local want
	lab_two_sides "$1" none
	start_rendezvous || return 1
	mapfile -t want < <(expected "$1")
	netcheck -r "$RDV"
	saw "${want[@]}" mtu=1500 ipv6=false
}

# A second rendezvous at another address tells mappings by address from independent ones.
two_rendezvous() {
	lab_two_sides port-restricted none
	start_rendezvous && start_eyelet rdv2 guest rendezvous || return 1
	await_udp guest 3478 20 || return 1
	netcheck -r "$RDV,203.0.113.130"
	saw mapping=endpoint-independent mapping_sure=true
}

# RFC 5780's server: two addresses, two ports each.
start_coturn() {
	local libraries
	libraries=$(dirname "$(find "$ROOT/build/coturn/usr/lib" -name 'libevent*' | head -n 1)")
	lab_address rdv eth0 192.0.2.131/25
	start coturn rdv env LD_LIBRARY_PATH="$libraries" "$TURNSERVER" -n -S -z --no-cli \
		--no-tcp --no-tls --no-dtls -L 192.0.2.130 -L 192.0.2.131 -l stdout \
		--simple-log --pidfile "$LAB_DIR/coturn.pid"
	await_udp rdv 3478 20 && await_udp rdv 3479 20
}

expected_of_stun() { # KIND
	local cone="endpoint-independent" symmetric="address- and port-dependent"
	case $1 in
	none) printf '%s\n' nat=false "filtering=$cone" kind=none ;;
	cone) printf '%s\n' "mapping=$cone" "filtering=$cone" kind=cone poison=false ;;
	addr-restricted)
		printf '%s\n' "mapping=$cone" filtering=address-dependent kind=address-restricted
		;;
	port-restricted)
		printf '%s\n' "mapping=$cone" "filtering=$symmetric" kind=port-restricted \
			poison=false
		;;
	poison)
		printf '%s\n' "mapping=$cone" "filtering=$symmetric" kind=port-restricted \
			poison=true
		;;
	symmetric)
		printf '%s\n' "mapping=$symmetric" "filtering=$symmetric" ports=random \
			kind=random-symmetric
		;;
	addr-dependent) printf '%s\n' mapping=address-dependent "filtering=$symmetric" ;;
	esac
}

tells_kind_by_stun() { # KIND
	local want
	lab_two_sides "$1" none
	start_coturn || return 1
	mapfile -t want < <(expected_of_stun "$1")
	netcheck -s "stun:$RDV"
	saw "${want[@]}" mapping_sure=true filtering_sure=true protocol=stun mtu=1500
}

double_nat() {
	lab_two_sides port-restricted+port-restricted none
	start_rendezvous || return 1
	netcheck -r "$RDV"
	saw levels=2 hop1=192.168.1.1:0 hop2=10.64.1.1:0 carrier=false
}

dual_stack() {
	local LAB_FAMILIES="4 6"
	lab_two_sides port-restricted none
	start_rendezvous || return 1
	netcheck -r "$RDV" -r "[2001:db8:f::2]"
	saw ipv6=true kind=port-restricted || return 1
	netcheck -r "[2001:db8:f::2]"
	saw nat=false "filtering=address- and port-dependent" kind=port-restricted
}

narrow_path() {
	lab_two_sides port-restricted none
	ip -n "$(lab_ns r1)" link set hnat mtu 1420
	ip -n "$(lab_ns hnat)" link set wan mtu 1420
	start_rendezvous || return 1
	netcheck -r "$RDV"
	saw mtu=1420
}

lifetime() {
	lab_two_sides port-restricted none
	lab_udp_timeout hnat 17 || fail "cannot set the timeouts of conntrack" || return 1
	start_rendezvous || return 1
	netcheck --long -r "$RDV"
	saw lifetime_least=15 lifetime_most=20
}

# The path is there, and UDP does not pass it.
udp_blocked() {
	lab_two_sides udp-blocked none
	start_rendezvous || return 1
	netcheck -r "$RDV"
	[ "$STATUS" = 5 ] || fail "exit code $STATUS" || return 1
	[[ $SEEN == *'"udp":false'*'"code":5'* ]] || fail "seen $SEEN" || return 1
	STATUS=0
	saw tcp=true tls=false stream1=192.0.2.130:3478 stream1_by=tcp stream1_connects=true \
		stream2=192.0.2.130:443 stream2_by=tls stream2_connects=false || return 1
	lab_in host timeout 60 "$EYELET" netcheck -r "$RDV" >"$LAB_DIR/table" 2>/dev/null
	grep -q '^UDP *blocked' "$LAB_DIR/table" || fail "the table says $(head -n 1 "$LAB_DIR/table")" ||
		return 1
	grep -q '^TCP *connects at 192.0.2.130:3478' "$LAB_DIR/table" &&
		grep -q '^TLS *does not connect at 192.0.2.130:443' "$LAB_DIR/table" ||
		fail "the table says $(tail -n 2 "$LAB_DIR/table")"
}

ends_with() { # CODE ARGUMENT...
	netcheck "${@:2}"
	[ "$STATUS" = "$1" ] || fail "exit code $STATUS, not $1, for: ${*:2}"
}

wrong_usage() {
	lab_node host
	ends_with 2 && ends_with 2 -s 192.0.2.1 && ends_with 2 -s stun: && ends_with 2 -r "" &&
		ends_with 2 -r 192.0.2.1 more && ends_with 2 --no-such-option &&
		ends_with 5 -r no.such.name.invalid
}

# What a person reads.
prints_a_table() {
	local line
	lab_two_sides symmetric none
	start_rendezvous || return 1
	lab_in host timeout 60 "$EYELET" netcheck -r "$RDV" >"$LAB_DIR/table" || return 1
	for line in '^asked +192.0.2.130:3478 .rendezvous., round trip [0-9.]+ ms$' \
		'^mapping +address- and port-dependent$' '^ports +random$' '^port mapping +none: ' \
		'^  port-restricted NAT or firewall +95 % by many ports at once: 1012 packets' \
		'^  symmetric NAT with random ports +no: 53709 probes for an even chance'; do
		grep -Eq "$line" "$LAB_DIR/table" || fail "no line like $line" || return 1
	done
}

TURNSERVER=$(command -v turnserver || echo "$ROOT/build/coturn/usr/bin/turnserver")

check_by_rendezvous() { # KIND
	check "netcheck of $1 by a rendezvous" tells_kind "$1"
	lab_clear
}

check_by_coturn() { # KIND
	if [ -x "$TURNSERVER" ]; then
		check "netcheck of $1 by coturn" tells_kind_by_stun "$1"
	else
		skip "netcheck of $1 by coturn" "packaging/unpack.sh got none"
	fi
	lab_clear
}

lab_begin "$@"
need_eyelet
KINDS=(none cone addr-restricted port-restricted reject poison symmetric)
STUN_KINDS=(none cone addr-restricted port-restricted poison symmetric)
OTHER_KINDS=(sequential random carrier-hairpin cgnat)
if [ "${1:-}" = quick ]; then
	KINDS=(none port-restricted poison)
	STUN_KINDS=(cone symmetric)
	OTHER_KINDS=(sequential)
fi
for kind in "${KINDS[@]}"; do
	check_by_rendezvous "$kind"
done
for kind in "${STUN_KINDS[@]}"; do
	check_by_coturn "$kind"
done
if lab_tunnat_possible; then
	for kind in "${OTHER_KINDS[@]}"; do
		check_by_rendezvous "$kind"
	done
	check_by_coturn addr-dependent
else
	skip "netcheck of other kinds" "$WHY"
fi
CASES=(two_rendezvous double_nat dual_stack narrow_path udp_blocked wrong_usage prints_a_table)
[ "${1:-}" = quick ] || CASES+=(lifetime)
for case in "${CASES[@]}"; do
	check "netcheck: ${case//_/ }" "$case"
	lab_clear
done
finish
