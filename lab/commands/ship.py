# SPDX-License-Identifier: GPL-2.0-only
"""The commands that scripts/ carry out: kernels, patches and packages."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from lab.base.common import say
from lab.commands import options
from lab.config import DEFAULT_KERNEL
from lab.images.kernel import UNAVAILABLE, build, kernels, script, status_of

# As in scripts/series.sh
PARTS = ("fixes", "watchdog", "policy", "ptp")


def named(args: argparse.Namespace) -> list[str]:
    """The kernel, if somebody has named one, and the part."""
    words = [args.kernel] if args.kernel else []
    return words + ([f"part={args.part}"] if args.part else [])


def add_version(parser: options.Parser, default: str) -> None:
    """What is no version of the series is refused by the scripts."""
    parser.add_argument(
        "--kernel", metavar="VERSION", help=f"the version of Linux (default: {default})"
    )


def add_part(parser: options.Parser, what: str) -> None:
    parser.add_argument(
        "--part", choices=PARTS, help=f"{what}: one of %(choices)s", metavar="PART"
    )


def add_signoff(parser: options.Parser) -> None:
    parser.add_argument(
        "--signoff", metavar="NAME <MAIL>", help="who signs the patches off"
    )
    parser.add_argument(
        "--trailers",
        metavar="LINES",
        help="more trailers for each patch, separated by semicolons",
    )


def set_signoff(args: argparse.Namespace) -> None:
    """Hand these on to scripts/compose."""
    for name in ("signoff", "trailers"):
        if getattr(args, name):
            os.environ[name.upper()] = getattr(args, name)


def kernel_arguments(parser: options.Parser) -> None:
    options.add_kernel(parser)
    add_part(parser, "build the series up to the end of this part")
    parser.add_argument(
        "--series", choices=["none"], help="build the kernel without the series"
    )
    parser.add_argument(
        "--probe", action="store_true", help="build the lab's probes into it"
    )
    parser.add_argument(
        "--checks", choices=["debug", "kasan"], help="have it check its locks or memory"
    )
    options.add_mutant(parser, "put an error into it")
    parser.add_argument(
        "--all", action="store_true", help="build each kernel that the series is for"
    )
    parser.add_argument(
        "--list", action="store_true", help="list these kernels, and build nothing"
    )


def kernel_main(args: argparse.Namespace) -> int:
    what = ("kernel", "part", "series", "probe", "checks", "mutant", "all")
    if args.list:
        options.refuse(args, "builds a kernel, and --list builds none", *what)
        for kernel in kernels():
            say(kernel)
        return 0
    if args.all:
        options.refuse(args, "chooses one kernel, and --all builds each", "kernel")
    script("setup", "kernel")
    words = [args.series] if args.series else []
    words += [f"part={args.part}"] if args.part else []
    words += ["probe"] if args.probe else []
    words += [args.checks] if args.checks else []
    words += [f"mutant={args.mutant}"] if args.mutant else []
    if args.all:
        for kernel in kernels():
            build(kernel, *words, accept=(0, UNAVAILABLE))
    else:
        build(args.kernel, *words)
    return 0


def series_arguments(parser: options.Parser) -> None:
    add_version(parser, "the newest, or what --kdir is")
    add_part(parser, "write the mails of this part only")
    parser.add_argument(
        "--kdir",
        type=Path,
        metavar="DIR",
        help="make the patches from this kernel source instead of Debian's",
    )
    add_signoff(parser)


def series_main(args: argparse.Namespace) -> int:
    words = named(args)
    set_signoff(args)
    if args.kdir:
        words.append(f"kdir={args.kdir.absolute()}")
    else:
        script("setup", "series")
    return status_of("mail", *words)


def apply_arguments(parser: options.Parser) -> None:
    parser.add_argument(
        "--kdir",
        type=Path,
        required=True,
        metavar="DIR",
        help="the kernel source to change",
    )
    add_version(parser, "what the Makefile in --kdir says")
    add_signoff(parser)
    add_part(parser, "apply the series up to the end of this part")
    parser.add_argument(
        "-R", "--reverse", action="store_true", help="take the series off again"
    )


def apply_main(args: argparse.Namespace) -> int:
    if args.reverse:
        options.refuse(args, "is for patches to apply", "signoff", "trailers")
    set_signoff(args)
    reverse = ["-R"] if args.reverse else []
    return status_of("apply", *reverse, str(args.kdir.absolute()), *named(args))


def deb_arguments(parser: options.Parser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        required=True,
        metavar="FILE",
        help="the configuration, such as /boot/config-VERSION or /proc/config.gz",
    )
    parser.add_argument(
        "--set",
        default="",
        metavar="OPTIONS",
        help="change these options of it, such as 'PREEMPT_RT=y DEBUG_INFO_BTF=n'",
    )
    add_version(parser, DEFAULT_KERNEL)


def deb_main(args: argparse.Namespace) -> int:
    script("setup", "deb")
    kernel, config = args.kernel or DEFAULT_KERNEL, str(args.config.absolute())
    return status_of("deb", kernel, config, *args.set.split())
