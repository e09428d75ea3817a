# SPDX-License-Identifier: GPL-2.0-only
"""A host whose TSC Xen trusts, and what becomes of its guests on another host."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Callable, Iterator

import pytest

from lab.checks import clocks, demotion, policy, suspend
from tests.lives import Lives, fail_if
from lab.config import GuestSpec, HOSTS
from lab.checks.kselftest import check_selftest
from lab.checks.consistency import check_story, check_wait, check_watch
from lab.checks.sysfs import check_sysfs
from lab.checks.xen_clock import check_dom0, check_foresight, check_forecast, guest_of
from tests.recorded import forecast
from lab.guest.scenario import Scenario, Life, Move, Traced, Watched, checkpoint
from lab.host.host import Host
from lab.config import Settings
from lab.guest.suspend import STRICT, Tour
from lab.guest.report import Report
from tests.tree import repeat_test

TRUSTED, SLOW = HOSTS["trusted"], HOSTS["1ghz"]
ON = "xen_tsc_reliable=on"
VENDORS = "clocksource=tsc tsc=reliable"

DEFAULT = GuestSpec("trusted-default")
NATIVE = GuestSpec("trusted-native", "native")
ITSC = GuestSpec("trusted-itsc", "native", itsc=True)
CHECKPOINT = GuestSpec("trusted-checkpoint")
PVH = GuestSpec("trusted-pvh", kind="pvh")
HERE = (DEFAULT, NATIVE, ITSC, PVH)
MOVED_DEFAULT = GuestSpec("moved-default")
MOVED_ON = GuestSpec("moved-on", "native", ON)
# Most of its vCPUs are idle when it is saved, and when it is resumed
MOVED_IDLE = GuestSpec("moved-idle", "native", ON, vcpus=4)
IDLE_USEC = 10_000
TOUR = GuestSpec("trusted-tour", "native", STRICT, itsc=True)
OLD_MOVED = GuestSpec("old-moved", "native", VENDORS, patched=False)

Tell = Callable[[str], None]


@pytest.fixture(scope="module", name="slow")
def fixture_slow(settings: Settings, tell: Tell) -> Iterator[Host]:
    with Lives("1ghz", settings, tell, SLOW) as session:
        yield session.host()


def check(case: GuestSpec, life: Life, problems: list[str]) -> None:
    fail_if(problems, case, life, repeat_test("trusted", case))


@pytest.mark.parametrize("case", HERE, ids=str)
def test_at_home(trusted: Lives, case: GuestSpec) -> None:
    life = trusted.of(case)
    report = life.report
    expected = policy.expected_of(report, case.tsc_mode, case.cmdline, TRUSTED)
    check(
        case,
        life,
        [
            *policy.check_kind(report, case.kind),
            *policy.check_policy(report, expected),
            *clocks.check_printk(report),
            *clocks.check_suspend(report),
            *clocks.check_clocks(report, suspended=True),
            *policy.check_leaf(report, TRUSTED, case.tsc_mode, life.outside),
            *clocks.check_trouble(report),
            *check_selftest(report, patched=True),
            *(demotion.check_still_reliable(report, 1) if case is not NATIVE else []),
        ],
    )


def test_rules(trusted: Lives) -> None:
    """Of the rules that this Xen can show, these have no other test."""
    rules = {case: trusted.of(case).report.verdicts[0]["rule"] for case in HERE}
    right = {DEFAULT: "native", NATIVE: "never-emulated", PVH: "native"}
    assert rules == right | {ITSC: "invariant"}


def test_the_series_decides_what_xen_clock_foresees(trusted: Lives, slow: Host) -> None:
    """In native mode, and in dom0."""
    old = trusted.of(OLD_MOVED, Move(slow)).report
    problems = check_foresight(old, trusted.of(NATIVE).report)
    told = trusted.host().must("xen-clock --json")
    problems += check_dom0(told, TRUSTED, "policy")
    assert not problems, "\n".join(problems)


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("case", (DEFAULT, NATIVE, PVH), ids=str)
def test_the_forecast_is_right(trusted: Lives, case: GuestSpec, tmp_path: Path) -> None:
    report = trusted.of(case).report
    host = json.loads(trusted.host(case.kind).must("xen-clock host --json"))
    said = forecast(tmp_path, host, host, guest_of(report, case.kind))
    problems = check_forecast(said, report, patched=True)
    assert not problems, "\n".join(problems)


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("case", (MOVED_DEFAULT, OLD_MOVED), ids=str)
def test_the_forecast_of_a_move_is_right(
    trusted: Lives, slow: Host, case: GuestSpec, tmp_path: Path
) -> None:
    """To a host of another frequency, whose TSC is not reliable."""
    report = trusted.of(case, Move(slow)).report
    here, there = (
        json.loads(host.must("xen-clock host --json"))
        for host in (trusted.host(), slow)
    )
    said = forecast(tmp_path, here, there, guest_of(report, case.kind))
    problems = check_forecast(said, report, patched=case.patched)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("case", (DEFAULT, ITSC), ids=str)
def test_the_vdso_reads_the_clock(trusted: Lives, case: GuestSpec) -> None:
    assert trusted.of(case).report.entries == 0


def test_a_checkpoint_changes_nothing(trusted: Lives) -> None:
    life = trusted.of(CHECKPOINT, checkpoint)
    report = life.report
    problems = [
        *demotion.check_still_reliable(report, 1),
        *demotion.check_ticks(life),
        *clocks.check_printk(report),
        *clocks.check_clocks(report, suspended=False),
        *clocks.check_trouble(report),
    ]
    if report.fact("before.time_leaf") != report.fact("after.time_leaf"):
        problems.append("the time leaf is another one after the checkpoint")
    check(CHECKPOINT, life, problems)


def test_there_and_back(trusted: Lives, settings: Settings, tell: Tell) -> None:
    """Where Xen's clock is more than a day ahead, and the TSC another one."""
    spec = TRUSTED.older().with_one_cpu()
    with Lives("trusted-old", settings, tell, spec) as old:
        life = trusted.of(TOUR, Tour((old.host(), trusted.host())))
    report = life.report
    problems = [
        *demotion.check_still_reliable(report, 2),
        *clocks.check_printk(report),
        *clocks.check_clocks(report, suspended=True),
        *clocks.check_trouble(report),
        *demotion.check_ticks(life),
        *suspend.check_suspends(report, 2),
        *suspend.check_wakes(report, 2),
        *suspend.check_timers(report),
        *suspend.check_accounts(report),
    ]
    check(TOUR, life, problems)


