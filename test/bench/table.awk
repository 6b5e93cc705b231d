#!/usr/bin/awk -f
# SPDX-License-Identifier: MIT
# Medians of what run.sh measured, and the pair's CPU time as a ratio of socat's, each of the
# same round. Fails if a forwarder doubled, reordered or spoilt anything.
BEGIN { FS = "," }

NR == 1 { next }

{
	cell = $3 "," $4 "," $5
	if (!(cell in known)) {
		known[cell] = 1
		cells[++cell_count] = cell
	}
	if ($1 > rounds)
		rounds = $1
	cost[$2, cell, $1] = $8 > 0 ? $13 / $8 : 0
	cost[$2 "-serve", cell, $1] = $8 > 0 ? $14 / $8 : 0
	loss[$2, cell, $1] = $6 > 0 ? 100 * (1 - $8 / $6) : 0
	rate[$2, cell, $1] = $8 / $7 * 1e6
	wrong[$2] += $9 + $10 + $11
}

function sort_values(n,    i, j, t) {
	for (i = 2; i <= n; i++) {
		t = values[i]
		for (j = i - 1; j > 0 && values[j] > t; j--)
			values[j + 1] = values[j]
		values[j + 1] = t
	}
}

# Leaves the smallest and the largest in lowest and highest.
function median(table, subject, cell,    i, n) {
	for (i = 1; i <= rounds; i++)
		if ((subject, cell, i) in table)
			values[++n] = table[subject, cell, i]
	sort_values(n)
	lowest = values[1]
	highest = values[n]
	return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
}

function find_ratios(    i, r, p, s) {
	for (i = 1; i <= cell_count; i++)
		for (r = 1; r <= rounds; r++) {
			p = cost["pair", cells[i], r]
			s = cost["socat", cells[i], r]
			if (p > 0 && s > 0)
				ratio["both", cells[i], r] = p / s
		}
}

END {
	find_ratios()
	printf "CPU time per delivered datagram: eyelet connect + serve, sealed, beside socat, one plain hop\n"
	printf "and two bare hops (recv, send); medians of %d rounds; ratio: pair to socat, lowest to highest\n\n", rounds
	printf "%6s %5s  %-5s | %7s %7s %7s %7s | %5s %13s | %16s | %15s\n", "guests", "bytes",
		"load", "pair ns", "(serve)", "socat", "2 bare", "ratio", "", "1000/s delivered", "lost %"
	for (i = 1; i <= cell_count; i++) {
		c = cells[i]
		split(c, part, ",")
		p = median(cost, "pair", c)
		s = median(cost, "socat", c)
		q = median(ratio, "both", c)
		span = sprintf("%.2f-%.2f", lowest, highest)
		met += q < 1
		printf "%6d %5d  %-5s | %7.0f %7.0f %7.0f %7s | %5.2f %13s | %7.0f %8.0f | %7.2f %7.2f\n",
			part[1], part[2], part[3], p, median(cost, "pair-serve", c), s,
			(("bare", c, 1) in cost) ? sprintf("%.0f", median(cost, "bare", c)) : "-",
			q, "(" span ")",
			median(rate, "pair", c), median(rate, "socat", c),
			median(loss, "pair", c), median(loss, "socat", c)
	}
	printf "\npair below socat in %d of %d rows\n", met, cell_count
	if (wrong["socat"] > 0)
		printf "socat doubled, reordered or spoilt %d datagrams\n", wrong["socat"]
	if (wrong["pair"] > 0) {
		printf "FAILED: the pair doubled, reordered or spoilt %d datagrams\n", wrong["pair"]
		exit 1
	}
}
