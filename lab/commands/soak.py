# SPDX-License-Identifier: GPL-2.0-only
"""Runs a busy guest for an hour, whose TSC is good and must stay reliable."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

from lab.checks import clocks as judge, demotion as judge_life
from lab.base.common import say
from lab.images.initramfs import make_images
from lab.guest.scenario import live
from lab.host.host import Machine
from lab.host.rundir import Run
from lab.images.kernel import build_both, script
from lab.commands import options
from lab.guest.guest import Guest

TICKS_A_MINUTE = 30


@dataclass(frozen=True)
class Soak:
    minutes: int

    def __call__(self, guest: Guest) -> None:
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
    images = make_images(settings.xen, settings.kernel)
    run = Run("soak")
    host = settings.host.for_guests(settings.guest)
    with Machine(run, images, settings.unpatched, host) as machine:
        machine.limit = 600.0 + 240.0 * args.minutes
        machine.wait_boot()
        guest = Guest(
            machine,
            "soak",
            settings.patched,
            images.guest,
            kind=settings.guest,
            tsc_mode=settings.tsc_mode,
            cmdline=settings.cmdline,
        )
        life = live(guest, Soak(args.minutes))
    report = life.report
    expected = judge.expected_of(
        report, settings.tsc_mode, settings.cmdline, settings.host
    )
    problems = [
        *judge.judge_policy(report, expected),
        *judge_life.judge_still_reliable(report, 0),
        *judge_life.judge_ticks(life),
        *judge.judge_printk(report),
        *judge.judge_clocks(report, suspended=False),
        *judge.judge_trouble(report),
    ]
    for problem in problems:
        say(f"soak: not as it should be: {problem}")
    say("soak: FAIL" if problems else "soak: PASS")
    say(f"everything is in {run.directory}")
    return 1 if problems else 0
