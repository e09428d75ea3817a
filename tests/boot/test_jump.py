# SPDX-License-Identifier: GPL-2.0-only
"""A TSC that jumps with no suspend, and what looks like it and is none."""

from __future__ import annotations

import re

import pytest

from lab.checks import (
    clocks,
    trace_events,
    demotion,
    kselftest,
    suspend,
    sysfs,
)
from lab.config import GuestSpec
from tests.boot.test_window import BELOW_ZERO_USEC
from tests.lives import Lives, fail_if
from lab.guest.scenario import Choose, Jump, Life, Traced, Unstable
from tests.tree import repeat_test

SECOND = 1_000_000_000
JUMPS = {
    # Time stands still, and no tick takes a vCPU from its task
    "15-s-back": Jump(-15 * SECOND, crowd=3),
    # The kernel can report a soft lockup after 20 s, as it does after a pause
    "5-s-forward": Jump(5 * SECOND),
    # Further than sched_clock follows one vCPU, unless timekeeping does
    "15-s-forward": Jump(15 * SECOND),
    "wrapped": Jump(-5000 * SECOND),
    "idle-15-s-forward": Jump(15 * SECOND, idle=True),
    "idle-15-s-back": Jump(-15 * SECOND, idle=True),
    "idle-wrapped": Jump(-5000 * SECOND, idle=True),
}
FAR = ("15-s-forward", "idle-15-s-forward")
STANDSTILLS = ("15-s-back", "wrapped")
# Longer than the watchdog keeps a sample to compare others with
PAUSE_SECONDS = 12
# Xen tells a guest nothing of a pause, so the kernel takes it for a lockup
NO_WATCHDOGS = "nosoftlockup rcupdate.rcu_cpu_stall_suppress=1"
# To which a sched_clock below zero is one, if it looks in the very interrupt that
# notices the jump: the TSC goes back further than the guest is old
NO_SOFT_LOCKUPS = "nosoftlockup"
VENDORS = "clocksource=tsc tsc=reliable"
# What the kernel says when the xen clocksource is chosen after boot
MARKING = "xen: sched_clock: marking unstable, as the xen clocksource is used"
OTHERS_MARK = "tsc: Marking TSC unstable due to the lab's probe"


def check(case: GuestSpec, life: Life, problems: list[str]) -> None:
    report = life.report
    problems += [
        *demotion.check_ticks(life),
        *clocks.check_printk(report),
        *clocks.check_clocks(report, suspended=False),
        *clocks.check_alike(report),
        *clocks.check_trouble(report),
        *suspend.check_accounts(report, life.guest.lost),
    ]
    fail_if(problems, case, life, repeat_test("jump", case))


@pytest.mark.parametrize("name", JUMPS)
def test_a_jump_is_noticed(older: Lives, name: str) -> None:
    jump = JUMPS[name]
    seconds = jump.ns // SECOND
    least, most = ((seconds + more) * SECOND for more in (-1, 1))
    case = GuestSpec(name, "", NO_SOFT_LOCKUPS if seconds < 0 else "")
    life = older.of(case, jump)
    problems = [
        *demotion.check_demoted(life.report, f"moved apart by {shown(seconds)} ms"),
        *demotion.check_jump(life.report, jump.ns),
        *demotion.check_standstill(life),
        *sysfs.check_sysfs(life.report),
        *kselftest.check_selftest(life.report, patched=True),
        *trace_events.check_traced_demotions(life.report, least, most),
    ]
    check(case, life, problems)


def shown(seconds: int) -> str:
    """The message's number: within a second, as it takes time to set a TSC."""
    sign = "-" if seconds < 0 else ""
    numbers = "|".join(str(abs(seconds) + offset) for offset in (-1, 0))
    return rf"{sign}({numbers})\d\d\d"


