# SPDX-License-Identifier: GPL-2.0-only
"""Did timers, accounts and clocks come well through the sleep?"""

from __future__ import annotations

from lab.life import Life
from lab.sleep import Cycles
from lab.witness import ACCOUNTS, Report

# A sleeper shares its vCPU with a reader that never rests, and the machine with
# all that TCG does.  A timer that was set by another clock is late by minutes.
LATE_NS = 5_000_000_000
# Accounts are kept in ticks, and a vCPU can be late to keep them
AHEAD_NS = 1_000_000_000
# What is allowed to the clocks in all, however often the guest slept
DRIFT_SECONDS = 1.0
# dom0 tells the time to 10 ms
STAMP_SECONDS = 0.1


def judge_sleepers(report: Report) -> list[str]:
    wrong = []
    for vcpu, seen in report.sleepers.items():
        if seen.early:
            wrong.append(f"the sleeper on vCPU {vcpu} woke early {seen.early} times")
        if seen.late > LATE_NS:
            wrong.append(f"the sleeper on vCPU {vcpu} woke {seen.late} ns late")
        if not seen.wakes:
            wrong.append(f"the sleeper on vCPU {vcpu} never woke")
    return wrong


def judge_accounts(report: Report) -> list[str]:
    """As top shows them: not more can be stolen than there was."""
    wrong = []
    for name in ACCOUNTS:
        for vcpu, seen in report.accounts(name).items():
            if seen.back:
                wrong.append(f"{name} time steps back {seen.back} ns on vCPU {vcpu}")
            if seen.ahead > AHEAD_NS:
                wrong.append(
                    f"{name} time of vCPU {vcpu} runs {seen.ahead} ns ahead of the "
                    "time that has passed"
                )
    return wrong


def judge_naps(report: Report, number: int) -> list[str]:
    """Xen and the kernel counted as many."""
    before, after = (report.time_leaf(when) for when in ("before", "after"))
    if after.incarnation != before.incarnation + number:
        return [f"{number} naps, yet incarnations {before} and {after}"]
    return []


def judge_cycles(cycles: Cycles, life: Life) -> list[str]:
    """CLOCK_BOOTTIME is dom0's clock; CLOCK_MONOTONIC leaves out the sleep alone."""
    wrong = judge_naps(life.report, cycles.number)
    first = cycles.ticks[0]
    drifts = [
        (tick.boottime - first.boottime) - (tick.at - first.at) for tick in cycles.ticks
    ]
    worst = max(drifts, key=abs)
    if abs(worst) > DRIFT_SECONDS:
        number = drifts.index(worst)
        wrong.append(f"CLOCK_BOOTTIME is off by {worst:.3f} s in cycle {number}")
    for number, nap in enumerate(cycles.naps, 1):
        one, two = cycles.ticks[number - 1 : number + 1]
        asleep = (two.boottime - one.boottime) - (two.monotonic - one.monotonic)
        if not nap.inside - STAMP_SECONDS <= asleep <= nap.outside + STAMP_SECONDS:
            wrong.append(
                f"in cycle {number} the clocks say that {asleep:.3f} s were slept, "
                f"and dom0 from {nap.inside:.3f} to {nap.outside:.3f} s"
            )
    return wrong
