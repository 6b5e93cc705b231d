#!/usr/bin/awk -f
# SPDX-License-Identifier: MIT
# Sums up the instructions of this repository's own code in a dump of callgrind, by source file:
# what libcrypto and libc take depends on their versions and on the processor. Prints "NAME
# INSTRUCTIONS", NAME being the dump's trigger.

/^desc: Trigger: Client Request: / { name = $NF }

# File names come once with a number and then by that number alone; those of called functions share it.
/^(fl|fi|fe|cfi|cfl)=/ {
	split($0, part, "=")
	id = part[2]
	sub(/ .*/, "", id)
	if (match(part[2], / /))
		file[id] = substr(part[2], RSTART + 1)
	if ($0 !~ /^c/)
		own = file[id] ~ /(^|\/)src\/(core|net)\//
	next
}

# The line after it is what the called function cost.
/^calls=/ { getline; next }

/^[0-9+*-]/ && own { sum += $2 }

END { print name, sum + 0 }
