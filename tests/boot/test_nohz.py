# SPDX-License-Identifier: GPL-2.0-only
"""A vCPU without a tick: does time continue there, and what does it take?

An unstable sched_clock depends on the tick.  If it is unstable from the start,
full dynticks CPUs have to keep theirs.
"""

from __future__ import annotations

import re

import pytest

from lab.config import GuestSpec
from tests.lives import Lives, fail_if
from lab.guest.scenario import Life, stay
from tests.tree import repeat_test

MSEC = 4000
NOHZ = "nohz_full=1"
STABLE = GuestSpec("nohz-tsc", "", NOHZ, spin=MSEC)
UNSTABLE = GuestSpec("nohz-pvclock", "native", NOHZ, spin=MSEC)
TICKING = GuestSpec("tick-pvclock", "native", spin=MSEC)
OLD = GuestSpec("old-nohz", "native", NOHZ, spin=MSEC, patched=False)

TICKS = MSEC // 4
# A clock that waits for the remote tick stands still for a second
STALL_NS = 500_000_000


def lags(life: Life) -> list[int]:
    """How far printk was behind CLOCK_MONOTONIC at each mark, in ns."""
    marks = life.report.grep(r"agent: spins at \d+ ns")
    assert len(marks) > 5
    return [
        int(re.findall(r"at (\d+) ns", mark.text)[0]) - mark.usec * 1000
        for mark in marks
    ]


def check(life: Life) -> list[str]:
    problems = []
    stall = int(life.report.fact("spin.stall"))
    if stall > STALL_NS:
        problems.append(f"the CPU time of a busy task stands still for {stall} ns")
    behind = lags(life)
    if max(behind) - min(behind) > STALL_NS:
        problems.append(f"printk falls behind CLOCK_MONOTONIC (ns): {behind}")
    return problems


@pytest.mark.parametrize("case", (STABLE, UNSTABLE, TICKING, OLD), ids=str)
def test_time_continues(session: Lives, case: GuestSpec) -> None:
    life = session.of(case, stay)
    problems = check(life)
    fail_if(problems, case, life, repeat_test("nohz", case))


@pytest.mark.parametrize("case", (STABLE, OLD), ids=str)
def test_a_stable_clock_needs_no_tick(session: Lives, case: GuestSpec) -> None:
    report = session.of(case, stay).report
    assert report.fact("before.stable") == "1"
    # Linux 6.1 does not in PV guests
    if refusals := report.grep("NO_HZ: Can't run full dynticks"):
        pytest.skip(f"{case}: {refusals[0].text}")
    assert int(report.fact("spin.timers")) < TICKS / 10


@pytest.mark.parametrize("case", (UNSTABLE, TICKING), ids=str)
def test_an_unstable_clock_keeps_the_tick(session: Lives, case: GuestSpec) -> None:
    report = session.of(case, stay).report
    assert report.fact("before.stable") == "0"
    assert int(report.fact("spin.timers")) > TICKS / 20
