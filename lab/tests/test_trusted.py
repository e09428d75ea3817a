# SPDX-License-Identifier: GPL-2.0-only
"""A host whose TSC Xen trusts, and what becomes of its guests on another host."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Callable, Iterator

import pytest

from lab import judge, judge_life, judge_sleep
from lab.cases import Case, Results, explain, repeat_test
from lab.hosts import HOSTS
from lab.judge_selftest import judge_selftest
from lab.judge_story import judge_story, judge_wait, judge_watch
from lab.judge_sysfs import judge_sysfs
from lab.judge_tool import guest_of, judge_dom0, judge_foresight, judge_forecast
from lab.life import Event, Life, Move, Traced, Watched, checkpoint
from lab.qemu import Machine
from lab.settings import Settings
from lab.sleep import STRICT, Tour
from lab.tests.recorded import forecast
from lab.witness import Report

TRUSTED, SLOW = HOSTS["trusted"], HOSTS["1ghz"]
ON = "xen_tsc_reliable=on"
VENDORS = "clocksource=tsc tsc=reliable"

DEFAULT = Case("trusted-default")
NATIVE = Case("trusted-native", "native")
ITSC = Case("trusted-itsc", "native", itsc=True)
CHECKPOINT = Case("trusted-checkpoint")
PVH = Case("trusted-pvh", kind="pvh")
HERE = (DEFAULT, NATIVE, ITSC, PVH)
MOVED_DEFAULT = Case("moved-default")
MOVED_ITSC = Case("moved-itsc", "native", itsc=True)
MOVED_ON = Case("moved-on", "native", ON)
TOUR = Case("trusted-tour", "native", STRICT, itsc=True)
OLD_MOVED = Case("old-moved", "native", VENDORS, patched=False)

Tell = Callable[[str], None]


@pytest.fixture(scope="module", name="trusted")
def fixture_trusted(settings: Settings, tell: Tell) -> Iterator[Results]:
    with Results("trusted", settings, tell, TRUSTED) as results:
        yield results


@pytest.fixture(scope="module", name="slow")
def fixture_slow(settings: Settings, tell: Tell) -> Iterator[Machine]:
    with Results("1ghz", settings, tell, SLOW) as results:
        yield results.machine()


def check(case: Case, life: Life, problems: list[str]) -> None:
    if problems:
        repeat = repeat_test("trusted", case)
        pytest.fail(explain(case, life, problems, repeat), pytrace=False)


@pytest.mark.parametrize("case", HERE, ids=str)
def test_at_home(trusted: Results, case: Case) -> None:
    life = trusted.of(case)
    report = life.report
    expected = judge.expected_of(report, case.tsc_mode, case.cmdline, TRUSTED)
    check(
        case,
        life,
        [
            *judge.judge_kind(report, case.kind),
            *judge.judge_policy(report, expected),
            *judge.judge_printk(report),
            *judge.judge_suspend(report),
            *judge.judge_clocks(report, suspended=True),
            *judge.judge_leaf(report, TRUSTED, case.tsc_mode, life.outside),
            *judge.judge_trouble(report),
            *judge_selftest(report, patched=True),
            *(judge_life.judge_still_reliable(report, 1) if case is not NATIVE else []),
        ],
    )


def test_rules(trusted: Results) -> None:
    """Of the rules that this Xen can show, these have no other test."""
    rules = {case: trusted.of(case).report.verdicts[0]["rule"] for case in HERE}
    right = {DEFAULT: "native", NATIVE: "never-emulated", PVH: "native"}
    assert rules == right | {ITSC: "invariant"}


def test_the_series_decides_what_xen_clock_foresees(
    trusted: Results, slow: Machine
) -> None:
    """In native mode, and in dom0."""
    old = trusted.of(OLD_MOVED, Move(slow)).report
    problems = judge_foresight(old, trusted.of(NATIVE).report)
    told = trusted.machine().must("xen-clock --json")
    problems += judge_dom0(told, TRUSTED.name, "policy")
    assert not problems, "\n".join(problems)


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("case", (DEFAULT, NATIVE, PVH), ids=str)
def test_the_forecast_is_right(trusted: Results, case: Case, tmp_path: Path) -> None:
    report = trusted.of(case).report
    host = json.loads(trusted.machine(case.kind).must("xen-clock host --json"))
    said = forecast(tmp_path, host, host, guest_of(report, case.kind))
    problems = judge_forecast(said, report, patched=True)
    assert not problems, "\n".join(problems)


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("case", (MOVED_DEFAULT, OLD_MOVED), ids=str)
def test_the_forecast_of_a_move_is_right(
    trusted: Results, slow: Machine, case: Case, tmp_path: Path
) -> None:
    """To a host of another frequency, whose TSC is not reliable."""
    report = trusted.of(case, Move(slow)).report
    here, there = (
        json.loads(machine.must("xen-clock host --json"))
        for machine in (trusted.machine(), slow)
    )
    said = forecast(tmp_path, here, there, guest_of(report, case.kind))
    problems = judge_forecast(said, report, patched=case.patched)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("case", (DEFAULT, ITSC), ids=str)
def test_the_vdso_reads_the_clock(trusted: Results, case: Case) -> None:
    report = trusted.of(case).report
    assert report.cost("vdso") * 20 < report.cost("syscall")


def test_a_checkpoint_changes_nothing(trusted: Results) -> None:
    life = trusted.of(CHECKPOINT, checkpoint)
    report = life.report
    problems = [
        *judge_life.judge_still_reliable(report, 1),
        *judge_life.judge_ticks(life),
        *judge.judge_printk(report),
        *judge.judge_clocks(report, suspended=False),
        *judge.judge_trouble(report),
    ]
    if report.fact("before.time_leaf") != report.fact("after.time_leaf"):
        problems.append("the time leaf is another one after the checkpoint")
    check(CHECKPOINT, life, problems)


def test_there_and_back(trusted: Results, settings: Settings, tell: Tell) -> None:
    """Where Xen's clock is more than a day ahead, and the TSC another one."""
    with Results("trusted-old", settings, tell, TRUSTED.older()) as old:
        life = trusted.of(TOUR, Tour((old.machine(), trusted.machine())))
    report = life.report
    problems = [
        *judge_life.judge_still_reliable(report, 2),
        *judge.judge_printk(report),
        *judge.judge_clocks(report, suspended=True),
        *judge.judge_trouble(report),
        *judge_life.judge_ticks(life),
        *judge_sleep.judge_suspends(report, 2),
        *judge_sleep.judge_wakes(report, 2),
        *judge_sleep.judge_timers(report),
        *judge_sleep.judge_accounts(report),
    ]
    check(TOUR, life, problems)


