# SPDX-License-Identifier: GPL-2.0-only
# bash completion for xen-clock(1)						-*- shell-script -*-

_xen_clock()
{
	local cur prev words cword command options i
	local commands='check watch wait bench metrics host forecast record'

	_init_completion || return

	case $prev in
	--output | --to | --from)
		_filedir
		return
		;;
	--recording)
		_filedir -d
		return
		;;
	--for)
		mapfile -t COMPREPLY < <(compgen -W 'resume demotion' -- "$cur")
		return
		;;
	--seconds | --interval | --reads | --guest)
		return
		;;
	esac

	command=
	for ((i = 1; i < cword; i++)); do
		case ${words[i]} in
		--output | --to | --from | --recording | --for | --seconds | --interval | \
			--reads | --guest)
			((i++))
			;;
		-*)
			;;
		*)
			command=${words[i]}
			break
			;;
		esac
	done

	options='--recording --help --version'
	case $command in
	'')		options+=" --json $commands" ;;
	check | host)	options+=' --json' ;;
	watch)		options+=' --json --seconds --interval' ;;
	wait)		options+=' --json --for --seconds' ;;
	bench)		options+=' --json --reads' ;;
	metrics)	options+=' --output' ;;
	forecast)	options+=' --json --to --from --guest' ;;
	record)
		_filedir -d
		return
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
} &&
	complete -F _xen_clock xen-clock
