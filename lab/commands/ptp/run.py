# SPDX-License-Identifier: GPL-2.0-only
"""Has guests follow the clock of the host, and reads it for long."""

from __future__ import annotations

import argparse
import contextlib
import time
from dataclasses import dataclass, replace
from typing import Callable

from lab.base.common import LabError, say
from lab.commands import options
from lab.commands.ptp.build import make_followers
from lab.commands.ptp.follow import run_chrony, run_linuxptp, run_ntp
from lab.commands.ptp.interval import run_interval
from lab.commands.ptp.reads import run_reads
from lab.config import Settings
from lab.guest.guest import Guest
from lab.guest.session import Session
from lab.host.host import Host
from lab.images.initramfs import make_images
from lab.images.kernel import build_both, script

MEMORY = 256
PVCLOCK = "xen_tsc_reliable=off"


@dataclass(frozen=True)
class Case:
    """What is done with a guest, which is off in the end; it returns what was wrong."""

    name: str
    run: Callable[[Guest, Host, argparse.Namespace], list[str]]
    # The guest has chrony and linuxptp, and is moved to another host unless it has a
    # network; of the other guests the dom0 has the series
    follows: bool = False
    cmdline: str = ""
    network: bool = False

    @property
    def moves(self) -> bool:
        return self.follows and not self.network

    def __str__(self) -> str:
        return self.name


CASES = (
    Case("chrony", lambda guest, away, _: run_chrony(guest, away), follows=True),
    Case("linuxptp", lambda guest, away, _: run_linuxptp(guest, away), follows=True),
    Case("ntp", lambda guest, _, __: run_ntp(guest), follows=True, network=True),
    Case("reads", lambda guest, _, args: run_reads(guest, args.reads, args.restores)),
    # Its own clock, too, is read from the pvclock
    Case("interval", lambda guest, _, __: run_interval(guest), cmdline=PVCLOCK),
)


def arguments(parser: options.Parser) -> None:
    options.add_selection(parser, "cases")
    parser.add_argument(
        "--reads",
        type=options.positive,
        default=10_000_000,
        help="how often it is read in the case of this name (default: %(default)s)",
    )
    parser.add_argument(
        "--restores",
        type=options.positive,
        default=100,
        help="how often the guest is saved meanwhile (default: %(default)s)",
    )
    options.add_kernel(parser)
    options.add_xen(parser)
    options.add_host(parser)
    options.add_guest(parser)
    options.add_no_build(parser)
    options.add_mutant(parser)
    options.add_verbose(parser)


def run_case(case: Case, settings: Settings, args: argparse.Namespace) -> list[str]:
    """In a guest of its own, on a host of its own."""
    start = time.monotonic()
    make = make_followers if case.follows else make_images
    images = make(settings.xen, settings.kernel)
    memory = MEMORY if case.follows else 64
    settings = replace(settings, cmdline=f"{settings.cmdline} {case.cmdline}".strip())
    spec = replace(settings.spec(case.name, memory=memory), network=case.network)
    host = replace(settings.host, series=not case.follows)
    try:
        with contextlib.ExitStack() as stack:
            sessions = [
                stack.enter_context(
                    Session(name, settings, options.tell("ptp"), host, images)
                )
                for name in (["ptp", "ptp-away"] if case.moves else ["ptp"])
            ]
            away = sessions[-1].host(spec.kind)
            guest = sessions[0].guest(spec)
            guest.create()
            guest.wait_state("up")
            problems = case.run(guest, away, args)
            say(f"ptp: everything is in {guest.host.run.directory}")
    except LabError as error:
        problems = [str(error)]
    say(f"ptp: {case}: {time.monotonic() - start:.0f} s")
    return [f"{case}: {problem}" for problem in problems]


def main(args: argparse.Namespace) -> int:
    settings = options.settings_of(args)
    cases = options.selected(args, list(CASES))
    if args.list:
        return 0
    if not args.no_build:
        script("setup", "boot")
        build_both(settings.kernel)
    tell = options.tell("ptp")
    problems = [text for case in cases for text in run_case(case, settings, args)]
    for problem in problems:
        tell(f"not as it should be: {problem}")
    tell("FAIL" if problems else "PASS")
    return 1 if problems else 0
