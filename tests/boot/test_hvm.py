# SPDX-License-Identifier: GPL-2.0-only
"""HVM guests: the same series, beside clocks that the machine has besides Xen's."""

from __future__ import annotations

import pytest

from lab.checks import clocks, demotion, hvm, sysfs
from lab.checks.all import Slept, check_guest, check_series, problems_of
from lab.config import HOSTS, GuestSpec
from lab.guest.guest import Guest
from lab.guest.scenario import TICKS, Life, Skew, Steps, save_and_restore, tick
from lab.guest.session import explain
from lab.guest.suspend import idle
from tests.lives import Lives
from tests.tree import repeat_test

DEFAULT = GuestSpec("hvm", kind="hvm")
NATIVE = GuestSpec("hvm-native", "native", kind="hvm")
OLD = GuestSpec("old-hvm-native", "native", kind="hvm", patched=False)
MOVED = GuestSpec("hvm-skew", cmdline="xen_tsc_reliable=on", kind="hvm")
ONCE = Slept(suspends=1, wakes=1)


@Steps
def save(guest: Guest) -> None:
    """Not too busy: dom0 shares a CPU with it, and is its devices when it resumes."""
    idle(guest, 2000)
    save_and_restore.run(guest)
    idle(guest, 0)
    tick(guest, TICKS)


def fail(case: GuestSpec, life: Life, problems: list[str]) -> None:
    if problems:
        repeat = repeat_test("hvm", case)
        pytest.fail(explain(case, life, problems, repeat), pytrace=False)


@pytest.mark.parametrize("case", (DEFAULT, NATIVE), ids=str)
def test_saved_and_restored(session: Lives, case: GuestSpec) -> None:
    """What holds for the other kinds of guests, and the policy's verdict."""
    life = session.of(case, save)
    findings = check_guest(case, life, ONCE)
    findings |= check_series(case, life, HOSTS["untrusted"], ONCE)
    findings["sysfs"] = sysfs.check_sysfs(life.report)
    fail(case, life, problems_of(findings))


def test_without_the_series(session: Lives) -> None:
    """The same life, by the same checks: what differs above is the series' doing."""
    life = session.of(OLD, save)
    fail(OLD, life, problems_of(check_guest(OLD, life, ONCE)))
    assert not life.report.verdicts
    assert life.report.fact("after.clocksource") == "xen"


def test_a_demoted_tsc_leaves_time_to_xen(session: Lives) -> None:
    """Not to one of the emulated clocks, which the core could take as well."""
    life = session.of(MOVED, Skew(-20_000))
    report = life.report
    problems = [
        *demotion.check_demoted(report, "moved apart by -?(19|20) ms"),
        *demotion.check_ticks(life),
        *hvm.check_emulated(report),
        *hvm.check_rtc(report),
        *sysfs.check_sysfs(report),
        *clocks.check_printk(report),
        # Since the mark, which came after the demotion
        *clocks.check_clocks(report, suspended=False),
        *clocks.check_trouble(report),
    ]
    fail(MOVED, life, problems)
