# SPDX-License-Identifier: GPL-2.0-only
"""The options that several commands have."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any, Callable, TypeVar

from lab.base.common import LAB, TOP, say
from lab.base.select import select
from lab.config import DEFAULT_KERNEL, GUESTS, HOSTS, TSC_MODES, XENS, Settings
from lab.images.kernel import kernels

Parser = argparse.ArgumentParser
Named = TypeVar("Named")


def add_kernel(parser: Parser) -> None:
    """One of those that the series is for."""
    parser.add_argument(
        "--kernel",
        default=DEFAULT_KERNEL,
        choices=kernels(),
        help="the version of Linux (default: %(default)s)",
    )


def add_xen(parser: Parser) -> None:
    parser.add_argument(
        "--xen",
        default="4.17",
        choices=list(XENS),
        help="the version of Xen, from Debian (default: %(default)s)",
    )


def add_host(parser: Parser) -> None:
    parser.add_argument(
        "--host",
        default="untrusted",
        choices=list(HOSTS),
        help="the host's TSC: Xen does not trust it, trusts it, shows it to guests as "
        "invariant as well, or has it count 1 GHz (default: %(default)s)",
    )


def add_guest(parser: Parser) -> None:
    """Kind, tsc_mode and command line."""
    parser.add_argument(
        "--guest",
        default="pv",
        choices=GUESTS,
        help="the kind of guest (default: %(default)s)",
    )
    parser.add_argument(
        "--tsc-mode",
        default="",
        choices=list(TSC_MODES),
        help="tsc_mode= in xl's configuration (default: Xen's choice)",
    )
    parser.add_argument(
        "--cmdline",
        default="",
        type=cmdline,
        metavar="WORDS",
        help="more words for the guest's command line, such as xen_tsc_reliable=off",
    )


def mutants() -> list[str]:
    """The names of the errors in lab/mutants/."""
    return sorted(path.stem for path in (TOP / "lab" / "mutants").glob("*.patch"))


def add_mutant(
    parser: Parser,
    what: str = "boot the kernel with this error, which is built already",
) -> None:
    parser.add_argument(
        "--mutant",
        default="",
        choices=mutants(),
        metavar="NAME",
        help=f"{what}: see xen-lab mutants",
    )


def add_verbose(parser: Parser) -> None:
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="show the commands that run in dom0",
    )


def add_selection(parser: Parser, what: str) -> None:
    parser.add_argument(
        "-k",
        default="",
        metavar="EXPR",
        help=f"run the {what} whose names match, such as 'WORD and not (WORD or WORD)'",
    )
    parser.add_argument(
        "--list", action="store_true", help=f"list the {what} instead of running them"
    )


def add_shard(parser: Parser) -> None:
    parser.add_argument(
        "--shard",
        type=shard,
        default=(1, 1),
        metavar="I/N",
        help="run the I-th of N parts, on one of N machines",
    )


def add_junit(parser: Parser) -> None:
    parser.add_argument(
        "--junit", type=Path, metavar="FILE", help="write the results for a CI, too"
    )


def add_output(parser: Parser) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        default=LAB,
        metavar="DIR",
        help="where the report is written (default: build/lab)",
    )


def add_no_build(parser: Parser) -> None:
    parser.add_argument(
        "--no-build",
        action="store_true",
        help="install no packages, and take the kernels and the source in build/ as they "
        "are: scripts/kernel VERSION tree unpacks the latter",
    )


def refuse(args: argparse.Namespace, why: str, *names: str) -> None:
    """End if one of these options is not what it is by default: it has no effect here."""
    for name in names:
        if getattr(args, name) != args.parser.get_default(name):
            args.parser.error(f"--{name.replace('_', '-')} {why}")


def shard(text: str) -> tuple[int, int]:
    numbers = [int(word) for word in text.split("/") if word.isdigit()]
    if len(numbers) != 2 or not 1 <= numbers[0] <= numbers[1]:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not like 3/8, the third of eight"
        )
    return numbers[0], numbers[1]


def part_of(every: list[Named], which: tuple[int, int]) -> list[Named]:
    """Return the part in the order of all; neighbours share a host."""
    number, parts = which
    first, last = (len(every) * n // parts for n in (number - 1, number))
    return every[first:last]


def cmdline(text: str) -> str:
    """It stands in double quotes in xl's configuration, which knows no escape."""
    if set(text) & set('"\n'):
        raise argparse.ArgumentTypeError(
            f"it cannot contain a double quote or a newline: {text}"
        )
    return text


def tell(name: str) -> Callable[[str], None]:
    """Return a function that says what a command does, with its name."""
    return lambda text: say(f"{name}: {text}")


def positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a number above zero")
    return int(text)


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings, with the defaults where a command does not have the option."""
    values: dict[str, Any] = {
        field.name: getattr(args, field.name)
        for field in fields(Settings)
        if hasattr(args, field.name)
    }
    if "xen" in values:
        values["xen"] = XENS[values["xen"]]
    if "host" in values:
        values["host"] = HOSTS[values["host"]]
    return Settings(**values)


def selected(
    args: argparse.Namespace,
    every: list[Named],
    describe: Callable[[Named], str] = str,
) -> list[Named]:
    """Those that -k chooses; with --list they are printed, and none is left."""
    found = select(args.k, every)
    if hasattr(args, "shard"):
        found = part_of(found, args.shard)
    if args.list:
        for one in found:
            say(describe(one))
        return []
    return found
