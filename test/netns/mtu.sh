#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Whatever the path's MTU, with and without ICMP's "fragmentation needed": large datagrams
# all arrive, once, and no IP fragment is ever on the wire. WireGuard's largest datagram at
# its usual MTU of 1420 fits a path of 1500 in one piece.

. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/pair.sh"
. "$(dirname "$0")/traffic.sh"
. "$(dirname "$0")/change.sh"

CHANGED_MS=5000      # from a lower MTU to large datagrams again
MEBIBYTE=$((1 << 20))
LARGEST_WHOLE=1452   # payload: 1500 without IPv4, UDP, our header and tag
lab_begin "$@"
need_eyelet

# ---- the path ----

# Counts fragments where conntrack has not yet joined them, and outer datagrams by length.
# Runs that leave by one UDP_SEGMENT call are cut at the first interface, to be countable.
count_fragments() {
	local node
	for node in hnat r1 r2 gnat; do
		lab_in "$node" nft -f - <<-'END' || return 1
			table ip pieces {
				counter fragments { }
				counter full { }
				counter datagrams { }
				chain prerouting {
					type filter hook prerouting priority -450
					ip frag-off & 0x3fff != 0 counter name fragments
					udp dport != 3478 udp sport != 3478 meta length >= 200 counter name datagrams
					meta length 1500 counter name full
				}
			}
		END
	done
	for node in host guest; do
		ip -n "$(lab_ns "$node")" link set eth0 gso_max_segs 1 || return 1
	done
}

counted() { # NODE COUNTER
	lab_in "$1" nft list counter ip pieces "$2" | awk '/packets/ { print $2 }'
}

# What the kernels of both ends have cut or joined, but on loopback, whose MTU fits all.
kernel_fragments() {
	local node
	for node in host guest; do
		lab_in "$node" awk '/^Ip: [0-9]/ { print $15 + $18 + $19 }' /proc/net/snmp
	done | awk '{ sum += $1 } END { print sum }'
}

no_fragments() {
	local node
	for node in hnat r1 r2 gnat; do
		[ "$(counted "$node" fragments)" -eq 0 ] ||
			fail "$(counted "$node" fragments) IP fragments at $node" || return 1
	done
	[ "$(kernel_fragments)" -eq 0 ] || fail "host and guest cut or joined $(kernel_fragments)"
}

