#!/bin/sh
# SPDX-License-Identifier: MIT
# Draws what table.awk left in DIRECTORY/medians.csv, one SVG file for each measure and place.
set -eu
command -v gnuplot >/dev/null || { echo "skip - bench: no plots, gnuplot is not installed" && exit 0; }
cd "$1"

draw() { # FILE TITLE LABEL COLUMN LINES-OF-CSV
	printf '%s\n' "$5" >"$1.dat"
	gnuplot <<-PLOT
		set terminal svg size 760,360 noenhanced background 'white'
		set output '$1.svg'
		set datafile separator ','
		set title '$2'
		set ylabel '$3'
		set yrange [0:*]
		set style fill solid 0.8
		set boxwidth 0.7
		set grid y
		unset key
		set xtics rotate by -25
		plot '$1.dat' using 0:$4:xtic(4) with boxes lc rgb '#4472a8'
	PLOT
	rm -f "$1.dat"
}

tail -n +2 medians.csv | cut -d, -f1-3 | sort -u | while IFS=, read -r place load size; do
	lines=$(grep "^$place,$load,$size," medians.csv)
	case $load in
	rate) draw "$place-rate" "highest rate without loss, $size bytes" 'datagrams a second' 5 "$lines" ;;
	calls)
		draw "$place-latency" "10,000 a second, $size bytes" 'one-way latency, p50 (ns)' 6 "$lines"
		draw "$place-latency-p99" "10,000 a second, $size bytes" 'one-way latency, p99 (ns)' 7 "$lines"
		;;
	*) draw "$place-$load-$size" "$place, $load, $size bytes" 'CPU per datagram, both hops (ns)' 5 "$lines" ;;
	esac
done
