#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make deb` runs: builds the Debian packages from a copy of the tree and leaves them in
# build/deb. usage: deb.sh VERSION
set -eu
cd "$(dirname "$0")/.."
version=$1
out=build/deb
tree=$out/eyelet-$version

mkdir -p "$out"
rm -rf "$tree" "$out"/*.deb "$out"/*.changes "$out"/*.buildinfo
mkdir "$tree"
tar -cf - --exclude=./build --exclude=./.git --exclude='*.swp' . | tar -xf - -C "$tree"
cp -r packaging/debian "$tree/debian"
sed -i "s/@VERSION@/$version/" "$tree/debian/changelog"

# What the calling make was told concerns its own build directory.
unset MAKEFLAGS MFLAGS MAKELEVEL BUILD SANITIZE CFLAGS LDFLAGS
cd "$tree"
if ! dpkg-buildpackage -us -uc -b --jobs=auto >../log 2>&1; then
	tail -n 40 ../log
	echo "deb: failed; all of it is in $out/log" >&2
	exit 1
fi
cd ..
ls ./*.deb | sed "s,^\.,$out,"
