# SPDX-License-Identifier: GPL-2.0-only
"""vCPUs whose TSCs differ: one of a PVH guest's is moved, and the other is not.

The TSC is native where Xen trusts that of the host.  What Xen restores wrongly is an
emulated one.  test_hvm.py moves an emulated one, too.
"""

from __future__ import annotations

import pytest

from lab.checks import (
    clocks,
    trace_events,
    demotion,
    sysfs,
)
from lab.config import GuestSpec
from tests.lives import Lives, fail_if
from lab.guest.scenario import RestoreApart, Skew, Traced
from tests.tree import repeat_test

VENDORS = "clocksource=tsc tsc=reliable"
MSEC = 1_000_000
# What Xen guarantees is expected of it, whoever asks for it as well
AT_ONCE = GuestSpec("skew", cmdline="xen_tsc_reliable=on", kind="pvh")
# Each step is one that the watchdog tolerates
IN_STEPS = GuestSpec("skew-in-steps", kind="pvh")
# Further ahead than the core follows: sched_clock of that vCPU has to step back, unless
# it has taken timekeeping along
FAR_AHEAD = GuestSpec("skew-15-s-ahead", kind="pvh")
# That CPU replaces the clocksource, and so takes timekeeping along
FIRST_AHEAD = GuestSpec("skew-first-15-s-ahead", kind="pvh")
# The clocksource, though nobody calls it reliable: not sched_clock, and with one vCPU
# all of the guest's TSC jumps.  The core's watchdog is not to find it first.
CLOCKSOURCE = GuestSpec(
    "jump-clocksource",
    "native",
    "clocksource=tsc tsc=nowatchdog",
    kind="pvh",
    vcpus=1,
)
# As the CPUs of good hosts differ, and less
SMALL = GuestSpec("skew-5-us", kind="pvh")
SMALL_NS = 5_000
OLD = GuestSpec("old-skew", "", VENDORS, kind="pvh", patched=False)
# What Xen made of the TSC of a vCPU that its clock's calibration came between
YEARS_79 = 79 * 365 * 24 * 3600
RESTORED = {
    GuestSpec("restored-10-min-ahead", kind="pvh"): 600,
    GuestSpec("restored-79-years-ahead", kind="pvh"): YEARS_79,
    GuestSpec("restored-79-years-behind", kind="pvh"): -YEARS_79,
}
# By how much the TSC moves, and in milliseconds what the kernel can find to be too much
MOVES = {
    AT_ONCE: (Skew(-20_000), (19, 20)),
    IN_STEPS: (Skew(-6_000, 4), (11, 24)),
    FAR_AHEAD: (Skew(15_000_000), (14_990, 15_010)),
    FIRST_AHEAD: (Skew(15_000_000, vcpu=0), (14_990, 15_010)),
    CLOCKSOURCE: (Skew(-2_000_000), (1_990, 2_010)),
}


@pytest.mark.parametrize("case", MOVES, ids=str)
def test_a_skew_is_noticed(trusted: Lives, case: GuestSpec) -> None:
    """Either vCPU can be the one that notices it."""
    skew, (least, most) = MOVES[case]
    life = trusted.of(case, Traced("-", skew))
    report = life.report
    numbers = "|".join(map(str, range(least, most + 1)))
    problems = [
        *demotion.check_demoted(report, f"moved apart by -?({numbers}) ms"),
        *demotion.check_ticks(life),
        *sysfs.check_sysfs(report),
        *trace_events.check_traced_demotions(
            report, -(most + 1) * MSEC, (most + 1) * MSEC
        ),
        *clocks.check_printk(report),
        # Since the mark, which came after the demotion
        *clocks.check_clocks(report, suspended=False),
        *clocks.check_alike(report),
        *clocks.check_trouble(report),
    ]
    fail_if(problems, case, life, repeat_test("skew", case))


def test_a_small_skew_stays(trusted: Lives) -> None:
    """It is no reason to give the TSC up, and no clock goes back by more than that."""
    life = trusted.of(SMALL, Skew(-SMALL_NS // 1000))
    report = life.report
    problems = [
        *demotion.check_still_reliable(report, 0),
        *demotion.check_ticks(life),
        *clocks.check_printk(report),
        *clocks.check_alike(report),
        *clocks.check_trouble(report),
    ]
    if report.worst_back("monotonic") > SMALL_NS:
        problems.append(
            f"CLOCK_MONOTONIC goes back {report.worst_back('monotonic')} ns"
        )
    fail_if(problems, SMALL, life, repeat_test("skew", SMALL))


def test_without_the_series_time_goes_backwards(trusted: Lives) -> None:
    """As vendors advise.  If this fails, the tests above show nothing."""
    report = trusted.of(OLD, Skew(-20_000)).report
    assert report.fact("after.clocksource") == "tsc"
    assert report.worst_back("monotonic") > 0


@pytest.mark.parametrize("case", RESTORED, ids=str)
def test_a_restored_skew_moves_no_clock(session: Lives, case: GuestSpec) -> None:
    """It is found, and mended, before anything reads a clock on that vCPU."""
    seconds = RESTORED[case]
    life = session.of(case, RestoreApart(seconds))
    report = life.report
    by = r"-?\d{6,} ms"
    problems = [
        *demotion.check_demoted(report, f"the TSCs of vCPUs differ by {by}"),
        *demotion.check_ticks(life),
        *sysfs.check_sysfs(report),
        *clocks.check_printk(report),
        *clocks.check_suspend(report),
        *clocks.check_clocks(report, suspended=True),
        *clocks.check_alike(report),
        *clocks.check_span(report, life.seconds),
        *clocks.check_trouble(report),
    ]
    fail_if(problems, case, life, repeat_test("skew", case))
