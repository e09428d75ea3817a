# SPDX-License-Identifier: GPL-2.0-only
"""The wall clock of the host, which dom0 sets and a guest reads as a PTP clock."""

from __future__ import annotations

from dataclasses import dataclass

from lab.guest.guest import Guest
from lab.host.host import Host

SECOND = 1_000_000_000
# dom0 tells whole seconds, twice
MARGIN = 2 * SECOND
# By how much the guest's own clock and the host's drift apart between two reads, in ns
DRIFT = 1_000_000
INTERVAL = "/sys/module/xen/parameters/wallclock_interval"


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
    # How often the guest's readers had read it by then
    reads: int

    def problems(self) -> list[str]:
        found = []
        if not self.early - MARGIN <= self.time <= self.late + MARGIN:
            found.append(f"{self.when}: it is not what dom0's clock is: {self}")
        if not self.least - DRIFT <= self.ahead <= self.most + DRIFT:
            found.append(f"{self.when}: the ioctls do not agree: {self}")
        return found


def never_set_again(host: Host) -> None:
    """From now on only orders set Xen's wall clock.  This takes a dom0 with the series."""
    host.must(f"echo 4000000000 > {INTERVAL}")


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


def time_of(host: Host) -> int:
    """What dom0 takes for the time, in seconds."""
    return int(host.must("date +%s"))


def set_forward(host: Host, seconds: int) -> None:
    """By so many seconds, or back."""
    host.must(f"date -s @$(($(date +%s) + {seconds}))")