def moved(
    trusted: Lives, scenario: Scenario, case: GuestSpec
) -> tuple[Life, list[str]]:
    life = trusted.of(case, scenario)
    report = life.report
    return life, [
        *demotion.check_ticks(life),
        *clocks.check_printk(report),
        *demotion.check_move(report),
        *clocks.check_clocks(report, suspended=True),
        *clocks.check_trouble(report),
        *check_selftest(report, patched=True),
    ]


def test_moved_and_emulated_stays_reliable(trusted: Lives, slow: Host) -> None:
    life, problems = moved(trusted, Move(slow), MOVED_DEFAULT)
    before, after = (life.report.time_leaf(when) for when in ("before", "after"))
    if before.emulated or not after.emulated:
        problems.append(f"the TSC was to be emulated there, not here: {before} {after}")
    if before.khz != after.khz:
        problems.append(f"Xen does not keep the frequency: {before} {after}")
    problems += demotion.check_still_reliable(life.report, 1)
    check(MOVED_DEFAULT, life, problems)


def test_moved_to_another_frequency_is_demoted(trusted: Lives, slow: Host) -> None:
    """The matrix has one with an invariant TSC."""
    life, problems = moved(trusted, Traced("-", Watched(Move(slow))), MOVED_ON)
    reason = "its frequency is not what it was at boot"
    problems += demotion.check_demoted(life.report, reason)
    problems += check_facts(life.report)
    problems += check_sysfs(life.report)
    # Whomever one asks
    problems += [*check_story(life.report), *check_watch(life.report)]
    problems += check_wait(life.report)
    check(MOVED_ON, life, problems)


def test_an_idle_guest_is_demoted_after_timekeeping_resumes(
    trusted: Lives, slow: Host
) -> None:
    """Whatever reads the time before that, as a worker that wakes up, is warned of."""
    life, problems = moved(trusted, Move(slow, IDLE_USEC), MOVED_IDLE)
    reason = "its frequency is not what it was at boot"
    problems += demotion.check_demoted(life.report, reason)
    check(MOVED_IDLE, life, problems)


def check_facts(report: Report) -> list[str]:
    """The demotion's line has the facts of the host to which the guest was moved."""
    leaf = report.time_leaf("after")
    wrong = []
    for record, facts in report.demotions:
        if (facts["khz"], facts["incarnation"]) != (str(leaf.khz), "2"):
            wrong.append(f"the facts are not those of {leaf}: {record}")
    return wrong


def test_without_the_series_a_moved_guest_is_slow(trusted: Lives, slow: Host) -> None:
    """As vendors advise.  If this fails, the tests above show nothing."""
    life = trusted.of(OLD_MOVED, Move(slow))
    assert life.report.fact("after.clocksource") == "tsc"
    assert statistics.median(life.ticks) > 3.0, life.ticks
    assert demotion.check_ticks(life)
