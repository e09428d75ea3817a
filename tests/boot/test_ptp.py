# SPDX-License-Identifier: GPL-2.0-only
"""The wall clock of the host, which a guest reads as a PTP clock and dom0 sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

import pytest

from lab.checks import clocks
from lab.config import HOSTS, GuestSpec, Settings
from lab.guest.guest import Guest
from lab.guest.scenario import Life, Scenario
from lab.guest.session import explain
from lab.host.host import Host
from lab.host.rundir import Run
from lab.images.initramfs import make_images
from tests.lives import Lives
from tests.tree import repeat_test

SECOND = 1_000_000_000
# By how many seconds dom0's clock is set forward
STEP = 100
# dom0 tells whole seconds, twice
MARGIN = 2 * SECOND
# By how much the guest's own clock and the host's drift apart between two reads, in ns
DRIFT = 1_000_000
SLEEPS = 4
# One is in 2001
LONG_AGO = 1_000_000_000
INTERVAL = "/sys/module/xen/parameters/wallclock_interval"
CASES = {
    GuestSpec("ptp"): "tsc",
    GuestSpec("ptp-off", "", "xen_tsc_reliable=off"): "xen",
    GuestSpec("ptp-pvh", kind="pvh"): "tsc",
    GuestSpec("ptp-pvh-off", "", "xen_tsc_reliable=off", kind="pvh"): "xen",
}


@dataclass(frozen=True)
class Reading:
    """What the guest read, in ns, and dom0's clock before and after."""

    when: str
    early: int
    late: int
    time: int
    # How far it is ahead of the guest's CLOCK_REALTIME: at least, as
    # PTP_SYS_OFFSET_PRECISE says, and at most
    least: int
    ahead: int
    most: int

    def problems(self) -> list[str]:
        found = []
        if not self.early - MARGIN <= self.time <= self.late + MARGIN:
            found.append(f"{self.when}: it is not what dom0's clock is: {self}")
        if not self.least - DRIFT <= self.ahead <= self.most + DRIFT:
            found.append(f"{self.when}: the ioctls do not agree: {self}")
        return found


def clock_of_dom0(host: Host) -> int:
    return int(host.must("date +%s")) * SECOND


def read(guest: Guest, number: int, when: str = "") -> Reading:
    """No two of a guest may have the same number."""
    early = clock_of_dom0(guest.host)
    guest.phase(f"phc {number}")
    guest.wait_state(f"phc {number}")
    path = f"/local/domain/{guest.domid}/data/phc"
    text = guest.host.must(f"xenstore-read {path}")
    late = clock_of_dom0(guest.host)
    return Reading(when, early, late, *map(int, text.split()))


def set_forward(host: Host) -> None:
    host.must(f"date -s @$(($(date +%s) + {STEP}))")


@dataclass
class Follow(Scenario):
    """dom0's clock is set while the guest runs, and while it is saved."""

    readings: list[Reading] = field(default_factory=list)

    def run(self, guest: Guest) -> None:
        numbers = count(1)
        # One that lives once more begins anew
        self.readings = [read(guest, next(numbers), "at first")]
        set_forward(guest.host)
        self.readings.append(read(guest, next(numbers), "after dom0's clock was set"))
        for sleep in range(SLEEPS):
            guest.save()
            if not sleep:
                set_forward(guest.host)
            guest.restore()
            self.readings.append(read(guest, next(numbers), f"after sleep {sleep}"))

    @property
    def gained(self) -> list[float]:
        """By how much it moved away from the guest's clock, each time, in seconds."""
        pairs = zip(self.readings, self.readings[1:])
        return [(two.ahead - one.ahead) / SECOND for one, two in pairs]


def check_testptp(life: Life) -> list[str]:
    """The kernel's own test of PTP clocks can read it, in two ways."""
    problems = [
        f"testptp fails: status {status}"
        for name in ("can", "offset")
        if (status := life.report.fact(f"status.testptp-{name}.after")) != "0"
    ]
    if "1 cross timestamping" not in life.report.words("testptp-can.after"):
        problems.append("testptp finds no cross timestamping")
    return problems


def check_thread(life: Life) -> list[str]:
    """It has read all the time, and seen dom0's step and no other."""
    expected = {"name": "Xen wall clock", "steps": "1", "backwards": "0"}
    found = {key: life.report.fact(f"phc.{key}") for key in expected}
    problems = [
        f"phc.{key} is {value}, expected {expected[key]}"
        for key, value in found.items()
        if value != expected[key]
    ]
    if int(life.report.fact("phc.reads")) < 1000:
        problems.append("it was hardly read")
    return problems


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_guest_follows(session: Lives, case: GuestSpec) -> None:
    follow = Follow()
    life = session.of(case, follow)
    problems = [problem for one in follow.readings for problem in one.problems()]
    # A suspend the guest's own clock makes up for
    for number, (seconds, wanted) in enumerate(zip(follow.gained, [STEP] + [0] * 9)):
        if abs(seconds - wanted) > 2:
            problems.append(f"it gained {seconds} s at {number}, expected {wanted}")
    if life.report.fact("after.clocksource") != CASES[case]:
        problems.append(f"the clocksource is not {CASES[case]}")
    problems += [*check_testptp(life), *check_thread(life)]
    problems += clocks.check_trouble(life.report)
    if problems:
        pytest.fail(
            explain(case, life, problems, repeat_test("ptp", case)), pytrace=False
        )


def test_dom0_sets_it_again(settings: Settings) -> None:
    """When it is told to.  Until then an error stays; and dom0 has no such clock."""
    images = make_images(settings.xen, settings.kernel)
    spec = HOSTS["untrusted"]
    with Host(Run("ptp-dom0"), images, settings.patched, spec) as host:
        host.wait_boot()
        assert host.must("ls /sys/class/ptp") == ""
        assert host.must(f"cat {INTERVAL}") == "660\n"
        guest = Guest(host, GuestSpec("ptp-dom0"), settings.patched, images.guest)
        guest.create()
        guest.wait_state("up")
        assert not read(guest, 1).problems()
        host.must(f"wallclock {LONG_AGO}")
        wrong = read(guest, 2)
        assert wrong.early - wrong.time > STEP * SECOND, wrong
        host.must(f"echo 1 > {INTERVAL}")
        numbers = count(3)
        while read(guest, next(numbers)).problems():
            pass
        guest.shutdown()
