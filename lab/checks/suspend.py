# SPDX-License-Identifier: GPL-2.0-only
"""Did timers, accounts and clocks stay right across the suspend?"""

from __future__ import annotations

from lab.checks.demotion import MOVE_USEC
from lab.guest.scenario import Life
from lab.guest.suspend import Cycles
from lab.guest.report import ACCOUNTS, Report

# A sleeper shares its vCPU with a reader that never rests, and the machine with
# all that TCG does.  A timer that was set by another clock is late by minutes.
LATE_NS = 5_000_000_000
# Accounts are kept in ticks, and a vCPU can be late to keep them
AHEAD_NS = 1_000_000_000
# What is allowed to the clocks in all, however often the guest slept
DRIFT_SECONDS = 1.0
# dom0 tells the time to 10 ms
STAMP_SECONDS = 0.1


def judge_timers(report: Report) -> list[str]:
    """Those of sleepers, and one that is periodic.

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
        if seen.late > LATE_NS:
            wrong.append(f"the sleeper on vCPU {vcpu} woke {seen.late} ns late")
        if not seen.wakes:
            wrong.append(f"the sleeper on vCPU {vcpu} never woke")
    return wrong


def judge_accounts(report: Report) -> list[str]:
    """No more time can be stolen than has passed; idle time counts stolen time again."""
    wrong = []
    for name in ACCOUNTS:
        for vcpu, seen in report.accounts(name).items():
            if seen.back:
                wrong.append(f"{name} time goes back {seen.back} ns on vCPU {vcpu}")
            if name == "stolen" and seen.ahead > AHEAD_NS:
                wrong.append(
                    f"{name} time of vCPU {vcpu} runs {seen.ahead} ns ahead of the "
                    "time that has passed"
                )
    return wrong


def judge_suspends(report: Report, number: int) -> list[str]:
    """There were so many, and printk continued where it was over each of them."""
    wrong = []
    if len(report.over_suspends) != number:
        wrong.append(f"{len(report.over_suspends)} suspends, expected {number}")
    for one, two in report.over_suspends:
        if not 0 <= two.usec - one.usec < MOVE_USEC:
            wrong.append(f"printk time jumps over a suspend:\n{one}\n{two}")
    return wrong


def judge_wakes(report: Report, number: int) -> list[str]:
    """Xen says that the guest resumed so often as another domain."""
    before, after = (report.time_leaf(when) for when in ("before", "after"))
    if after.incarnation != before.incarnation + number:
        return [f"woke {number} times, yet the time leaf was {before}, is {after}"]
    return []


def judge_cycles(cycles: Cycles, life: Life) -> list[str]:
    """CLOCK_BOOTTIME is dom0's clock; CLOCK_MONOTONIC leaves out the sleep alone."""
    wrong = judge_wakes(life.report, cycles.number)
    least, most = cycles.drift
    if least > DRIFT_SECONDS or most < -DRIFT_SECONDS:
        wrong.append(f"CLOCK_BOOTTIME gained from {least:.3f} to {most:.3f} s")
    pairs = zip(cycles.ticks, cycles.ticks[1:], cycles.naps[1:])
    for number, (one, two, nap) in enumerate(pairs, 2):
        asleep = (two.boottime - one.boottime) - (two.monotonic - one.monotonic)
        if not nap.inside - STAMP_SECONDS <= asleep <= nap.outside + STAMP_SECONDS:
            wrong.append(
                f"in nap {number} the clocks say that {asleep:.3f} s were slept, "
                f"and dom0 from {nap.inside:.3f} to {nap.outside:.3f} s"
            )
    return wrong
