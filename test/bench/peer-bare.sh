# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# direct: no forwarder at all, to check the generator, the sink and the verifier against each
# other, and for the latency that is theirs. bare: two hops that receive and send one datagram
# after the other, one way, one flow: the least that two processes can do without runs.

direct_needs() { [ "$PLACE" = loopback ]; }
direct_version() { echo "no forwarder"; }
direct_start() { TO[direct]=$SINK_PORT; }

bare_needs() { :; }
bare_version() { echo "two loops of recv and send"; }
bare_start() {
	local first second
	first=$(port 200)
	second=$(port 201)
	start b bare2 "$LOAD" hop "$second" --to "$SINK_PORT"
	start a bare1 "$LOAD" hop "$first" --host "$ADDR_B" --to "$second"
	await bare2.out ready 5 && await bare1.out ready 5 && TO[bare]=$first
}
