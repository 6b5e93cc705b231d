# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# socat, both ways (UDP4-LISTEN,fork: a process a client, which poll, read and write for each
# datagram; UDP4-RECVFROM,fork would fork for each), with buffers as large as ours.

socat_needs() { program socat >/dev/null; }
socat_version() { socat -V | sed -n 's/^socat version \([0-9.]*\).*/socat \1/p'; }
socat_start() {
	local first second buffers=rcvbuf=4194304,sndbuf=4194304
	first=$(port 210)
	second=$(port 211)
	start b socat2 socat -b 65536 "UDP4-LISTEN:$second,fork,$buffers" \
		"UDP4:127.0.0.1:$SINK_PORT,$buffers"
	start a socat1 socat -b 65536 "UDP4-LISTEN:$first,bind=127.0.0.1,fork,$buffers" \
		"UDP4:$ADDR_B:$second,$buffers"
	await_port b "$second" 5 && await_port a "$first" 5 && TO[socat]=$first
}

# The way's first hop alone, as an application beside its server would have it.
socat_hop_needs() { socat_needs; }
socat_hop_version() { socat_version; }
socat_hop_start() {
	local port buffers=rcvbuf=4194304,sndbuf=4194304
	port=$(port 220)
	start a socat_hop socat -b 65536 "UDP4-LISTEN:$port,bind=127.0.0.1,fork,$buffers" \
		"UDP4:127.0.0.1:$SINK_PORT,$buffers"
	await_port a "$port" 5 && TO[socat_hop]=$port
}
