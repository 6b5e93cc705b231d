#!/bin/bash
# SPDX-License-Identifier: MIT
# Whether the manual and the completion know the options that each command's --help names, and
# no others. Prints what differs; exit code 1 if anything does.
set -u
cd "$(dirname "$0")/.." || exit 1
man=src/man/eyelet.1 status=0
# shellcheck disable=SC1091,SC2317 # bash's own complete has nothing to do here
complete() { :; } && . contrib/completions/eyelet.bash

# Those of every command stand once in the manual, before the commands.
own() { grep -vxE -- '--(help|verbose|quiet)' | sort -u; }

# Lines of "--long -l", or "--long" where there is no letter.
helped() { # COMMAND
	build/eyelet "$1" --help | sed -nE 's/^ *(-(.), )?(--[a-z-]+).*/\3 \2/p' |
		sed -E 's/ (.)$/ -\1/; s/ $//' | grep -vE -- '^--(help|verbose|quiet)'
}

completed() { # COMMAND
	_eyelet_options "$1" | tr ' ' '\n' | own
}

section() { # COMMAND
	sed -n "/^\.Ss eyelet $1\$/,/^\.S[sh] /p" "$man" | sed '1d;$d'
}

synopsis() { # COMMAND
	sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$man" |
		sed -n "/^\.Cm $1\$/,/^\.Nm/p"
}

# True if a piece of the manual on stdin names the option by its long name or its letter.
names() { # --LONG [-LETTER]
	grep -qE "Fl (. , )?$1( |\$)${2:+|Fl ${2#-}( |\$)}" <<<"$(sed 's/Fl --/Fl -/')"
}

wrong() { # SENTENCE
	echo "$*"
	status=1
}

check_command() { # COMMAND
	local long letter
	while read -r long letter; do
		section "$1" | names "${long#-}" "$letter" ||
			wrong "$man: eyelet $1: $long is not described"
		synopsis "$1" | names "${long#-}" "$letter" ||
			wrong "$man: eyelet $1: $long is not in the synopsis"
	done < <(helped "$1")
	while read -r long; do
		helped "$1" | grep -q -- "^$long\b" ||
			wrong "$man: eyelet $1: $long is described, and not in its --help"
	done < <(section "$1" | sed -nE 's/^\.It Fl (. , )?(-[a-z-]+).*/-\2/p')
	diff <(helped "$1" | cut -d' ' -f1 | sort -u) <(completed "$1") |
		sed -n "s/^</completion: eyelet $1: missing:/p; s/^>/completion: eyelet $1: no such option:/p" |
		grep . && status=1
}

for command in rendezvous serve connect netcheck keygen; do
	[ -n "$(helped $command)" ] || wrong "eyelet $command --help names no options"
	check_command $command
done
exit $status
