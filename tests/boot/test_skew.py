# SPDX-License-Identifier: GPL-2.0-only
"""vCPUs whose TSCs differ: one of a PVH guest's is moved, and the other is not."""

from __future__ import annotations

import pytest

from lab.checks import (
    clocks as judge,
    trace_events as judge_events,
    demotion as judge_life,
    sysfs as judge_sysfs,
)
from lab.guest.session import Case, Results, explain
from lab.guest.scenario import Skew, Traced
from tests.tree import repeat_test

VENDORS = "clocksource=tsc tsc=reliable"
MSEC = 1_000_000
AT_ONCE = Case("skew", kind="pvh")
# Each step is one that the watchdog tolerates
IN_STEPS = Case("skew-in-steps", kind="pvh")
OLD = Case("old-skew", "", VENDORS, kind="pvh", patched=False)
# By how much the TSC moves, and in milliseconds what the kernel can find to be too much
MOVES = {
    AT_ONCE: (Skew(-20_000), (19, 20)),
    IN_STEPS: (Skew(-6_000, 4), (11, 24)),
}


@pytest.mark.parametrize("case", MOVES, ids=str)
def test_a_skew_is_noticed(results: Results, case: Case) -> None:
    """Either vCPU can be the one that notices it."""
    skew, (least, most) = MOVES[case]
    life = results.of(case, Traced("-", skew))
    report = life.report
    numbers = "|".join(map(str, range(least, most + 1)))
    problems = [
        *judge_life.judge_demoted(report, f"moved apart by -?({numbers}) ms"),
        *judge_life.judge_ticks(life),
        *judge_sysfs.judge_sysfs(report),
        *judge_events.judge_traced_demotions(
            report, -(most + 1) * MSEC, (most + 1) * MSEC
        ),
        *judge.judge_printk(report),
        # Since the mark, which came after the demotion
        *judge.judge_clocks(report, suspended=False),
        *judge.judge_trouble(report),
    ]
    if problems:
        repeat = repeat_test("skew", case)
        pytest.fail(explain(case, life, problems, repeat), pytrace=False)


def test_without_the_series_time_goes_backwards(results: Results) -> None:
    """As vendors advise.  If this fails, the tests above show nothing."""
    report = results.of(OLD, Skew(-20_000)).report
    assert report.fact("after.clocksource") == "tsc"
    assert report.worst_back("monotonic") > 0
