# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the scripts beside it: where things are, and how to speak.
# shellcheck shell=bash disable=SC2034

set -euo pipefail
export LC_ALL=C

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$top/build
downloads=$top/downloads

say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# die WHAT-WAS-TRIED-AND-FAILED [WHAT-TO-DO...]: one line each
die()
{
	printf '%s: error: %s\n' "${0##*/}" "$1" >&2
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" | sed '/^$/d; s/^/    /' >&2
	exit 1
}

trap 'trap - INT; say "interrupted; run it again to go on"; exit 130' INT TERM HUP

# The trees made here are no business of the user's git settings, as signing
ignore_git_settings() { export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null; }

# The names of the kernels that the series is for, the oldest first
kernels() { grep -oE '^[0-9][^[:space:]]*' "$top/series/kernels"; }

# up_to KERNEL: of the versions on stdin those that are for it, the oldest first.
# What is kept for a version is for that one and all that are older.
up_to()
{
	{ sed 's/$/ have/'; echo "$1 wanted"; } | sort -V |
		awk -v kernel="$1" '$1 == kernel { on = 1 } on && $2 == "have" { print $1 }'
}

# lock NAME: one at a time; a second run waits and says for what
lock()
{
	mkdir -p "$build"
	exec {lock_fd}> "$build/.lock-$1"
	if ! flock -n "$lock_fd"; then
		say "another run is working on $1, waiting for it"
		flock "$lock_fd"
	fi
}

# need_space DIRECTORY MIB: before a long step, or where one has failed
need_space()
{
	local free

	mkdir -p "$1"
	free=$(df --output=avail -m "$1" | tail -n 1 | tr -d ' ')
	[ "$free" -ge "$2" ] || die \
		"$1 has $free MiB free, and this step needs about $2 MiB" \
		"Make room there, or clone the project onto a larger disk; then run it again."
}

# progress TOTAL: make's output on stdin, how far it is on stderr.  Without a
# total it counts; on a terminal it overwrites its line, else it is brief.
progress()
{
	local total=$1 line text shown='0 steps' n=0 each=500

	[ ! -t 2 ] || each=10

	while IFS= read -r line; do
		[[ $line == "  "[A-Z]* ]] || continue
		n=$((n + 1))
		if [ "$total" -gt 0 ]; then
			text=$((n < total ? n * 100 / total : 99))
			[ -t 2 ] || text=$((text / 10 * 10))
			text="$text %"
		else
			text="$((n / each * each)) steps"
		fi
		[ "$text" != "$shown" ] || continue
		shown=$text
		if [ -t 2 ]; then
			printf '\r    %s   ' "$text" >&2
		else
			printf '    %s\n' "$text" >&2
		fi
	done
	[ ! -t 2 ] || printf '\r                \r' >&2
}
