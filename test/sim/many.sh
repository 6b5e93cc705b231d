#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Random trials on all processors, those that failed first: many.sh SEEDS [FIRST]
# 10^5 of them take two hours of processor time.
set -u
cd "$(dirname "$0")/../.." || exit 1
seeds=${1:?} first=${2:-1} chunk=500
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT

last=$((first + seeds - 1))
export out chunk last
# shellcheck disable=SC2016 # for the shell that is begun
seq "$first" $chunk "$last" | xargs -P "$(nproc)" -I FIRST sh -c '
	count=$((last - $1 + 1))
	[ "$count" -le "$chunk" ] || count=$chunk
	build/sim random --first "$1" --seeds "$count" >"$out/$1"' many FIRST
status=$?
cd "$out" || exit 1
cat -- * | grep -A 2 '^not ok'
cat -- * | grep '^ok' | cut -d '#' -f 1
echo "# $(cat -- * | grep -c '^ok') of $seeds seeds from $first on passed"
exit $status
