# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# wireguard-go at both ends: a tunnel by TUN devices, sealed by ChaCha20-Poly1305.

wireguard_needs() {
	[ "$PLACE" = veth ] && [ -w /dev/net/tun ] && program wireguard-go >/dev/null &&
		program wg >/dev/null
}
wireguard_version() { wireguard-go --version | head -n 1; }

wireguard_start() {
	local port
	port=$(port 260)
	(umask 077 && wg genkey >"$DIR/wg-a" && wg genkey >"$DIR/wg-b")
	mkdir -p /var/run/wireguard 2>/dev/null
	WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD=1 start b wireguard2 wireguard-go -f benchwgb
	WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD=1 start a wireguard1 wireguard-go -f benchwga
	tunnel_device b benchwgb 10.78.0.2 && tunnel_device a benchwga 10.78.0.1 || return 1
	wg set benchwgb listen-port "$port" private-key "$DIR/wg-b" \
		peer "$(wg pubkey <"$DIR/wg-a")" allowed-ips 10.78.0.1/32 &&
		wg set benchwga private-key "$DIR/wg-a" \
			peer "$(wg pubkey <"$DIR/wg-b")" allowed-ips 10.78.0.2/32 \
			endpoint "$ADDR_B:$port" && TO[wireguard]="--host 10.78.0.2 $SINK_PORT"
}

# Waits for the device and gives it its address.
tunnel_device() { # a|b NAME ADDR
	local tries=250
	until "in_$1" ip link show "$2" >/dev/null 2>&1; do
		[ $((tries -= 1)) -gt 0 ] || return 1
		sleep 0.02
	done
	"in_$1" ip addr replace "$3/24" dev "$2" && "in_$1" ip link set "$2" up
}
