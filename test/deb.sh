#!/bin/bash
# SPDX-License-Identifier: MIT
# The Debian packages: they build, lintian has nothing to say, and, installed in a system of
# their own (debootstrap; else only unpacked), they work, link, and leave nothing behind.
set -u
cd "$(dirname "$0")/.." || exit 1
version=$(sed -n 's/^VERSION *= *//p' Makefile)
out=build/deb
unit=lib/systemd/system/eyelet-rendezvous.service
example=contrib/examples/echo-over-eyelet.c
status=0

trial=$(mktemp -d "${TMPDIR:-/tmp}/eyelet-deb.XXXXXX")
trap 'rm -rf "$trial"' EXIT
trap 'exit 130' INT TERM

# Prints one TAP line, and what the command said if it failed.
expect() { # what, command...
	local what=$1
	shift
	if "$@" >"$trial/log" 2>&1; then
		echo "ok - deb: $what"
	else
		echo "not ok - deb: $what"
		tail -n 20 "$trial/log" | sed 's/^/# /'
		status=1
		return 1
	fi
}

skip() {
	echo "skip - deb: $1"
}

packages() {
	ls $out/{eyelet,libeyelet0,libeyelet-dev}_*.deb
}

have_version() {
	local package
	for package in $(packages); do
		dpkg-deb -f "$package" Version | grep "^$version-" || return 1
	done
}

# ---- unpacked ----

unpack() {
	local package
	for package in $(packages); do
		dpkg -x "$package" "$trial/root" || return 1
	done
	libdir=$(dirname "$(find "$trial/root/usr/lib" -name libeyelet.a)")
}

unpacked_runs() {
	"$trial/root/usr/bin/eyelet" --version | grep -x "eyelet $version"
}

unpacked_man() {
	local page
	for page in eyelet.1 eyelet-performance.7; do
		zcat "$trial/root/usr/share/man/man${page##*.}/$page.gz" | cmp - "src/man/$page" ||
			return 1
	done
}

# Links with the unpacked library as pkg-config says, dynamically or (--static) not.
unpacked_links() { # [--static]
	local flags
	flags=$(PKG_CONFIG_PATH=$libdir/pkgconfig PKG_CONFIG_SYSROOT_DIR=$trial/root \
		pkg-config --cflags --libs ${1-} libeyelet) || return 1
	[ -z "${1-}" ] || flags=${flags/-leyelet/-l:libeyelet.a}
	# shellcheck disable=SC2086 # a list
	${CC:-cc} $example $flags -o "$trial/example${1-}" &&
		{ LD_LIBRARY_PATH=$libdir "$trial/example${1-}" nonsense 2>&1 || true; } |
		grep -v 'error while loading'
}

# The unit as it is, but for where the program lies.
unit_is_sound() {
	local copy=$trial/eyelet-rendezvous.service
	sed "s,/usr/bin/eyelet,$trial/root&," "$trial/root/$unit" >"$copy"
	systemd-analyze verify --man=no "$copy" 2>&1 | tee "$trial/verify"
	! grep -q . "$trial/verify"
}

unit_is_confined() { # exposure, of 100
	systemd-analyze security --offline=true --no-pager --threshold=20 "$trial/root/$unit"
}

# ---- without dpkg ----

uninstalls() {
	make -s install DESTDIR="$trial/local" && [ -x "$trial/local/usr/local/bin/eyelet" ] &&
		make -s uninstall DESTDIR="$trial/local" &&
		! find "$trial/local" ! -type d | grep .
}

# ---- installed ----

# Runs a command as root in the system; its mounts end with it.
inside() { # COMMAND...
	unshare -mpf --kill-child bash -c 'root=$1 && shift
		mount --bind "$root" "$root" && mount -t proc proc "$root/proc" &&
		mount --rbind /dev "$root/dev" && mount -t tmpfs tmpfs "$root/run" &&
		exec env -i LANG=C DEBIAN_FRONTEND=noninteractive TERM=dumb \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" "$@"' \
		bash "$trial/system" "$@"
}

SYSTEM=man-db,gcc,libc6-dev,pkg-config,systemd,systemd-sysv,dbus,iproute2

# A fresh system of this machine's release; what debootstrap made is kept for the next run.
make_system() {
	local suite mirror
	suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' |
		sed -n "s, $suite\$,,p" | sort -u | head -n 1)
	if [ ! -e "$out/system/ready" ]; then
		rm -rf "$out/system" && mkdir -p "$out/system" &&
			debootstrap --variant=minbase --include="$SYSTEM" \
				"$suite" "$out/system/root" "${mirror:-http://deb.debian.org/debian}" &&
			touch "$out/system/ready" || return 1
	fi
	cp -a "$out/system/root" "$trial/system"
	cp /etc/resolv.conf "$trial/system/etc/" && mkdir "$trial/system/root/debs" &&
		cp $(packages) $example "$trial/system/root/debs"
}

