# SPDX-License-Identifier: GPL-2.0-only
"""All the ways in which a guest can be put to sleep and woken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from lab.life import TICKS, tick
from lab.qemu import Tick
from lab.xen import Guest

# A guest whose kernel complains as soon as it can on a busy machine, emulated: a
# leap over the sleep has it do so.  (The task that hangs has its 120 s: no
# parameter sets them.)
STRICT = "watchdog_thresh=5 rcupdate.rcu_cpu_stall_timeout=10"
# How often it is told how far the cycles are
TELL = 10


@dataclass(frozen=True)
class Nap:
    """A save and a restore, in seconds by dom0's clock."""

    start: float
    saved: float
    waking: float
    end: float

    @property
    def inside(self) -> float:
        """For as long at least the guest slept..."""
        return self.waking - self.saved

    @property
    def outside(self) -> float:
        """... and for as long at most."""
        return self.end - self.start


@dataclass
class Cycles:
    """Saved and restored again and again, while it is as busy as it can be."""

    number: int
    tell: Callable[[str], None]
    naps: list[Nap] = field(default_factory=list)
    # One before the first nap, and one after each
    ticks: list[Tick] = field(default_factory=list)

    def look(self, guest: Guest) -> None:
        seen = len(guest.ticks)
        # No order is the same as the one before
        guest.phase(f"tick 0 {len(self.ticks)}")
        guest.wait_ticks(seen + 1)
        self.ticks.append(guest.ticks[-1])

    def __call__(self, guest: Guest) -> None:
        self.look(guest)
        for number in range(1, self.number + 1):
            self.naps.append(Nap(*guest.nap()))
            self.look(guest)
            if number % TELL == 0 or number == self.number:
                passed = self.ticks[-1].at - self.ticks[0].at
                self.tell(
                    f"{guest.name}: slept {number} times of {self.number}, "
                    f"{passed / number:.2f} s each"
                )
        tick(guest, TICKS)


def failed_save(guest: Guest) -> None:
    """There is no room for it, as it finds out when it is suspended already."""
    guest.fail_to_save()
    tick(guest, TICKS)


def migrate(guest: Guest) -> None:
    guest.migrate()
    tick(guest, TICKS)


def failed_migration(guest: Guest) -> None:
    """The receiver dies when it has all of the guest, which goes on at the sender."""
    guest.fail_to_migrate()
    tick(guest, TICKS)
