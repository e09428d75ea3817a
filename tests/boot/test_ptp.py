# SPDX-License-Identifier: GPL-2.0-only
"""The wall clock of the host, which a guest reads as a PTP clock and dom0 sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

import pytest

from lab.checks import clocks
from lab.checks.phc import check_offsets, check_readers, check_testptp
from lab.config import HOSTS, GuestSpec, Settings
from lab.guest.guest import Guest
from lab.guest.phc import INTERVAL, SECOND, Reading, read, set_forward
from lab.guest.scenario import Scenario
from lab.guest.suspend import idle
from lab.host.host import Host
from lab.host.rundir import Run
from lab.images.initramfs import make_images
from tests.lives import Lives, fail_if
from tests.tree import KERNEL, repeat_test

# By how many seconds dom0's clock is set forward
STEP = 100
SLEEPS = 2
IDLE_USEC = 10_000
# By the guest, in all that time
READS = 20_000
# One is in 2001
LONG_AGO = 1_000_000_000
CASES = {
    GuestSpec("ptp"): "tsc",
    GuestSpec("ptp-off", "", "xen_tsc_reliable=off"): "xen",
    GuestSpec("ptp-pvh", kind="pvh"): "tsc",
    GuestSpec("ptp-pvh-off", "", "xen_tsc_reliable=off", kind="pvh"): "xen",
}


@dataclass
class Follow(Scenario):
    """dom0's clock is set while the guest runs, and while it is saved."""

    readings: list[Reading] = field(default_factory=list)

    def run(self, guest: Guest) -> None:
        numbers = count(1)
        # Those of its other clocks leave the CPUs to the readers of this one
        idle(guest, IDLE_USEC)
        # One that lives once more begins anew
        self.readings = [read(guest, next(numbers), "at first")]
        set_forward(guest.host, STEP)
        self.readings.append(read(guest, next(numbers), "after dom0's clock was set"))
        for sleep in range(SLEEPS):
            guest.save()
            if not sleep:
                set_forward(guest.host, STEP)
            guest.restore()
            self.readings.append(read(guest, next(numbers), f"after sleep {sleep}"))

    @property
    def gained(self) -> list[float]:
        """By how much it moved away from the guest's clock, each time, in seconds."""
        pairs = zip(self.readings, self.readings[1:])
        return [(two.ahead - one.ahead) / SECOND for one, two in pairs]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_guest_follows(one_cpu: Lives, case: GuestSpec) -> None:
    if KERNEL == "6.1" and CASES[case] == "tsc":
        pytest.skip("Linux 6.1 knows no name of the TSC for a precise offset")
    follow = Follow()
    life = one_cpu.of(case, follow)
    problems = [problem for one in follow.readings for problem in one.problems()]
    # A suspend the guest's own clock makes up for
    for number, (seconds, wanted) in enumerate(zip(follow.gained, [STEP] + [0] * 9)):
        if abs(seconds - wanted) > 2:
            problems.append(f"it gained {seconds} s at {number}, expected {wanted}")
    if life.report.fact("after.clocksource") != CASES[case]:
        problems.append(f"the clocksource is not {CASES[case]}")
    problems += check_readers(life.report, range(1, 2), STEP, READS)
    problems += check_testptp(life.report)
    problems += check_offsets(life.report, follow.readings)
    problems += clocks.check_trouble(life.report)
    fail_if(problems, case, life, repeat_test("ptp", case))


def test_dom0_sets_it_again(settings: Settings) -> None:
    """When it is told to.  Until then an error stays; and dom0 has no such clock."""
    images = make_images(settings.xen, settings.kernel)
    spec = HOSTS["untrusted"].with_one_cpu()
    with Host(Run("ptp-dom0"), images, settings.patched, spec) as host:
        host.wait_boot()
        assert host.must("ls /sys/class/ptp") == ""
        assert host.must(f"cat {INTERVAL}") == "660\n"
        # Linux 6.1 has a precise offset to the xen clocksource only
        case = GuestSpec("ptp-dom0", cmdline="xen_tsc_reliable=off")
        guest = Guest(host, case, settings.patched, images.guest)
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
