# SPDX-License-Identifier: GPL-2.0-only
"""Guests that are put to sleep, in every way, and must not notice."""

from __future__ import annotations

from typing import Callable

import pytest

from lab.checks import suspend
from tests.lives import Lives, fail_if
from lab.config import GuestSpec, HOSTS
from lab.checks.all import Slept, check_guest, check_series
from lab.guest.scenario import Scenario, Life, checkpoint
from lab.guest.suspend import (
    STRICT,
    Cycles,
    Tour,
    failed_migration,
    failed_save,
    migrate,
)
from tests.tree import repeat_test

HOST = HOSTS["untrusted"]
# A hundred are in the matrix, which has more modes as well
CYCLES = GuestSpec("cycles", "", STRICT)
NUMBER = 6
# The guest goes on where it was
STAYS: dict[GuestSpec, Scenario] = {
    GuestSpec("checkpoint", "", STRICT): checkpoint,
    GuestSpec("failed-save-native", "native", STRICT): failed_save,
    GuestSpec("failed-migration-pvh", "", STRICT, kind="pvh"): failed_migration,
}
MIGRATED = GuestSpec("migrated-pvh", "", STRICT, kind="pvh")
TOUR = GuestSpec("tour-native", "native", STRICT)

Tell = Callable[[str], None]


def check(case: GuestSpec, life: Life, suspends: int, wakes: int) -> None:
    slept = Slept(suspends, wakes)
    findings = check_guest(case, life, slept) | check_series(case, life, HOST, slept)
    fail(case, life, [problem for found in findings.values() for problem in found])


def fail(case: GuestSpec, life: Life, problems: list[str]) -> None:
    fail_if(problems, case, life, repeat_test("sleep", case))


@pytest.mark.parametrize("case", STAYS, ids=str)
def test_it_stays(one_cpu: Lives, case: GuestSpec) -> None:
    check(case, one_cpu.of(case, STAYS[case]), suspends=1, wakes=0)


def test_live_migration(one_cpu: Lives) -> None:
    """Of a PVH guest: for PV ones this Xen was built without what it takes."""
    check(MIGRATED, one_cpu.of(MIGRATED, migrate), suspends=1, wakes=1)


def test_again_and_again(one_cpu: Lives, tell: Tell) -> None:
    cycles = Cycles(NUMBER, tell)
    life = one_cpu.of(CYCLES, cycles)
    least, most = cycles.drift
    tell(f"{CYCLES}: CLOCK_BOOTTIME gained from {least:.3f} to {most:.3f} s")
    check(CYCLES, life, suspends=NUMBER, wakes=NUMBER)
    fail(CYCLES, life, suspend.check_cycles(cycles, life))


def test_xens_clock_leaps_and_steps_back(one_cpu: Lives, older: Lives) -> None:
    """By more than a day; test_trusted.py does the same with a TSC that is trusted."""
    life = one_cpu.of(TOUR, Tour((older.host(), one_cpu.host())))
    check(TOUR, life, suspends=2, wakes=2)
