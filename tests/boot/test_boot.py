# SPDX-License-Identifier: GPL-2.0-only
"""Guests under Xen: does the kernel do what the policy says, and is it right?"""

from __future__ import annotations

import os
from typing import Callable

import pytest

from lab.checks import clocks as judge, suspend as judge_sleep
from lab.guest.session import DEFAULT_OFF, NONSENSE, PVH, Case, Results, explain
from lab.checks.network import judge_connection
from lab.checks.demotion import out_of_use
from lab.checks.kselftest import judge_selftest
from lab.checks.sysfs import judge_sysfs
from lab.checks.xen_clock import judge_tool
from lab.guest.scenario import Life
from lab.host.network import GUEST
from lab.config import Settings
from lab.guest.report import STILL

Check = Callable[[list[str]], None]


@pytest.fixture(name="check")
def fixture_check(case: Case, life: Life, settings: Settings) -> Check:
    """Fails with all problems, the log lines that matter and how to repeat it."""

    def check(problems: list[str]) -> None:
        if problems:
            text = explain(case, life, problems, case.repeat(settings))
            pytest.fail(text, pytrace=False)

    return check


def test_policy(case: Case, life: Life, settings: Settings, check: Check) -> None:
    report = life.report
    expected = judge.expected_of(report, case.tsc_mode, case.cmdline, settings.host)
    problems = judge.judge_kind(report, case.kind)
    check([*problems, *judge.judge_policy(report, expected)])


def test_printk_never_goes_backwards(life: Life, check: Check) -> None:
    check(judge.judge_printk(life.report))


def test_printk_does_not_count_the_suspend(life: Life, check: Check) -> None:
    check(judge.judge_suspend(life.report))


def test_clocks_never_go_backwards(life: Life, check: Check) -> None:
    check(judge.judge_clocks(life.report, suspended=True))


def test_timers_and_accounts_sleep_well(life: Life, check: Check) -> None:
    check(
        [
            *judge_sleep.judge_timers(life.report),
            *judge_sleep.judge_accounts(life.report),
        ]
    )


def test_its_connection_is_kept(case: Case, life: Life, check: Check) -> None:
    """If it has one: a case of its own would only share the life of another."""
    check(judge_connection(life.report) if case.network else [])


def test_dom0_does_not_answer_for_a_guest(results: Results) -> None:
    """Not even when that is asleep: what it retransmits would reset the connection."""
    machine = results.of(NONSENSE).guest.machine
    status, route = machine.order(f"ip route get {GUEST}")
    assert status and "unreachable" in route


def test_qemu_cannot_lose_interrupts_of_pvh_guests(results: Results) -> None:
    """As all of its threads share one of our CPUs."""
    pid = results.of(PVH).guest.machine.pid
    threads = [int(thread) for thread in os.listdir(f"/proc/{pid}/task")]
    assert threads and all(len(os.sched_getaffinity(thread)) == 1 for thread in threads)


def test_time_leaf_agrees_with_xen(
    case: Case, life: Life, settings: Settings, check: Check
) -> None:
    host, outside = settings.host, life.outside
    check(judge.judge_leaf(life.report, host, case.tsc_mode, outside))


def test_sysfs_tells_the_same(life: Life, check: Check) -> None:
    check(judge_sysfs(life.report))


def test_xen_clock_tells_the_same(
    case: Case, life: Life, settings: Settings, check: Check
) -> None:
    expected = judge.expected_of(
        life.report, case.tsc_mode, case.cmdline, settings.host
    )
    check(judge_tool(life.report, expected, patched=True))


def test_kselftest_passes(life: Life, check: Check) -> None:
    check(judge_selftest(life.report, patched=True))


def test_no_kernel_complaint(life: Life, check: Check) -> None:
    check(judge.judge_trouble(life.report))


def test_the_tsc_is_evaluated_again(case: Case, life: Life, check: Check) -> None:
    """After the restore, unless the TSC was out of use or nobody wants it evaluated.

    The facts are what they were, so that the rule is that of the boot.
    """
    report = life.report
    still = report.tsc_lines(STILL)
    times = 0 if out_of_use(report) or case is DEFAULT_OFF else 1
    problems = [
        f"the TSC was as good as ever: {one.record}" for one in report.demotions
    ]
    if len(still) != times:
        problems.append(f"it was evaluated again {len(still)} times, not {times}")
    for record, facts in still:
        if facts["rule"] != report.verdicts[0]["rule"]:
            problems.append(f"the rule is not that of the boot: {record}")
    check(problems)
