#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the Debian packages that building needs and, by argument, those of the demo, of the
# tests, of the bench and of the package itself; those only that are missing:
# setup.sh [demo|tests|bench|deb]...
# Without what building needs it fails; without the others the tests say what they lack.
set -eu

build="gcc libc6-dev make pkg-config libev-dev libc-ares-dev libssl-dev uthash-dev libminiupnpc-dev libsodium-dev"
demo="nftables iproute2 procps util-linux python3 teeworlds-server"
tests="$demo libcmocka-dev strace clang clang-tidy clang-format libclang-rt-dev cppcheck valgrind
	conntrack socat mandoc wireguard-go wireguard-tools dnsmasq-base bind9-dnsutils iperf mosh
	sip-tester miniupnpd-nftables openssl"
# Of the bench's peers these only; the others, which come as daemons, are unpacked.
bench="iproute2 procps util-linux nftables socat gnuplot-nox openssl wireguard-go wireguard-tools"
daemons="nginx libnginx-mod-stream rinetd pen shadowsocks-libev openvpn n2n"
deb="build-essential debhelper lintian debootstrap systemd-container libcmocka-dev"

# By then apt's lists are there.
unpack() {
	unpacker=$(dirname "$0")/unpack.sh
	[ -z "${coturn:-}" ] || "$unpacker" build/coturn coturn || true
	# shellcheck disable=SC2086 # a list
	[ -z "${peers:-}" ] || "$unpacker" build/bench/peers $daemons || true
}

wanted=$build
for group; do
	case $group in
	demo) wanted="$wanted $demo" ;;
	tests)
		wanted="$wanted $tests"
		coturn=yes
		;;
	bench)
		wanted="$wanted $bench"
		coturn=yes
		peers=yes
		;;
	deb) wanted="$wanted $deb" ;;
	*) echo "usage: setup.sh [demo|tests|bench|deb]..." >&2 && exit 2 ;;
	esac
done
trap unpack EXIT

# Names those of the packages that are not installed.
missing_of() {
	for package; do
		dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' ||
			printf ' %s' "$package"
	done
}

# Sets $as_root to what makes root of us; fails where nothing does.
become_root() {
	as_root=
	[ "$(id -u)" != 0 ] || return 0
	as_root="sudo env DEBIAN_FRONTEND=noninteractive"
	command -v sudo >/dev/null || { why="neither root nor sudo" && return 1; }
	[ -t 0 ] || sudo -n true 2>/dev/null || { why="sudo does not let us" && return 1; }
}

# Names that this release does not have must not keep the others out.
install_missing() {
	become_root || return
	echo "setup: installing$missing" >&2
	export DEBIAN_FRONTEND=noninteractive
	$as_root apt-get update -q >/dev/null || true
	known=
	for package in $missing; do
		! apt-cache show "$package" >/dev/null 2>&1 || known="$known $package"
	done
	[ -n "$known" ] || { why="apt knows none of them" && return 1; }
	# shellcheck disable=SC2086 # a list
	$as_root apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 \
		$known >/dev/null || { why="apt-get failed" && return 1; }
	why="apt does not know them"
}

command -v dpkg-query >/dev/null || {
	echo "setup: this is not a Debian system; needed are: $wanted" | tr -s '\t\n ' ' ' >&2
	trap - EXIT
	exit 0
}
# shellcheck disable=SC2086 # lists
{
	missing=$(missing_of $wanted)
	[ -n "$missing" ] || exit 0
	install_missing || true
	missing=$(missing_of $wanted)
	[ -n "$missing" ] || exit 0
	echo "setup: not installed ($why):$missing" >&2
	echo "setup: root would do: apt-get install --no-install-recommends$missing" >&2
	needed=$(missing_of $build)
}
[ -z "$needed" ] || { echo "setup: nothing can be built without$needed" >&2 && exit 1; }
echo "setup: going on; what needs them is left out" >&2
