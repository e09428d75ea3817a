# SPDX-License-Identifier: GPL-2.0-only
"""A TSC that jumps with no suspend, and what looks like it and is none."""

from __future__ import annotations

import pytest

from lab.checks import (
    clocks as judge,
    trace_events as judge_events,
    demotion as judge_life,
    kselftest as judge_selftest,
    sysfs as judge_sysfs,
)
from lab.guest.session import Case, Results, explain
from lab.guest.scenario import Choose, Jump, Life
from tests.tree import repeat_test

SECOND = 1_000_000_000
JUMPS = {
    "15-s-back": Jump(-15 * SECOND),
    "5-min-back": Jump(-300 * SECOND),
    # The kernel can report a soft lockup after 20 s, as it does after a pause.  To
    # find the guest outside of its kernel takes the lab some of them.
    "5-s-forward": Jump(5 * SECOND),
    "wrapped": Jump(-5000 * SECOND),
    "idle-15-s-back": Jump(-15 * SECOND, idle=True),
    "idle-wrapped": Jump(-5000 * SECOND, idle=True),
}
STANDSTILLS = ("15-s-back", "wrapped")
# Longer than the watchdog keeps a sample to compare others with
PAUSE_SECONDS = 12
# Xen tells a guest nothing of a pause, so the kernel takes it for a lockup
NO_WATCHDOGS = "nosoftlockup rcupdate.rcu_cpu_stall_suppress=1"
VENDORS = "clocksource=tsc tsc=reliable"
# What the kernel says when the xen clocksource is chosen after boot
MARKING = "xen: sched_clock: marking unstable, as the xen clocksource is used"


def check(case: Case, life: Life, problems: list[str]) -> None:
    report = life.report
    problems += [
        *judge_life.judge_ticks(life),
        *judge.judge_printk(report),
        *judge.judge_clocks(report, suspended=False),
        *judge.judge_trouble(report),
    ]
    if problems:
        repeat = repeat_test("jump", case)
        pytest.fail(explain(case, life, problems, repeat), pytrace=False)


@pytest.mark.parametrize("name", JUMPS)
def test_a_jump_is_noticed(older: Results, name: str) -> None:
    jump = JUMPS[name]
    seconds = jump.ns // SECOND
    least, most = ((seconds + more) * SECOND for more in (-1, 1))
    case = Case(name)
    life = older.of(case, jump)
    problems = [
        *judge_life.judge_demoted(life.report, f"moved apart by {shown(seconds)} ms"),
        *judge_life.judge_jump(life.report, jump.ns),
        *judge_life.judge_standstill(life),
        *judge_sysfs.judge_sysfs(life.report),
        *judge_selftest.judge_selftest(life.report, patched=True),
        *judge_events.judge_traced_demotions(life.report, least, most),
    ]
    check(case, life, problems)


def shown(seconds: int) -> str:
    """The message's number: within a second, as it takes time to set a TSC."""
    sign = "-" if seconds < 0 else ""
    numbers = "|".join(str(abs(seconds) + offset) for offset in (-1, 0))
    return rf"{sign}({numbers})\d\d\d"


@pytest.mark.parametrize("name", STANDSTILLS)
def test_without_the_series_time_stands_still(older: Results, name: str) -> None:
    """As vendors advise.  If this fails, the tests above show nothing."""
    guest = older.guest(Case(f"old-{name}", "", VENDORS, patched=False))
    jump = JUMPS[name]
    jump.create(guest)
    guest.wait_state("up")
    guest.phase("measure")
    guest.wait_state("ready")
    guest.phase("tick 9")
    jump.move(guest)
    guest.machine.must("sleep 6")
    # One may have been on its way; a clock that runs would have sent three
    assert sum(tick.at > guest.unpaused for tick in guest.ticks) <= 1
    guest.destroy()


def test_ticks_that_come_together(older: Results) -> None:
    """As of a guest that could not run for long: Xen's store tells of a node once."""
    machine = older.machine()
    ticks = {n: f"/local/domain/99/data/tick/{n} 'tick {n} {n} {n}'" for n in range(4)}
    machine.must(f"xenstore-write {' '.join(ticks.values())}")
    machine.wait(lambda: len(machine.ticks.get(99, [])) == len(ticks))
    assert [tick.monotonic * 1e9 for tick in machine.ticks[99]] == list(ticks)
    machine.must("xenstore-rm /local/domain/99")


def test_a_pause_is_no_jump(older: Results) -> None:
    case = Case("pause", "", NO_WATCHDOGS)
    life = older.of(case, Jump(0, PAUSE_SECONDS))
    check(
        case,
        life,
        [
            *judge_life.judge_still_reliable(life.report, 0),
            *judge_life.judge_jump(life.report, 0),
        ],
    )


def test_another_clocksource_by_hand(older: Results) -> None:
    """sched_clock stays on a TSC that is good, but not as a stable clock."""
    case = Case("by-hand")
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
    ours, cores = (report.grep(text) for text in (MARKING, judge_life.CORE_BLAMES))
    if not ours or not cores or ours[0].sequence > cores[0].sequence:
        problems.append(f"'{MARKING}' is not said before the core speaks")
    check(case, life, problems)
