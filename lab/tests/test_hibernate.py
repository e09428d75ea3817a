# SPDX-License-Identifier: GPL-2.0-only
"""PVH guests that hibernate, which Xen has no part in.

They do all of it but the power off: the image is written, and read again.
"""

from __future__ import annotations

import pytest

from lab import judge, judge_life
from lab.cases import Case, Results, explain
from lab.life import Life, hibernate
from lab.records import Record

DISK = "ramdisk_size=98304"
TSC = Case("hibernate-tsc", "", DISK, kind="pvh", memory=256)
PVCLOCK = Case("hibernate-pvclock", "native", DISK, kind="pvh", memory=256)
OLD = Case("old-hibernate", "", DISK, kind="pvh", memory=256, patched=False)


def over_sleep(life: Life) -> tuple[Record, Record]:
    """The last record before the image and the first after it."""
    records = life.report.kmsg
    for one, two in zip(records, records[1:]):
        if two.text.startswith("Enabling non-boot CPUs"):
            before = [r for r in records if "Creating image" in r.text]
            assert before, "the image was not taken"
            return before[0], two
    pytest.fail("the guest did not wake up", pytrace=False)


def leap(life: Life) -> float:
    """Of printk, as a part of what BOOTTIME counts and MONOTONIC does not."""
    one, two = over_sleep(life)
    slept = max(
        boottime.leap - monotonic.leap
        for boottime, monotonic in zip(
            life.report.steps("boottime").values(),
            life.report.steps("monotonic").values(),
        )
    )
    assert slept > 1_000_000_000, f"the sleep was too short to tell: {slept} ns"
    return (two.usec - one.usec) * 1000 / slept


@pytest.mark.parametrize("case", (TSC, PVCLOCK), ids=str)
def test_the_clock_goes_on(results: Results, case: Case) -> None:
    life = results.of(case, hibernate)
    problems = [
        *judge.judge_kind(life.report, "pvh"),
        *judge.judge_printk(life.report),
        *judge.judge_clocks(life.report, suspended=False),
        *judge.judge_trouble(life.report),
        *judge_life.judge_ticks(life),
    ]
    if leap(life) > 0.5:
        problems.append(f"printk counts {leap(life):.0%} of the sleep")
    if case is TSC:
        problems += judge_life.judge_kept(life.report, 1)
    if problems:
        repeat = f"python3 -m pytest lab/tests/test_hibernate.py -k {case}"
        pytest.fail(explain(case, life, problems, repeat), pytrace=False)


def test_without_the_series_it_leaps(results: Results) -> None:
    """If this fails, the test above shows nothing."""
    assert leap(results.of(OLD, hibernate)) > 0.8