why_no_system() {
	if [ "$(id -u)" != 0 ]; then
		echo "only root can install them in a system of their own"
	elif ! command -v debootstrap >/dev/null; then
		echo "debootstrap is not installed"
	elif ! unshare -mpf mount -t tmpfs tmpfs "$trial/root" 2>/dev/null; then
		echo "no mount namespaces here"
	fi
}

install_packages() {
	inside bash -c 'apt-get -q update &&
		apt-get -q -y --no-install-recommends install /root/debs/*.deb'
}

installed_runs() { inside eyelet --version | grep -x "eyelet $version"; }
installed_man() { inside bash -c 'man eyelet | cat' | grep 'run UDP between two machines'; }
installed_links() {
	inside bash -c 'cd /root/debs &&
		cc *.c $(pkg-config --cflags --libs libeyelet) -o example && ldd example | grep "libeyelet.so.0 => /"'
}

# It opens a port to the world: nobody but the administrator starts it.
unit_is_off() {
	[ -e "$trial/system/$unit" ] && ! find "$trial/system/etc/systemd" -name 'eyelet*' | grep .
}

# Starts systemd in the system, without a network, with deb-boot.sh as a service that ends it.
boot() {
	local service=etc/systemd/system/boot-test.service tap=$trial/system/root/tap
	if ! command -v systemd-nspawn >/dev/null; then
		skip "boot: systemd-nspawn is not installed"
		return
	fi
	cp test/deb-boot.sh "$trial/system/root/"
	printf '[Service]\nType=oneshot\nExecStart=/bin/bash /root/deb-boot.sh\n' \
		>"$trial/system/$service"
	mkdir -p "$trial/system/etc/systemd/system/multi-user.target.wants"
	ln -s "/$service" "$trial/system/etc/systemd/system/multi-user.target.wants/"
	timeout --kill-after=10 300 systemd-nspawn --directory="$trial/system" --private-network \
		--register=no --keep-unit --boot </dev/null >"$trial/boot" 2>&1
	if [ ! -e "$tap" ]; then
		skip "boot: systemd does not run here ($(tail -n 1 "$trial/boot" | cut -c1-200))"
		return
	fi
	grep -qx '# end' "$tap" || echo "not ok - deb: the booted system ended early" >>"$tap"
	cat "$tap"
	! grep -q '^not ok' "$tap" || status=1
	rm "$trial/system/etc/systemd/system/multi-user.target.wants/boot-test.service" \
		"$trial/system/$service"
}

purge_packages() {
	rm -r "$trial/system/root"/*
	mkdir -p "$trial/system/var/lib/private/eyelet-rendezvous" # as if it had run
	inside apt-get -q -y purge eyelet libeyelet0 libeyelet-dev || return 1
	! find "$trial/system" -xdev -iname '*eyelet*' ! -path '*/var/log/*' \
		! -path '*/var/cache/*' | grep .
}

in_a_system() {
	local why
	why=$(why_no_system)
	[ -z "$why" ] || { skip "installed: $why" && return; }
	if ! make_system >"$trial/debootstrap" 2>&1; then
		skip "installed: debootstrap failed ($(tail -n 1 "$trial/debootstrap"))"
		return
	fi
	expect "they install in a fresh system" install_packages || return
	expect "installed, the program runs" installed_runs
	expect "installed, man finds its page" installed_man
	expect "installed, an example links as pkg-config says" installed_links
	expect "the unit is there, and neither enabled nor started" unit_is_off
	boot
	expect "purged, they leave nothing" purge_packages
}

export DEB_BUILD_OPTIONS="nocheck ${DEB_BUILD_OPTIONS-}" # the tier unit is another
expect "make deb" make --no-print-directory deb || exit 1
if command -v lintian >/dev/null; then
	expect "lintian" lintian --allow-root --fail-on error,warning $out/eyelet_*.changes
else
	skip "lintian: not installed"
fi
expect "the Makefile's version is the packages'" have_version
expect "they unpack" unpack
expect "the program runs" unpacked_runs
expect "the man page is there" unpacked_man
expect "an example links as pkg-config says" unpacked_links
expect "an example links as pkg-config --static says" unpacked_links --static
if command -v systemd-analyze >/dev/null; then
	expect "systemd takes the unit" unit_is_sound
	expect "the unit is confined" unit_is_confined
else
	skip "unit: systemd-analyze is not installed"
fi
expect "make uninstall takes back what make install put" uninstalls
in_a_system
exit $status
