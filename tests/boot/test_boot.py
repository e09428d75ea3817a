# SPDX-License-Identifier: GPL-2.0-only
"""Guests under Xen: does the kernel do what the policy says, and is it right?"""

from __future__ import annotations

import os
from typing import Callable

import pytest

from lab.checks import clocks, policy, suspend
from tests.specs import DEFAULT_OFF, NONSENSE, PVH
from tests.lives import Lives, fail_if
from lab.checks.network import check_connection
from lab.checks.demotion import out_of_use
from lab.checks.kselftest import check_selftest
from lab.checks.sysfs import check_sysfs
from lab.checks.xen_clock import check_tool
from lab.guest.scenario import Life
from lab.host.network import GUEST
from lab.config import GuestSpec, Settings
from lab.guest.report import STILL

Check = Callable[[list[str]], None]


@pytest.fixture(name="check")
def fixture_check(case: GuestSpec, life: Life, settings: Settings) -> Check:
    """Fails with all problems, the log lines that matter and how to repeat it."""

    def check(problems: list[str]) -> None:
        fail_if(problems, case, life, case.repeat(settings))

    return check


def test_policy(case: GuestSpec, life: Life, settings: Settings, check: Check) -> None:
    report = life.report
    expected = policy.expected_of(report, case.tsc_mode, case.cmdline, settings.host)
    problems = policy.check_kind(report, case.kind)
    check([*problems, *policy.check_policy(report, expected)])


def test_printk_never_goes_backwards(life: Life, check: Check) -> None:
    check(clocks.check_printk(life.report))


def test_printk_does_not_count_the_suspend(life: Life, check: Check) -> None:
    check(clocks.check_suspend(life.report))


def test_clocks_never_go_backwards(life: Life, check: Check) -> None:
    check(clocks.check_clocks(life.report, suspended=True))


def test_timers_and_accounts_sleep_well(life: Life, check: Check) -> None:
    check(
        [
            *suspend.check_timers(life.report),
            *suspend.check_accounts(life.report),
        ]
    )


def test_its_connection_is_kept(case: GuestSpec, life: Life, check: Check) -> None:
    """If it has one: a case of its own would only share the life of another."""
    check(check_connection(life.report) if case.network else [])


def test_dom0_does_not_answer_for_a_guest(session: Lives) -> None:
    """Not even when that is asleep: what it retransmits would reset the connection."""
    host = session.of(NONSENSE).guest.host
    status, route = host.order(f"ip route get {GUEST}")
    assert status and "unreachable" in route


def test_qemu_cannot_lose_interrupts_of_pvh_guests(session: Lives) -> None:
    """As all of its threads share one of our CPUs."""
    pid = session.of(PVH).guest.host.pid
    threads = [int(thread) for thread in os.listdir(f"/proc/{pid}/task")]
    assert threads and all(len(os.sched_getaffinity(thread)) == 1 for thread in threads)


def test_time_leaf_agrees_with_xen(
    case: GuestSpec, life: Life, settings: Settings, check: Check
) -> None:
    host, outside = settings.host, life.outside
    check(policy.check_leaf(life.report, host, case.tsc_mode, outside))


def test_sysfs_tells_the_same(life: Life, check: Check) -> None:
    check(check_sysfs(life.report))


def test_xen_clock_tells_the_same(
    case: GuestSpec, life: Life, settings: Settings, check: Check
) -> None:
    expected = policy.expected_of(
        life.report, case.tsc_mode, case.cmdline, settings.host
    )
    check(check_tool(life.report, expected, patched=True))


def test_kselftest_passes(life: Life, check: Check) -> None:
    check(check_selftest(life.report, patched=True))


def test_no_kernel_complaint(life: Life, check: Check) -> None:
    check(clocks.check_trouble(life.report))


def test_the_tsc_is_evaluated_again(case: GuestSpec, life: Life, check: Check) -> None:
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
