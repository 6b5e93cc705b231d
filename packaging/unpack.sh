#!/bin/sh
# SPDX-License-Identifier: MIT
# Unpacks Debian packages into a directory below the repository, with the libraries that are
# not there: unpack.sh DIRECTORY PACKAGE... They are not installed: theirs are daemons, which
# would start. What a mirror does not have is left out.
set -eu
cd "$(dirname "$0")/.."
directory=$1
shift

[ ! -e "$directory/.unpacked" ] || [ "$(cat "$directory/.unpacked")" != "$*" ] || exit 0
new=$directory.$$
trap 'rm -rf "$new"' EXIT
known=
for package; do
	! apt-cache show "$package" >/dev/null 2>&1 || known="$known $package"
done
needed=$(
	# shellcheck disable=SC2086 # a list
	apt-get install -s --no-install-recommends $known 2>/dev/null |
		awk '$1 == "Inst" { print $2 }'
)
mkdir -p "$new/deb"
echo "setup: unpacking $* into $directory" >&2
# shellcheck disable=SC2086 # a list
if [ -n "$known" ] && (cd "$new/deb" && apt-get download -q ${needed:-$known} >/dev/null 2>&1); then
	for package in "$new"/deb/*.deb; do
		dpkg -x "$package" "$new"
	done
	(cd "$new/deb" && ls) >"$new/.packages"
	rm -rf "$new/deb" "$directory"
	echo "$*" >"$new/.unpacked"
	mv "$new" "$directory"
else
	echo "setup: cannot get $*; what needs it is left out" >&2
fi