path_of() { # MTU [black_hole]
	lab_two_sides port-restricted port-restricted
	count_fragments && set_mtu "$1" || return 1
	[ $# -lt 2 ] || "$2" || return 1
	start_pair
}

# ---- the tests ----

# A mebibyte in datagrams of a size, there and back; the first ones leave while the path's
# MTU is still unknown.
mebibyte() { # SIZE
	ping_target 7001 --size "$1" --count $((MEBIBYTE / $1 + 1)) --rate 2000 --timeout 5000
}

carries() { # MTU SIZE [black_hole]
	path_of "$1" "${@:3}" && mebibyte "$2" && mebibyte "$2" && no_fragments
}

# A first flow's datagrams take one outer datagram each, but for those that leave before the
# path's MTU is known, and its probes.
in_one_piece() { # SIZE
	local outer count=1000
	path_of 1500 && ping_target 7001 --size "$1" --count "$count" --rate 500 || return 1
	outer=$(counted r1 datagrams)
	echo "# $((2 * count)) datagrams of $1 bytes took $outer outer ones, with probes"
	[ "$outer" -le $((2 * count + 100)) ] || fail "$outer outer datagrams" || return 1
	[ "$1" -lt "$LARGEST_WHOLE" ] || [ "$(counted r1 full)" -ge $((2 * count - 100)) ] ||
		fail "$(counted r1 full) outer datagrams of 1500 bytes" || return 1
	no_fragments
}

# Every size near the path's MTU, once that is known, on a flow whose frames name it.
edges() { # MTU [black_hole]
	local line
	path_of "$1" "${@:2}" && ping_target 7001 --size 1400 --count 500 --rate 500 || return 1
	line=$(lab_in guest "$UDPCHECK" sweep 127.0.0.1 7001 --from $(($1 - 80)) --to $(($1 + 80)) \
		--timeout 500) || fail "$line" || return 1
	no_fragments
}

lowered() { # FROM TO [black_hole]
	path_of "$1" "${@:3}" && ping_target 7001 --size 1400 --count 100 || return 1
	under_traffic "$CHANGED_MS" "--size 1400" set_mtu "$2" && mebibyte 1400 && no_fragments
}

# Raised again, the path carries on as it was; the larger size may be found later.
raised() {
	path_of 1280 && ping_target 7001 --size 1400 --count 100 || return 1
	under_traffic "$CHANGED_MS" "--size 1400" set_mtu 1500 && no_fragments
}

# ---- WireGuard in user space ----

wireguard_possible() {
	have wireguard-go wg iperf || return 1
	[ -c /dev/net/tun ] && (exec 3<>/dev/net/tun) 2>/dev/null || fail "/dev/net/tun cannot be opened"
}

start_wireguard() { # NODE NUMBER PORT
	start "wg$2" "$1" env LOG_LEVEL=error WG_PROCESS_FOREGROUND=1 wireguard-go -f "$(wg_name "$2")"
	poll 30 lab_in "$1" wg show "$(wg_name "$2")" >/dev/null 2>&1 ||
		fail "wireguard-go did not start: $(tail -n 2 "$LAB_DIR/wg$2.log")" || return 1
	(umask 077 && wg genkey >"$LAB_DIR/wg$2.key")
	lab_in "$1" wg set "$(wg_name "$2")" private-key "$LAB_DIR/wg$2.key" listen-port "$3" &&
		ip -n "$(lab_ns "$1")" addr add "10.9.0.$2/24" dev "$(wg_name "$2")" &&
		ip -n "$(lab_ns "$1")" link set "$(wg_name "$2")" mtu 1420 up
}

wg_name() { # NUMBER
	echo "eye$$.$1" # /run/wireguard is not a namespace's own
}

wg_peer() { # NODE NUMBER PEER-NUMBER [OPTION...]
	lab_in "$1" wg set "$(wg_name "$2")" peer "$(wg pubkey <"$LAB_DIR/wg$3.key")" \
		allowed-ips "10.9.0.$3/32" "${@:4}"
}

# Through the tunnel: 1392 bytes of payload make its MTU of 1420.
wireguard() {
	local report before
	lab_two_sides port-restricted port-restricted
	count_fragments && start_rendezvous && start_serve 51820 && start_connect 51821 &&
		await_connected 10 || return 1
	start_wireguard host 1 51820 && start_wireguard guest 2 51830 || return 1
	wg_peer host 1 2 && wg_peer guest 2 1 endpoint 127.0.0.1:51821 || return 1
	start wg-echo host "$UDPCHECK" echo 10.9.0.1 7100
	await_udp host 7100 5 || return 1
	report=$(lab_in guest "$UDPCHECK" ping 10.9.0.1 7100 --size 1392 --count 1000 --rate 1000 \
		--timeout 5000) || fail "$report" || return 1
	start iperf host iperf --server --bind 10.9.0.1 --port 5001
	before=$(counted r1 full)
	report=$(lab_in guest timeout 30 iperf --client 10.9.0.1 --port 5001 --time 3 --len 64K 2>&1) ||
		fail "iperf: $report" || return 1
	echo "# iperf through WireGuard: $(tail -n 1 <<<"$report" | tr -s ' ')," \
		"$(($(counted r1 full) - before)) outer datagrams of 1500 bytes"
	[ $(($(counted r1 full) - before)) -gt 100 ] ||
		fail "full datagrams of the tunnel did not go in one piece" || return 1
	no_fragments
}

while read -r mtu size hole; do
	# shellcheck disable=SC2086 # nothing or a word
	check "path of $mtu${hole:+ (black hole)}: 1 MiB of $size-byte datagrams" \
		carries "$mtu" "$size" $hole
	lab_clear
done <<-END
	1280 1400
	1280 1400 black_hole
	1492 1450
	1420 1400
	1124 1400 black_hole
END
for size in 1420 $LARGEST_WHOLE; do
	check "path of 1500: $size bytes go in one piece" in_one_piece "$size"
	lab_clear
done
for mtu in 1280 1500; do
	check "path of $mtu: every size near its MTU" edges $mtu black_hole
	lab_clear
done
check "MTU lowered to 1280 under way" lowered 1500 1280
lab_clear
check "MTU lowered to 1280 under way, a black hole" lowered 1500 1280 black_hole
lab_clear
check "MTU raised to 1500 under way" raised
lab_clear
if wireguard_possible; then
	check "wireguard-go at MTU 1420: no fragment" wireguard
else
	skip "wireguard-go at MTU 1420: no fragment" "$WHY"
fi
finish
