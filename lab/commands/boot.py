# SPDX-License-Identifier: GPL-2.0-only
"""Boots Xen, a guest with the series and one without, and reports on their clocks."""

from __future__ import annotations

import argparse
import time

from lab.checks import clocks as judge
from lab.base.common import say
from lab.checks.policy import Expectation
from lab.images.initramfs import make_images
from lab.guest.scenario import Life, live
from lab.host.host import Machine
from lab.commands.boot_report import render
from lab.host.rundir import Run
from lab.config import Settings
from lab.images.kernel import build_both, script
from lab.commands import options
from lab.guest.guest import Guest


def judge_all(life: Life, settings: Settings) -> tuple[Expectation, list[str]]:
    """What the policy says, and everything that is not so."""
    report = life.report
    expected = judge.expected_of(
        report, settings.tsc_mode, settings.cmdline, settings.host
    )
    return expected, [
        *judge.judge_kind(report, settings.guest),
        *judge.judge_policy(report, expected),
        *judge.judge_printk(report),
        *judge.judge_clocks(report, suspended=True),
        *judge.judge_suspend(report),
        *judge.judge_leaf(report, settings.host, settings.tsc_mode, life.outside),
        *judge.judge_trouble(report),
    ]


def arguments(parser: options.Parser) -> None:
    options.add_kernel(parser)
    options.add_xen(parser)
    options.add_host(parser)
    options.add_guest(parser)
    options.add_mutant(parser)
    options.add_verbose(parser)


def main(args: argparse.Namespace) -> int:
    settings = options.settings_of(args)
    script("setup", "boot")
    build_both(settings.kernel)
    start = time.monotonic()
    images = make_images(settings.xen, settings.kernel)
    run = Run("boot")
    lives: dict[str, Life] = {}
    host = settings.host.for_guests(settings.guest)
    with Machine(run, images, settings.unpatched, host) as machine:
        say(f"lab: booting Xen {settings.xen.version} and dom0 under QEMU")
        machine.wait_boot()
        say(f"lab: dom0 is up ({time.monotonic() - start:.1f} s)")
        for name in ("patched", "unpatched"):
            guest = Guest(
                machine,
                name,
                getattr(settings, name),
                images.guest,
                kind=settings.guest,
                tsc_mode=settings.tsc_mode,
                cmdline=settings.cmdline,
            )
            lives[name] = live(guest)
    expected, problems = judge_all(lives["patched"], settings)
    text = render(lives["patched"], lives["unpatched"], expected, problems)
    run.path("report.txt").write_text(text + "\n")
    say(text)
    say(f"{time.monotonic() - start:.0f} s in all; everything is in {run.directory}")
    return 1 if problems else 0
