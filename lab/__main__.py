# SPDX-License-Identifier: GPL-2.0-only
"""The program xen-lab: one command for all that the lab does."""

from __future__ import annotations

import argparse
import importlib
import sys
from dataclasses import dataclass
from typing import Callable

from lab.base import common
from lab.commands import boot, check, debug, forecast, fuzz, mutants, plot, prove, ship
from lab.commands import soak
from lab.commands.bench import run as bench
from lab.commands.bisect import run as bisect
from lab.commands.distro import run as distro
from lab.commands.kit import merge, run as kit
from lab.commands.matrix import join, run as matrix
from lab.commands.options import Parser
from lab.commands.ptp import run as ptp
from lab.commands.suites import run as suites


@dataclass(frozen=True)
class Command:
    """A command: what it does, its options, and the function that runs it."""

    text: str | None
    arguments: Callable[[Parser], None]
    main: Callable[[argparse.Namespace], int]


COMMANDS = {
    "boot": Command(boot.__doc__, boot.arguments, boot.main),
    "check": Command(check.__doc__, check.arguments, check.main),
    "matrix": Command(matrix.__doc__, matrix.arguments, matrix.main),
    "report": Command(join.__doc__, join.arguments, join.main),
    "suites": Command(suites.__doc__, suites.arguments, suites.main),
    "debug": Command(debug.__doc__, debug.arguments, debug.main),
    "distro": Command(distro.__doc__, distro.arguments, distro.main),
    "forecast": Command(forecast.__doc__, forecast.arguments, forecast.main),
    "soak": Command(soak.__doc__, soak.arguments, soak.main),
    "ptp": Command(ptp.__doc__, ptp.arguments, ptp.main),
    "mutants": Command(mutants.__doc__, mutants.arguments, mutants.main),
    "bisect": Command(bisect.__doc__, bisect.arguments, bisect.main),
    "prove": Command(prove.__doc__, prove.arguments, prove.main),
    "fuzz": Command(fuzz.__doc__, fuzz.arguments, fuzz.main),
    "bench": Command(bench.__doc__, bench.arguments, bench.main),
    "plot": Command(plot.__doc__, plot.arguments, plot.main),
    "kit": Command(kit.__doc__, kit.arguments, kit.main),
    "kit-report": Command(merge.__doc__, merge.arguments, merge.main),
    "kernel": Command(
        "Builds a kernel for the lab.", ship.kernel_arguments, ship.kernel_main
    ),
    "series": Command(
        "Writes the patches to build/VERSION/: for git am, as one diff, and as mails.",
        ship.series_arguments,
        ship.series_main,
    ),
    "apply": Command(
        "Applies the series to your own kernel source, or takes it off again.",
        ship.apply_arguments,
        ship.apply_main,
    ),
    "deb": Command(
        "Builds Debian packages of the kernel from your own configuration.",
        ship.deb_arguments,
        ship.deb_main,
    ),
}


def parser_of_all() -> Parser:
    parser = Parser(
        prog="xen-lab",
        description="Boots Xen and its guests under QEMU, and looks at their clocks.",
    )
    commands = parser.add_subparsers(
        required=True,
        metavar="COMMAND",
        title="commands",
        description="'xen-lab COMMAND --help' shows the options of a command",
    )
    for name, command in COMMANDS.items():
        text = command.text or ""
        sub = commands.add_parser(
            name,
            help=text.splitlines()[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.arguments(sub)
        sub.set_defaults(main=command.main, parser=sub, verbose=False)
    return parser


def complete(parser: Parser) -> None:
    """Complete words in the shell, if Debian's package for that is installed."""
    try:
        argcomplete = importlib.import_module("argcomplete")
    except ImportError:
        return
    argcomplete.autocomplete(parser)


def main() -> int:
    parser = parser_of_all()
    complete(parser)
    args, unknown = parser.parse_known_args()
    if unknown:
        args.parser.error(f"this command has no {' '.join(unknown)}")
    common.verbose = args.verbose
    run: Callable[[argparse.Namespace], int] = args.main
    return common.run_main(lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
