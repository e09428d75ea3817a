# SPDX-License-Identifier: GPL-2.0-only
"""Boots Xen, a guest with the series and one without, and reports on their clocks."""

from __future__ import annotations

import argparse
import time

from lab.base.common import say
from lab.checks.all import Slept, check_guest, check_series, problems_of
from lab.checks.policy import check_leaf, expected_of
from lab.commands import options
from lab.commands.boot_report import render
from lab.config import GuestSpec, Settings
from lab.guest.scenario import Life
from lab.guest.session import Session
from lab.images.kernel import build_both, script

# Each guest is saved and restored
ONCE = Slept(suspends=1, wakes=1)


def problems_with(spec: GuestSpec, life: Life, settings: Settings) -> list[str]:
    """Return everything that is not as the policy says."""
    host = settings.host.seen_by(spec.kind)
    findings = check_guest(spec, life, ONCE) | check_series(spec, life, host, ONCE)
    if spec.kind != "pvshim":
        leaf = check_leaf(life.report, host, spec.tsc_mode, life.outside)
        findings["leaf"] = leaf
    return problems_of(findings)


def arguments(parser: options.Parser) -> None:
    options.add_kernel(parser)
    options.add_xen(parser)
    options.add_host(parser)
    options.add_guest(parser)
    options.add_mutant(parser)
    options.add_no_build(parser)
    options.add_verbose(parser)


def main(args: argparse.Namespace) -> int:
    settings = options.settings_of(args)
    if not args.no_build:
        script("setup", "boot")
        build_both(settings.kernel)
    start = time.monotonic()
    specs = [settings.spec("patched"), settings.spec("unpatched", patched=False)]
    with Session("boot", settings, options.tell("lab"), settings.host) as session:
        lives = [session.run(spec, verbose=True) for spec in specs]
        run = session.host(settings.guest).run
    patched = lives[0]
    expected = expected_of(
        patched.report,
        settings.tsc_mode,
        settings.cmdline,
        settings.host.seen_by(settings.guest),
    )
    problems = problems_with(specs[0], patched, settings)
    text = render(patched, lives[1], expected, problems)
    run.path("report.txt").write_text(text + "\n")
    say(text)
    say(f"{time.monotonic() - start:.0f} s in all; everything is in {run.directory}")
    return 1 if problems else 0
