# SPDX-License-Identifier: GPL-2.0-only
"""Did timers, accounts and clocks stay right across the suspend?"""

from __future__ import annotations

import re

from lab.base.common import LabError
from lab.base.kmsg import Record
from lab.checks.demotion import LATE_NS, MOVE_USEC
from lab.guest.scenario import Life
from lab.guest.suspend import Cycles
from lab.guest.report import ACCOUNTS, Report

# Accounts are kept in ticks, and a vCPU can be late to keep them
AHEAD_NS = 1_000_000_000
# What is allowed to the clocks in all, however often the guest slept
DRIFT_SECONDS = 1.0
# dom0 tells the time to 10 ms
STAMP_SECONDS = 0.1
# Up to Linux 6.12 the second line comes, too
LAST_WORDS = re.compile(r"CPU \d+ is now offline|Creating image")
# A shorter hibernation shows nothing
SLEEP_NS = 1_000_000_000


def check_timers(report: Report, late: int = LATE_NS) -> list[str]:
    """Those of sleepers, which may be so late (ns), and one that is periodic.

    Once more or less is within the steps of the clock that counts its periods.
    """
    wrong = []
    periodic = report.periodic
    if periodic.surplus > 1:
        wrong.append(f"a periodic timer expired {periodic.surplus} times too often")
    if periodic.missing > 1:
        wrong.append(f"a periodic timer missed {periodic.missing} of its periods")
    for vcpu, seen in report.sleepers.items():
        if seen.early:
            wrong.append(f"the sleeper on vCPU {vcpu} woke early {seen.early} times")
        if seen.late > late:
            wrong.append(f"the sleeper on vCPU {vcpu} woke {seen.late} ns late")
        if not seen.wakes:
            wrong.append(f"the sleeper on vCPU {vcpu} never woke")
    return wrong


def check_accounts(report: Report, lost: float = 0.0) -> list[str]:
    """No more can be stolen than has passed, and so many seconds that the clocks lack.

    Idle time counts stolen time again.
    """
    wrong = []
    for name in ACCOUNTS:
        for vcpu, seen in report.accounts(name).items():
            if seen.back:
                wrong.append(f"{name} time goes back {seen.back} ns on vCPU {vcpu}")
            if name != "total" and seen.ahead > AHEAD_NS + lost * 1e9:
                wrong.append(
                    f"{name} time of vCPU {vcpu} runs {seen.ahead} ns ahead of the "
                    "time that has passed"
                )
    return wrong


def check_suspends(report: Report, number: int, limit: int = MOVE_USEC) -> list[str]:
    """There were so many, and printk continued where it was (us) over each of them."""
    wrong = []
    if len(report.over_suspends) != number:
        wrong.append(f"{len(report.over_suspends)} suspends, expected {number}")
    for one, two in report.over_suspends:
        if not 0 <= two.usec - one.usec < limit:
            wrong.append(f"printk time jumps over a suspend:\n{one}\n{two}")
    return wrong


def check_wakes(report: Report, number: int) -> list[str]:
    """Xen says that the guest resumed so often as another domain."""
    before, after = (report.time_leaf(when) for when in ("before", "after"))
    if after.incarnation != before.incarnation + number:
        return [f"woke {number} times, yet the time leaf was {before}, is {after}"]
    return []


def check_cycles(cycles: Cycles, life: Life) -> list[str]:
    """CLOCK_BOOTTIME is dom0's clock; CLOCK_MONOTONIC leaves out the sleep alone."""
    wrong = check_wakes(life.report, cycles.number)
    least, most = cycles.drift
    if least > DRIFT_SECONDS or most < -DRIFT_SECONDS:
        wrong.append(f"CLOCK_BOOTTIME gained from {least:.3f} to {most:.3f} s")
    pairs = zip(cycles.ticks, cycles.ticks[1:], cycles.cycles[1:])
    for number, (one, two, cycle) in enumerate(pairs, 2):
        asleep = (two.boottime - one.boottime) - (two.monotonic - one.monotonic)
        if not cycle.inside - STAMP_SECONDS <= asleep <= cycle.outside + STAMP_SECONDS:
            wrong.append(
                f"in cycle {number} the clocks say that {asleep:.3f} s were slept, "
                f"and dom0 from {cycle.inside:.3f} to {cycle.outside:.3f} s"
            )
    return wrong


def over_sleep(life: Life) -> tuple[Record, Record]:
    """The last record before the image and the first after it."""
    records = life.report.kmsg
    before = [record for record in records if LAST_WORDS.search(record.text)]
    after = [r for r in records if r.text.startswith("Enabling non-boot CPUs")]
    if before and after:
        return before[-1], after[0]
    raise LabError("the guest was not an image, or did not resume from it")


def jump(life: Life) -> float:
    """How far printk time jumps, as a part of the time that the guest was an image."""
    one, two = over_sleep(life)
    slept = max(
        boottime.jump - monotonic.jump
        for boottime, monotonic in zip(
            life.report.steps("boottime").values(),
            life.report.steps("monotonic").values(),
        )
    )
    if slept <= SLEEP_NS:
        raise LabError(f"the hibernation was too short to tell: {slept} ns")
    return (two.usec - one.usec) * 1000 / slept


def check_hibernation(life: Life) -> list[str]:
    counted = jump(life)
    return [f"printk counts {counted:.0%} of the hibernation"] if counted > 0.5 else []
