# SPDX-License-Identifier: GPL-2.0-only
"""Guests that are put to sleep, in every way, and must not notice."""

from __future__ import annotations

from typing import Callable, Iterator

import pytest

from lab import judge, judge_life, judge_sleep
from lab.boot import Settings
from lab.cases import Case, Results, booted, explain
from lab.hosts import HOSTS, Host
from lab.life import Event, Life, Move, checkpoint
from lab.sleep import STRICT, Cycles, failed_migration, failed_save, migrate

HOST = HOSTS["untrusted"]
# Xen's clock leaps by this when a guest comes from a host that booted just now,
# and steps back by it when it goes there
YEARS = 600
CYCLES = {Case("cycles", "", STRICT): 100, Case("cycles-native", "native", STRICT): 20}
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
MODES = {"default": "", "native": "native"}

Tell = Callable[[str], None]


@pytest.fixture(scope="module", name="young")
def fixture_young(settings: Settings, tell: Tell) -> Iterator[Results]:
    with booted("young", settings, tell, HOST) as results:
        yield results


@pytest.fixture(scope="module", name="old")
def fixture_old(settings: Settings, tell: Tell) -> Iterator[Results]:
    with booted("old", settings, tell, HOST.older(YEARS)) as results:
        yield results


def check(case: Case, life: Life, host: Host, suspends: int, wakes: int) -> None:
    """It was suspended so often, and woke as another domain so often."""
    report = life.report
    expected = judge.expected_of(report, case.tsc_mode, case.cmdline, host)
    problems = [
        *judge.judge_kind(report, case.kind),
        *judge.judge_policy(report, expected),
        *judge.judge_printk(report),
        *judge.judge_clocks(report, suspended=wakes > 0),
        *judge.judge_trouble(report),
        *judge_sleep.judge_ticks(life),
        *judge_sleep.judge_suspends(report, suspends),
        *judge_sleep.judge_wakes(report, wakes),
        *judge_sleep.judge_sleepers(report),
        *judge_sleep.judge_accounts(report),
    ]
    if expected.verdict == "reliable":
        problems += judge_life.judge_kept(report, wakes)
    fail(case, life, problems)


def fail(case: Case, life: Life, problems: list[str]) -> None:
    if problems:
        repeat = f"python3 -m pytest lab/tests/test_sleep.py -k {case}"
        pytest.fail(explain(case, life, problems, repeat), pytrace=False)


@pytest.mark.parametrize("case", STAYS, ids=str)
def test_it_stays(young: Results, case: Case) -> None:
    life = young.of(case, STAYS[case])
    check(case, life, HOST, suspends=1, wakes=0)


def test_live_migration(young: Results) -> None:
    """Of a PVH guest: for PV ones this Xen was built without what it takes."""
    life = young.of(MIGRATED, migrate)
    check(MIGRATED, life, HOST, suspends=1, wakes=1)


@pytest.mark.parametrize("case", CYCLES, ids=str)
def test_again_and_again(young: Results, tell: Tell, case: Case) -> None:
    cycles = Cycles(CYCLES[case], tell)
    life = young.of(case, cycles)
    tell(f"{case}: CLOCK_BOOTTIME is off by {cycles.drift:.3f} s")
    check(case, life, HOST, suspends=cycles.number, wakes=cycles.number)
    fail(case, life, judge_sleep.judge_cycles(cycles, life))


@pytest.mark.parametrize("mode", MODES)
def test_on_an_older_host(young: Results, old: Results, mode: str) -> None:
    case = Case(f"older-{mode}", MODES[mode], STRICT)
    life = young.of(case, Move(old.machine, 0))
    check(case, life, HOST, suspends=1, wakes=1)


@pytest.mark.parametrize("mode", MODES)
def test_on_a_younger_host(young: Results, old: Results, mode: str) -> None:
    case = Case(f"younger-{mode}", MODES[mode], STRICT)
    life = old.of(case, Move(young.machine, 0))
    check(case, life, HOST, suspends=1, wakes=1)
