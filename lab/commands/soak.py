# SPDX-License-Identifier: GPL-2.0-only
"""Runs a busy guest for an hour, whose TSC is good and must stay reliable."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

from lab.base.common import say
from lab.checks.all import Slept, check_guest, check_series, problems_of
from lab.checks.demotion import check_still_reliable
from lab.commands import options
from lab.guest.guest import Guest
from lab.guest.scenario import Scenario
from lab.guest.session import Session
from lab.images.kernel import build_both, script

TICKS_A_MINUTE = 30


@dataclass(frozen=True)
class Soak(Scenario):
    minutes: int

    def run(self, guest: Guest) -> None:
        guest.host.limit = guest.host.age + 600.0 + 240.0 * self.minutes
        start = time.monotonic()
        for minute in range(1, self.minutes + 1):
            seen = len(guest.ticks)
            # No order is the same as the one before
            number = TICKS_A_MINUTE + minute % 2
            guest.phase(f"tick {number}")
            guest.wait_ticks(seen + number + 1)
            say(
                f"soak: minute {minute} of {self.minutes} by the guest's clock, "
                f"{(time.monotonic() - start) / 60:.1f} by this machine's"
            )


def arguments(parser: options.Parser) -> None:
    parser.add_argument(
        "--minutes",
        type=options.positive,
        default=60,
        help="how long it runs, by the guest's clock (default: %(default)s)",
    )
    options.add_kernel(parser)
    options.add_xen(parser)
    options.add_host(parser)
    options.add_guest(parser)
    options.add_verbose(parser)


def main(args: argparse.Namespace) -> int:
    settings = options.settings_of(args)
    script("setup", "boot")
    build_both(settings.kernel)
    spec = settings.spec("soak")
    tell = options.tell("soak")
    with Session("soak", settings, tell, settings.host) as session:
        life = session.run(spec, Soak(args.minutes), verbose=True)
        directory = session.host(spec.kind).run.directory
    findings = check_guest(spec, life, Slept())
    findings |= check_series(spec, life, settings.host, Slept())
    findings["still reliable"] = check_still_reliable(life.report, 0)
    problems = problems_of(findings)
    for problem in problems:
        tell(f"not as it should be: {problem}")
    tell("FAIL" if problems else "PASS")
    say(f"everything is in {directory}")
    return 1 if problems else 0
