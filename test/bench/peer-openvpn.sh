# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# OpenVPN over UDP at both ends: a tunnel by TUN devices, sealed by AES-256-GCM.

openvpn_needs() {
	[ "$PLACE" = veth ] && [ -w /dev/net/tun ] && program openvpn >/dev/null &&
		program openssl >/dev/null
}
openvpn_version() {
	LD_LIBRARY_PATH=$LIBRARIES "$(program openvpn)" --version | grep -o '^OpenVPN [0-9.]*'
}

openvpn_identity() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
		-subj "/CN=$1" -keyout "$DIR/$1.key" -out "$DIR/$1.crt" 2>/dev/null &&
		openssl x509 -noout -fingerprint -sha256 -in "$DIR/$1.crt" | cut -d= -f2
}

openvpn_start() {
	local port a b common
	port=$(port 270)
	a=$(openvpn_identity openvpn-a) && b=$(openvpn_identity openvpn-b) || return 1
	common=(--dev-type tun --proto udp4 --data-ciphers AES-256-GCM --verb 3 --fast-io)
	start b openvpn2 "$(program openvpn)" --dev benchovb --local "$ADDR_B" --lport "$port" \
		--tls-server --dh none --ifconfig 10.79.0.2 10.79.0.1 --cert "$DIR/openvpn-b.crt" \
		--key "$DIR/openvpn-b.key" --peer-fingerprint "$a" "${common[@]}"
	start a openvpn1 "$(program openvpn)" --dev benchova --remote "$ADDR_B" "$port" --nobind \
		--tls-client --ifconfig 10.79.0.1 10.79.0.2 --cert "$DIR/openvpn-a.crt" \
		--key "$DIR/openvpn-a.key" --peer-fingerprint "$b" "${common[@]}"
	await openvpn1.out 'Initialization Sequence Completed' 20 &&
		TO[openvpn]="--host 10.79.0.2 $SINK_PORT"
}
