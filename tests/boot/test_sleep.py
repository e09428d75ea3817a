# SPDX-License-Identifier: GPL-2.0-only
"""Guests that are put to sleep, in every way, and must not notice."""

from __future__ import annotations

from typing import Callable

import pytest

from lab.checks import suspend as judge_sleep
from lab.guest.session import Case, Results, explain
from lab.config import HOSTS
from lab.checks.all import Slept, judge_guest, judge_series
from lab.guest.scenario import Event, Life, checkpoint
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
# A hundred are in the matrix
CYCLES = {Case("cycles", "", STRICT): 12, Case("cycles-native", "native", STRICT): 5}
# The guest goes on where it was
STAYS: dict[Case, Event] = {
    Case("checkpoint", "", STRICT): checkpoint,
    Case("checkpoint-native", "native", STRICT): checkpoint,
    Case("checkpoint-pvh", "", STRICT, kind="pvh"): checkpoint,
    Case("failed-save", "", STRICT): failed_save,
    Case("failed-save-native", "native", STRICT): failed_save,
    Case("failed-migration-pvh", "", STRICT, kind="pvh"): failed_migration,
}
MIGRATED = Case("migrated-pvh", "", STRICT, kind="pvh")
TOURS = (Case("tour", "", STRICT), Case("tour-native", "native", STRICT))

Tell = Callable[[str], None]


def check(case: Case, life: Life, suspends: int, wakes: int) -> None:
    slept = Slept(suspends, wakes)
    findings = judge_guest(case, life, slept) | judge_series(case, life, HOST, slept)
    fail(case, life, [problem for found in findings.values() for problem in found])


def fail(case: Case, life: Life, problems: list[str]) -> None:
    if problems:
        repeat = repeat_test("sleep", case)
        pytest.fail(explain(case, life, problems, repeat), pytrace=False)


@pytest.mark.parametrize("case", STAYS, ids=str)
def test_it_stays(results: Results, case: Case) -> None:
    check(case, results.of(case, STAYS[case]), suspends=1, wakes=0)


def test_live_migration(results: Results) -> None:
    """Of a PVH guest: for PV ones this Xen was built without what it takes."""
    check(MIGRATED, results.of(MIGRATED, migrate), suspends=1, wakes=1)


@pytest.mark.parametrize("case", CYCLES, ids=str)
def test_again_and_again(results: Results, tell: Tell, case: Case) -> None:
    number = CYCLES[case]
    cycles = Cycles(number, tell)
    life = results.of(case, cycles)
    least, most = cycles.drift
    tell(f"{case}: CLOCK_BOOTTIME gained from {least:.3f} to {most:.3f} s")
    check(case, life, suspends=number, wakes=number)
    fail(case, life, judge_sleep.judge_cycles(cycles, life))


@pytest.mark.parametrize("case", TOURS, ids=str)
def test_xens_clock_leaps_and_steps_back(
    results: Results, older: Results, case: Case
) -> None:
    """By more than a day."""
    life = results.of(case, Tour((older.machine(), results.machine())))
    check(case, life, suspends=2, wakes=2)
