# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion of eyelet(1) for bash.

_eyelet_options() { # COMMAND
	case $1 in
	rendezvous)
		echo --listen --public --alt --no-tcp --tls --tls-listen --max-connections \
			--max-connections-per-network --no-stun --no-relay --relay-rate \
			--relay-rate-all --relay-max --allow --max-services
		;;
	serve)
		echo --rendezvous --key --key-file --weak-key --public --port --name \
			--guests --max-guests --max-guests-per-network --max-flows --max-sockets \
			--max-half-open --busy-poll --no-moderation --effort --no-port-mapping \
			--no-local-candidates --ca --json
		;;
	connect)
		echo --rendezvous --key --key-file --timeout --no-relay --max-flows \
			--busy-poll --no-moderation --effort --no-port-mapping \
			--no-local-candidates --ca --json
		;;
	netcheck)
		echo --rendezvous --server --key --key-file --long --no-port-mapping --json
		;;
	keygen) echo --service-name --key --key-file ;;
	esac
	echo --help --verbose --quiet
}

# Names of machines, as ssh and its like complete them, where bash-completion is there.
_eyelet_hosts() { # WORD
	if declare -F _known_hosts_real >/dev/null; then
		_known_hosts_real -- "$1"
	else
		mapfile -t COMPREPLY < <(compgen -A hostname -- "$1")
	fi
}

_eyelet() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]}

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(
			compgen -W 'rendezvous serve connect netcheck keygen --help --version' -- "$word")
		return
	fi
	# What stands behind "--" is another program's.
	if [[ $command == connect && " ${COMP_WORDS[*]:2:COMP_CWORD-2} " == *" -- "* ]]; then
		declare -F _command_offset >/dev/null || return
		local offset=2
		while [[ ${COMP_WORDS[offset]} != -- ]]; do
			((offset++))
		done
		_command_offset $((offset + 1))
		return
	fi
	case $before in
	-r | --rendezvous) _eyelet_hosts "$word" ;;
	--key-file | --allow | --guests | --ca | --tls)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		;;
	-s | --server | -k | --key | --listen | --tls-listen | --public | --alt | --max-* | --relay-* | --busy-poll | --port | --name | --timeout) ;;
	*)
		# Bash breaks the words at "@" but replaces them with it.
		if [[ $command == connect && ($before == @ || $word == @*) ]]; then
			mapfile -t COMPREPLY < <(compgen -f -P @ -- "${word#@}")
		elif [[ $word == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_eyelet_options "$command")" -- "$word")
		fi
		;;
	esac
}

complete -F _eyelet eyelet
