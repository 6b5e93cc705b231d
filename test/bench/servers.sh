#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What a rendezvous costs: its core with up to a million services, and the whole program as the
# relay of a thousand sessions, with and without floods.
# usage: servers.sh [SECONDS of each load]

set -u
cd "$(dirname "$0")/../.." || exit 1

alone=(unshare -n) # root keeps its right to large buffers
[ "$(id -u)" -eq 0 ] || alone=(unshare -rn)

echo
echo "rendezvous, the core alone"
build/test/bench/rendezvous || exit 1
echo
echo "relay, the program on loopback"
# shellcheck disable=SC2016 # the inner shell's own arguments
"${alone[@]}" sh -c 'ip link set lo up && exec "$@"' - \
	build/test/bench/relay "${EYELET:-build/eyelet}" "${1:-3}"
