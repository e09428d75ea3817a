# SPDX-License-Identifier: GPL-2.0-only
"""HVM guests: the same series, beside clocks that the machine has besides Xen's."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from lab.checks import clocks, demotion, hvm, sysfs
from lab.checks.all import Slept, check_guest, check_series, problems_of
from lab.config import HOSTS, GuestSpec
from lab.guest.guest import Guest
from lab.guest.scenario import (
    TICKS,
    Life,
    Scenario,
    Skew,
    Steps,
    save_and_restore,
    stay,
    tick,
)
from lab.guest.suspend import idle
from lab.host.host import Host
from tests.lives import Lives, fail_if
from tests.tree import repeat_test

DEFAULT = GuestSpec("hvm", kind="hvm")
NATIVE = GuestSpec("hvm-native", "native", kind="hvm")
OLD = GuestSpec("old-hvm", kind="hvm", patched=False)
MOVED = GuestSpec("hvm-skew", cmdline="xen_tsc_reliable=on", kind="hvm")
# The emulated TSC of a vCPU that does not run stops; xl ignores this for PVH guests
DELAYED = GuestSpec("hvm-delayed", kind="hvm", timer_mode="delay_for_missed_ticks")
APART = r"xen: TSC marked unstable: TSC and pvclock moved apart by -?\d+ ms"
ONCE = Slept(suspends=1, wakes=1)


@Steps
def save(guest: Guest) -> None:
    """Not too busy: dom0 shares a CPU with it, and is its devices when it resumes."""
    idle(guest, 2000)
    save_and_restore.run(guest)
    idle(guest, 0)
    tick(guest, TICKS)


@dataclass
class Timed(Scenario):
    """The RTC is read before and after, each time between two looks at dom0's clock."""

    scenario: Scenario
    readings: list[hvm.RtcReading] = field(default_factory=list)

    def run(self, guest: Guest) -> None:
        # One that lives once more begins anew
        self.readings = [read_rtc(guest, 1)]
        self.scenario.run(guest)
        self.readings.append(read_rtc(guest, 2))

    @property
    def problems(self) -> list[str]:
        return [text for one in self.readings for text in hvm.check_rtc_time(one)]


def clock_of_dom0(host: Host) -> int:
    return int(host.must("date +%s")) * hvm.NSEC


def read_rtc(guest: Guest, number: int) -> hvm.RtcReading:
    """No two of a guest may have the same number."""
    early = clock_of_dom0(guest.host)
    guest.phase(f"rtc {number}")
    guest.wait_state(f"rtc {number}")
    path = f"/local/domain/{guest.domid}/data/rtc"
    text = guest.host.must(f"xenstore-read {path}")
    late = clock_of_dom0(guest.host)
    return hvm.RtcReading(int(text.split()[0]) * hvm.NSEC, early, late)


def fail(case: GuestSpec, life: Life, problems: list[str]) -> None:
    fail_if(problems, case, life, repeat_test("hvm", case))


@pytest.mark.parametrize("case", (DEFAULT, NATIVE), ids=str)
def test_saved_and_restored(session: Lives, case: GuestSpec) -> None:
    """What holds for the other kinds of guests, and the policy's verdict."""
    timed = Timed(save)
    life = session.of(case, timed)
    findings = check_guest(case, life, ONCE)
    findings |= check_series(case, life, HOSTS["untrusted"], ONCE)
    findings["sysfs"] = sysfs.check_sysfs(life.report)
    findings["rtc"] = timed.problems
    fail(case, life, problems_of(findings))


def test_without_the_series(session: Lives) -> None:
    """The same life, by the same checks: what differs above is the series' doing."""
    life = session.of(OLD, save)
    fail(OLD, life, problems_of(check_guest(OLD, life, ONCE)))
    assert not life.report.verdicts
    assert life.report.fact("after.clocksource") == "xen"


def test_a_tsc_that_stops_is_noticed(session: Lives) -> None:
    """As each vCPU waits for the host's one CPU, mostly while the guest boots."""
    report = session.of(DELAYED, stay).report
    assert len(report.grep(APART)) == 1
    assert report.fact("after.clocksource") == "xen"


def test_a_demoted_tsc_leaves_time_to_xen(session: Lives) -> None:
    """Not to one of the emulated clocks, which the core could take as well."""
    timed = Timed(Skew(-20_000))
    life = session.of(MOVED, timed)
    report = life.report
    problems = [
        *demotion.check_demoted(report, "moved apart by -?(19|20) ms"),
        *demotion.check_ticks(life),
        *hvm.check_emulated(report),
        *hvm.check_rtc(report),
        *timed.problems,
        *sysfs.check_sysfs(report),
        *clocks.check_printk(report),
        # Since the mark, which came after the demotion
        *clocks.check_clocks(report, suspended=False),
        *clocks.check_trouble(report),
    ]
    fail(MOVED, life, problems)
