# SPDX-License-Identifier: GPL-2.0-only
"""PVH guests that hibernate, in which Xen does not take part.

They do all of it but the power off: the image is written, and read again.
"""

from __future__ import annotations

import pytest

from lab.checks import clocks as judge, demotion as judge_life
from lab.guest.session import Case, Results, explain
from lab.checks.hibernate import judge_hibernation, jump
from lab.guest.scenario import hibernate
from lab.images.kernel import refuses_image
from tests.tree import KERNEL, repeat_test

DISK = "ramdisk_size=98304"
TSC = Case("hibernate-tsc", "", DISK, kind="pvh", memory=256)
PVCLOCK = Case("hibernate-pvclock", "native", DISK, kind="pvh", memory=256)
OLD = Case("old-hibernate", "native", DISK, kind="pvh", memory=256, patched=False)


@pytest.fixture(autouse=True)
def fixture_reads_images() -> None:
    if reason := refuses_image(KERNEL):
        pytest.skip(reason)


@pytest.mark.parametrize("case", (TSC, PVCLOCK), ids=str)
def test_the_clock_continues(results: Results, case: Case) -> None:
    life = results.of(case, hibernate)
    problems = [
        *judge.judge_kind(life.report, "pvh"),
        *judge.judge_printk(life.report),
        *judge.judge_clocks(life.report, suspended=False),
        *judge.judge_trouble(life.report),
        *judge_life.judge_ticks(life),
        *judge_hibernation(life),
    ]
    if case is TSC:
        problems += judge_life.judge_still_reliable(life.report, 1)
    if problems:
        repeat = repeat_test("hibernate", case)
        pytest.fail(explain(case, life, problems, repeat), pytrace=False)


def test_without_the_series_it_jumps(results: Results) -> None:
    """If this fails, the test above shows nothing."""
    assert jump(results.of(OLD, hibernate)) > 0.8
