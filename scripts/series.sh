# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the scripts that put the series together: its kernels, parts and files.
# shellcheck shell=bash disable=SC2034,SC2154

# Each part applies on top of those before it
parts=(fixes watchdog policy ptp)

# rank_of PART: its place among the parts; fails if there is none of that name
rank_of()
{
	local i

	for i in "${!parts[@]}"; do
		[ "${parts[i]}" != "$1" ] || { echo "$i"; return; }
	done
	return 1
}

check_part()
{
	rank_of "$1" > /dev/null ||
		die "the series has no part \"$1\"" "PART= can be: ${parts[*]}"
}

check_kernel()
{
	kernels | grep -qxF -e "$1" || die "there is no series for Linux $1" \
		"series/kernels has: $(kernels | xargs)"
}

newest_kernel() { kernels | tail -n 1; }

# The lines of a step that say something about it
part_of() { sed -n '1,/^---$/d; /^diff --git /q; s/^Part: //p' "$1"; }
adds_of() { sed -n '1,/^---$/d; /^diff --git /q; s/^Adds: //p' "$1"; }
subject_of() { sed -n '/^$/q; s/^Subject: //p' "$1"; }

# In the following STEPS is a file that scripts/steps has written, and the patches are
# those in $top, which is the current directory

# added_by STEPS: the files that the series adds
added_by()
{
	local patch _

	while read -r patch _; do
		adds_of "$patch"
	done < "$1"
}

# changed_by STEPS: the files of the kernel that the series changes
changed_by()
{
	local patch before added

	added=$(added_by "$1" | sort)
	while read -r patch before; do
		sed -n 's|^--- a/||p' "$patch" ${before:+"$before"}
	done < "$1" | sort -u | comm -23 - <(echo "$added")
}

# take_off STEPS NOW THEN WHERE [OPTION]...: undo the steps in the directory NOW, the
# last one first, as git apply with the options does.  The files that a step adds go
# from NOW to THEN, as that step adds them.  WHERE says whose files they are.
take_off()
{
	local steps=$1 now=$2 then=$3 where=$4 patch before hooks file

	shift 4
	tac "$steps" | while read -r patch before; do
		for hooks in "$patch" ${before:+"$before"}; do
			grep -q '^diff --git ' "$hooks" || continue
			(cd "$now" && GIT_CEILING_DIRECTORIES=${now%/*} \
				git apply -v -R "$@" "$top/$hooks") > "$now.log" 2>&1 ||
				die "$hooks cannot be taken off $where" \
				    "$(grep -v '^Checking patch\|^Skipped patch' "$now.log")"
		done
		adds_of "$patch" | while read -r file; do
			mkdir -p "$then/$(dirname "$file")"
			mv "$now/$file" "$then/$file"
		done
	done
}

# added_files STEPS OUT: write the files that the series adds to OUT, each as its step
# adds it.  The project has them as the last step leaves them.
added_files()
{
	local file ours=()

	while read -r file; do
		[ -f "$file" ] || die "the series adds $file, which does not exist"
		install -m 644 -D "$file" "$2.now/$file"
		ours+=("--include=$file")
	done < <(added_by "$1")
	mkdir -p "$2.now" "$2"
	take_off "$1" "$2.now" "$2" "the files that this project adds" "${ours[@]}"
}

# The lines that go to the end of each message
trailers()
{
	printf '%b\n' "${TRAILERS-}" | tr ';' '\n' | sed 's/^ *//; s/ *$//; /^$/d'
	[ ! "${SIGNOFF-}" ] || echo "Signed-off-by: $SIGNOFF"
}

# What SIGNOFF= and TRAILERS= say must be what git and maintainers understand
check_sender()
{
	local person='^[^<>@]*[^<>@ ] <[^<>@[:space:]]+@[^<>@[:space:]]+>$' wrong

	[ ! "${SIGNOFF-}" ] || [[ $SIGNOFF =~ $person ]] ||
		die "SIGNOFF=\"$SIGNOFF\" names nobody" \
		    "It is to be like this: SIGNOFF=\"Your Name <you@example.com>\""
	! wrong=$(trailers | grep -vE '^[A-Z][A-Za-z-]*: [^ ]') ||
		die "TRAILERS= has a line that is no trailer: $wrong" \
		    "It is to be like this: TRAILERS=\"Tested-by: A <a@b.c>; Link: https://d.e\""
}

# identity DIRECTORY: "Name <mail>" of who runs this, as git has been told there
identity()
{
	git -C "$1" -c user.useConfigOnly=true var GIT_AUTHOR_IDENT 2> /dev/null |
		sed 's/>.*/>/'
}

makefile_field() { sed -n "s/^$2 *= *//p" "$1/Makefile" 2> /dev/null || true; }

# kernel_of KDIR [KERNEL]: the kernel whose series is for this source
kernel_of()
{
	local version kernel untried="Nobody has tried this one: build it, and boot it."

	[ -d "$1" ] || die "$1 is not a directory" "KDIR= is to name a Linux source tree."
	version=$(makefile_field "$1" VERSION).$(makefile_field "$1" PATCHLEVEL)
	[[ $version =~ ^[0-9]+\.[0-9]+$ ]] || die "$1 is not a Linux source tree" \
		"It has no Makefile that tells VERSION and PATCHLEVEL."
	kernel=$(kernels | up_to "$version" | head -n 1)
	if [ $# -eq 2 ]; then
		check_kernel "$2"
		kernel=$2
		say "$1 is Linux $version; taking the series for $kernel, as you say"
	elif [ "$kernel" = "$version" ]; then
		say "$1 is Linux $version: taking the series for it"
	elif [ "$kernel" = "$(kernels | head -n 1)" ]; then
		die "$1 is Linux $version, and the series is for $kernel or later"
	elif [ "$kernel" ]; then
		say "$1 is Linux $version: taking the series for $kernel, the next newer one"
		say "$untried"
	else
		kernel=$(newest_kernel)
		say "$1 is Linux $version: taking the series for $kernel, the newest there is"
		say "$untried"
	fi
	echo "$kernel"
}

# format_patches REPO OUT RANGE [OPTION]...: the same files, whenever and by whomever
format_patches()
{
	git -C "$1" format-patch -q --zero-commit --abbrev=12 --no-signature \
		-o "$2" "${@:4}" "$3"
}