@pytest.mark.parametrize("name", FAR)
def test_sched_clock_follows_timekeeping(older: Lives, name: str) -> None:
    """At once: it does not wait until the core has replaced the clocksource."""
    report = older.of(GuestSpec(name), JUMPS[name]).report
    [demoted], [blamed] = report.demotions, report.grep(demotion.CORE_BLAMES)
    assert blamed.usec - demoted.record.usec < (JUMPS[name].ns - SECOND) / 1000


@pytest.mark.parametrize("name", STANDSTILLS)
def test_without_the_series_time_stands_still(older: Lives, name: str) -> None:
    """As vendors advise.  If this fails, the tests above show nothing."""
    guest = older.guest(GuestSpec(f"old-{name}", "", VENDORS, patched=False))
    jump = JUMPS[name]
    jump.create(guest)
    guest.wait_state("up")
    guest.phase("measure")
    guest.wait_state("ready")
    guest.phase("tick 9")
    jump.move(guest)
    guest.host.must("sleep 6")
    # One may have been on its way; a clock that runs would have sent three
    assert sum(tick.at > guest.unpaused for tick in guest.ticks) <= 1
    guest.destroy()


def test_ticks_that_come_together(older: Lives) -> None:
    """As of a guest that could not run for long: Xen's store tells of a node once."""
    host = older.host()
    ticks = {n: f"/local/domain/99/data/tick/{n} 'tick {n} {n} {n}'" for n in range(4)}
    host.must(f"xenstore-write {' '.join(ticks.values())}")
    host.wait(lambda: len(host.ticks.get(99, [])) == len(ticks))
    assert [tick.monotonic * 1e9 for tick in host.ticks[99]] == list(ticks)
    host.must("xenstore-rm /local/domain/99")


def test_a_pause_is_no_jump(older: Lives) -> None:
    case = GuestSpec("pause", "", NO_WATCHDOGS)
    life = older.of(case, Jump(0, PAUSE_SECONDS))
    check(
        case,
        life,
        [
            *demotion.check_still_reliable(life.report, 0),
            *demotion.check_jump(life.report, 0),
        ],
    )


def test_another_clocksource_by_hand(older: Lives) -> None:
    """sched_clock stays on a TSC that is good, but not as a stable clock."""
    case = GuestSpec("by-hand")
    life = older.of(case, Choose("xen"))
    report = life.report
    problems = []
    if (report.sched_clock, report.fact("after.stable")) != ("TSC", "0"):
        problems.append(
            f"sched_clock is the {report.sched_clock}, "
            f"stable {report.fact('after.stable')}; expected TSC, stable 0"
        )
    if report.fact("after.clocksource") != "xen":
        problems.append("the clocksource was not changed")
    ours, cores = (report.grep(text) for text in (MARKING, demotion.CORE_BLAMES))
    if not ours or not cores or ours[0].sequence > cores[0].sequence:
        problems.append(f"'{MARKING}' is not said before the core speaks")
    check(case, life, problems)


def test_a_tsc_that_others_mark_unstable(older: Lives) -> None:
    """sched_clock leaves it at the next tick, so that a jump later moves no clock."""
    case = GuestSpec("marked-by-others", probe=True)
    # Further back than the guest is old: the trace would have stamps below zero
    life = older.of(case, Traced("local", Unstable(Jump(-300 * SECOND))))
    report = life.report
    problems = [
        *demotion.check_after_demotion(report),
        *(f"the watchdog has demoted it: {line.record}" for line in report.demotions),
    ]
    marked = report.grep(f"{OTHERS_MARK}|{MARKING}|{demotion.CORE_BLAMES}")
    if [bool(re.search(OTHERS_MARK, record.text)) for record in marked[:1]] != [True]:
        problems.append(f"'{OTHERS_MARK}' is not said first")
    stamps = [line.usec for line in report.trace]
    if not stamps or stamps != sorted(stamps) or stamps[-1] > BELOW_ZERO_USEC:
        problems.append(f"the trace's clock goes backwards: {report.trace}")
    problems += [str(record) for record in report.grep("clock went backwards")]
    check(case, life, problems)
