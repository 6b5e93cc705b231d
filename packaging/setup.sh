#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the Debian packages that building and testing need, those only that are missing.
set -eu

build="gcc libc6-dev make pkg-config libev-dev libc-ares-dev libssl-dev uthash-dev"
tests="libcmocka-dev clang clang-tidy clang-format libclang-rt-14-dev cppcheck valgrind
	python3 nftables iproute2 procps conntrack tcpdump socat mandoc util-linux
	wireguard-go wireguard-tools dnsmasq-base bind9-dnsutils iperf mosh sip-tester teeworlds-server"

command -v dpkg-query >/dev/null || {
	echo "setup: this is not a Debian system; needed are: $build $tests" >&2
	exit 0
}
missing=
for package in $build $tests; do
	dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' ||
		missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || {
		echo "setup: missing:$missing; neither root nor sudo to install them" >&2
		exit 1
	}
	as_root=sudo
fi
echo "setup: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # the lists are lists
{
	$as_root apt-get update -q >/dev/null
	$as_root apt-get install -q -y --no-install-recommends $missing >/dev/null
}
