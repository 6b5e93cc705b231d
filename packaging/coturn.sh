#!/bin/sh
# SPDX-License-Identifier: MIT
# Unpacks coturn, a STUN server that a test asks, into build/coturn, with the libraries that
# are not there. It is not installed: its package would start it as a daemon.
set -eu
cd "$(dirname "$0")/.."

[ ! -x build/coturn/usr/bin/turnserver ] || exit 0
new=build/coturn.$$
trap 'rm -rf "$new"' EXIT
mkdir -p "$new/deb"
needed=$(apt-get install -s --no-install-recommends coturn 2>/dev/null |
	awk '$1 == "Inst" { print $2 }')
echo "setup: unpacking coturn into build/coturn" >&2
# shellcheck disable=SC2086 # the list is a list
if (cd "$new/deb" && apt-get download -q ${needed:-coturn} >/dev/null 2>&1); then
	for package in "$new"/deb/*.deb; do
		dpkg -x "$package" "$new"
	done
	rm -rf "$new/deb" build/coturn
	mv "$new" build/coturn
else
	echo "setup: cannot get coturn; what needs it is left out" >&2
fi