def moved(trusted: Results, event: Event, case: Case) -> tuple[Life, list[str]]:
    life = trusted.of(case, event)
    report = life.report
    return life, [
        *judge_life.judge_ticks(life),
        *judge.judge_printk(report),
        *judge_life.judge_move(report),
        *judge.judge_clocks(report, suspended=True),
        *judge.judge_trouble(report),
        *judge_selftest(report, patched=True),
    ]


def test_moved_and_emulated_stays_reliable(trusted: Results, slow: Machine) -> None:
    life, problems = moved(trusted, Move(slow), MOVED_DEFAULT)
    before, after = (life.report.time_leaf(when) for when in ("before", "after"))
    if before.emulated or not after.emulated:
        problems.append(f"the TSC was to be emulated there, not here: {before} {after}")
    if before.khz != after.khz:
        problems.append(f"Xen does not keep the frequency: {before} {after}")
    problems += judge_life.judge_still_reliable(life.report, 1)
    check(MOVED_DEFAULT, life, problems)


@pytest.mark.parametrize("case", (MOVED_ON, MOVED_ITSC), ids=str)
def test_moved_to_another_frequency_is_demoted(
    trusted: Results, slow: Machine, case: Case
) -> None:
    life, problems = moved(trusted, Traced("-", Watched(Move(slow))), case)
    reason = "its frequency is not what it was at boot"
    problems += judge_life.judge_demoted(life.report, reason)
    problems += judge_facts(life.report)
    problems += judge_sysfs(life.report)
    # Whomever one asks
    problems += [*judge_story(life.report), *judge_watch(life.report)]
    problems += judge_wait(life.report)
    check(case, life, problems)


def judge_facts(report: Report) -> list[str]:
    """The demotion's line has the facts of the host to which the guest was moved."""
    leaf = report.time_leaf("after")
    wrong = []
    for record, facts in report.demotions:
        if (facts["khz"], facts["incarnation"]) != (str(leaf.khz), "2"):
            wrong.append(f"the facts are not those of {leaf}: {record}")
    return wrong


def test_without_the_series_a_moved_guest_is_slow(
    trusted: Results, slow: Machine
) -> None:
    """As vendors advise.  If this fails, the tests above show nothing."""
    life = trusted.of(OLD_MOVED, Move(slow))
    assert life.report.fact("after.clocksource") == "tsc"
    assert statistics.median(life.ticks) > 3.0, life.ticks
    assert judge_life.judge_ticks(life)
