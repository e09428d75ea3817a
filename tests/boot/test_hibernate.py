# SPDX-License-Identifier: GPL-2.0-only
"""PVH guests that hibernate, in which Xen does not take part.

They do all of it but the power off: the image is written, and read again.
"""

from __future__ import annotations

import pytest

from lab.checks import clocks, demotion, policy
from lab.config import GuestSpec
from tests.lives import Lives, fail_if
from lab.checks.suspend import check_hibernation, jump
from lab.guest.scenario import hibernate
from lab.images.kernel import refuses_image
from tests.tree import KERNEL, repeat_test

DISK = "ramdisk_size=98304"
TSC = GuestSpec("hibernate-tsc", "", DISK, kind="pvh", memory=256)
PVCLOCK = GuestSpec("hibernate-pvclock", "native", DISK, kind="pvh", memory=256)
OLD = GuestSpec("old-hibernate", "native", DISK, kind="pvh", memory=256, patched=False)


@pytest.fixture(autouse=True)
def fixture_reads_images() -> None:
    if reason := refuses_image(KERNEL):
        pytest.skip(reason)


@pytest.mark.parametrize("case", (TSC, PVCLOCK), ids=str)
def test_the_clock_continues(session: Lives, case: GuestSpec) -> None:
    life = session.of(case, hibernate)
    problems = [
        *policy.check_kind(life.report, "pvh"),
        *clocks.check_printk(life.report),
        *clocks.check_clocks(life.report, suspended=False),
        *clocks.check_trouble(life.report),
        *demotion.check_ticks(life),
        *check_hibernation(life),
    ]
    if case is TSC:
        problems += demotion.check_still_reliable(life.report, 1)
    fail_if(problems, case, life, repeat_test("hibernate", case))


def test_without_the_series_it_jumps(session: Lives) -> None:
    """If this fails, the test above shows nothing."""
    assert jump(session.of(OLD, hibernate)) > 0.8
