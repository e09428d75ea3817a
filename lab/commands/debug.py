# SPDX-License-Identifier: GPL-2.0-only
"""Boots kernels that check their own locks and memory, and suspends them in all ways.

What they find is in their logs.  They are slow, so nothing here is measured.

KASAN is for PVH guests only: Linux has no shadow for it in a PV guest.
"""

from __future__ import annotations

import argparse
import contextlib
import re
from dataclasses import dataclass, replace

from lab.checks import demotion
from lab.checks.all import Slept, check_guest, problems_of
from lab.guest.session import Session, explain
from lab.base.common import LabError, say
from lab.config import GuestSpec, HOSTS, HostSpec, Settings
from lab.guest.scenario import (
    Scenario,
    Jump,
    Life,
    Move,
    Traced,
    checkpoint,
    hibernate,
    save_and_restore,
)
from lab.images.kernel import build, refuses_kasan, script
from lab.commands import options
from lab.guest.report import Report

UNTRUSTED = HOSTS["untrusted"]
ON = "xen_tsc_reliable=on"
# Lockdep, and what it keeps
LOCKS_MIB = 128
# KASAN has an eighth for its shadow, and holds back what was freed
KASAN_MIB = 256
# An image of itself has to fit onto its ramdisk
IMAGE_MIB = 512
DISK = "ramdisk_size=262144"

# There the TSC is still shown as invariant, or not any more
UNTRUSTED_REASONS = "not known to be reliable|migration may change frequency"

# Linux 6.1 takes two locks of xenbus's in another order when it sleeps than else, in
# code that the series does not touch.  Lockdep says so, and looks for nothing more.
CIRCLE = "possible circular locking dependency"
XENBUS = "xs_response_mutex --> &u->msgbuffer_mutex --> xs_watch_rwsem"


@dataclass(frozen=True)
class Checks:
    """A kernel, by what it says when it begins to check, and where it lives."""

    name: str
    says: str
    host: HostSpec
    lives: dict[GuestSpec, Scenario]
    # These move to a host whose TSC Xen does not trust
    moves: tuple[GuestSpec, ...] = ()


ALL = (
    Checks(
        "debug",
        "Lock dependency validator",
        # Old enough for a TSC that jumps
        UNTRUSTED.older(),
        {
            GuestSpec("locks-restore", memory=LOCKS_MIB): Traced("-", save_and_restore),
            GuestSpec("locks-native", "native", memory=LOCKS_MIB): save_and_restore,
            GuestSpec("locks-on", "native", ON, memory=LOCKS_MIB): save_and_restore,
            GuestSpec("locks-checkpoint", memory=LOCKS_MIB): checkpoint,
            GuestSpec("locks-back", memory=LOCKS_MIB): Jump(-15_000_000_000),
            GuestSpec("locks-forward", memory=LOCKS_MIB): Jump(5_000_000_000),
            GuestSpec("locks-pvh", kind="pvh", memory=LOCKS_MIB): save_and_restore,
        },
    ),
    Checks(
        "kasan",
        "KernelAddressSanitizer initialized",
        HOSTS["itsc"],
        {
            GuestSpec("kasan-restore", kind="pvh", memory=KASAN_MIB): save_and_restore,
            GuestSpec(
                "kasan-hibernate", "", DISK, kind="pvh", memory=IMAGE_MIB
            ): hibernate,
        },
        (GuestSpec("kasan-moved", "native", kind="pvh", itsc=True, memory=KASAN_MIB),),
    ),
)


def is_of_xenbus(report: Report) -> bool:
    return bool(report.grep(re.escape(XENBUS)))


def check_checks(
    checks: Checks, case: GuestSpec, life: Life, scenario: Scenario
) -> list[str]:
    report = life.report
    wrong = problems_of(check_guest(case, life, Slept(), ["trouble"]))
    if is_of_xenbus(report):
        wrong = [problem for problem in wrong if CIRCLE not in problem]
    if not report.grep(checks.says):
        wrong.append(f"the kernel never said '{checks.says}': does it check anything?")
    if isinstance(scenario, Jump):
        wrong += demotion.check_demoted(report, "moved apart by")
    if case in checks.moves:
        wrong += demotion.check_demoted(report, UNTRUSTED_REASONS)
    return wrong


def tell(text: str) -> None:
    say(f"debug: {text}")


def run(settings: Settings, checks: Checks) -> tuple[int, int]:
    """How many guests had nothing to report, and of how many."""
    settings = replace(settings, variant=checks.name)
    clean = 0
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(Session(checks.name, settings, tell, checks.host))
        lives = dict(checks.lives)
        if checks.moves:
            name = f"{checks.name}-away"
            away = stack.enter_context(Session(name, settings, tell, UNTRUSTED))
            lives |= {case: Move(away.host(case.kind)) for case in checks.moves}
        for case, scenario in lives.items():
            try:
                life = session.run(case, scenario)
            except LabError as error:
                tell(f"{case}: {error}")
                continue
            problems = check_checks(checks, case, life, scenario)
            if problems:
                repeat = (
                    f"./xen-lab debug --kernel {settings.kernel} "
                    f"--xen {settings.xen.version}"
                )
                say(explain(case, life, problems, repeat))
            elif is_of_xenbus(life.report):
                tell(f"{case}: lockdep found an error of Linux's own xenbus, and ended")
            clean += not problems
    return clean, len(lives)


def arguments(parser: options.Parser) -> None:
    options.add_kernel(parser)
    options.add_xen(parser)
    options.add_verbose(parser)


def main(args: argparse.Namespace) -> int:
    settings = options.settings_of(args)
    script("setup", "boot")
    build(settings.kernel, "none")
    refusal = refuses_kasan(settings.kernel)
    if refusal:
        tell(f"KASAN: skipped: {refusal}")
    chosen = [checks for checks in ALL if not (refusal and checks.name == "kasan")]
    for checks in chosen:
        build(settings.kernel, checks.name)
    found = [run(settings, checks) for checks in chosen]
    clean, number = (sum(column) for column in zip(*found))
    tell(f"{clean} of {number} guests had nothing to report")
    return 0 if clean == number else 1
