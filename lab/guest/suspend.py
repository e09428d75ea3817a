# SPDX-License-Identifier: GPL-2.0-only
"""All the ways in which a guest can be put to sleep and woken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from lab.host.errors import OrderFailed
from lab.guest.scenario import TICKS, Scenario, Steps, tick
from lab.host.network import Cable
from lab.host.host import Host
from lab.base.kmsg import Tick
from lab.guest.guest import Guest

# A guest whose kernel complains as soon as it can on a busy machine, emulated: a
# jump over the suspend has it do so.  (The task that hangs has its 120 s: no
# parameter sets them.)
STRICT = "watchdog_thresh=5 rcupdate.rcu_cpu_stall_timeout=10"
# How often it is told how far the cycles are
TELL = 10


@dataclass(frozen=True)
class Cycle:
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
class Cycles(Scenario):
    """Saved and restored again and again, while it is as busy as it can be."""

    number: int
    tell: Callable[[str], None]
    cycles: list[Cycle] = field(default_factory=list)
    # One after each cycle
    ticks: list[Tick] = field(default_factory=list)
    # More of them after the first cycle, and after the last
    early: list[Tick] = field(default_factory=list)
    late: list[Tick] = field(default_factory=list)

    def run(self, guest: Guest) -> None:
        # One that lives once more begins anew
        self.cycles.clear()
        for ticks in (self.ticks, self.early, self.late):
            ticks.clear()
        for number in range(1, self.number + 1):
            # No order is the same as the one before
            self.cycles.append(Cycle(*guest.cycle(f"tick 0 {number}")))
            guest.wait_ticks(1)
            self.ticks += guest.ticks
            if number == 1:
                tick(guest, 2)
                self.early += guest.ticks
            if number % TELL == 0 or number == self.number:
                passed = self.ticks[-1].at - self.ticks[0].at
                self.tell(
                    f"{guest.name}: slept {number} times of {self.number}, "
                    f"{passed / number:.2f} s each"
                )
        tick(guest, TICKS)
        self.late += guest.ticks

    @property
    def drift(self) -> tuple[float, float]:
        """What CLOCK_BOOTTIME has gained over dom0's clock, at least and at most.

        From the first cycle on, which makes up for what the kernel's clock lost at
        boot, when it still counted ticks.  The guest looked at its clock after
        dom0's order to do so, and before dom0 heard of it.
        """
        ahead = [
            (
                max(tick.boottime - tick.at for tick in ticks),
                ticks[0].boottime - cycle.end,
            )
            for cycle, ticks in (
                (self.cycles[0], self.early),
                (self.cycles[-1], self.late),
            )
        ]
        (early_least, early_most), (late_least, late_most) = ahead
        return late_least - early_most, late_most - early_least


@dataclass(frozen=True)
class Tour(Scenario):
    """From host to host, on each of which Xen's clock is another."""

    hosts: tuple[Host, ...]

    def run(self, guest: Guest) -> None:
        for number, host in enumerate(self.hosts):
            guest.save(share=True)
            guest.move_to(host)
            # No order is the same as the one before
            tick(guest, TICKS + number % 2)


def fail(host: Host, command: str, said: str) -> None:
    """For no other reason than the one that was made up."""
    status, text = host.order(command)
    if not status or said not in text:
        raise OrderFailed(f"in dom0, '{command}' was to fail with '{said}':\n{text}")


@Steps
def failed_save(guest: Guest) -> None:
    """There is no room for it, as is found out when it is suspended already."""
    disk = "/run/small"
    guest.host.must(f"mkdir -p {disk} && mount -t tmpfs -o size=4m tmpfs {disk}")
    fail(guest.host, f"xl save {guest.name} {disk}/{guest.name}", "No space left")
    guest.host.must(f"umount {disk}")
    tick(guest, TICKS)


def idle(guest: Guest, usec: int) -> None:
    """Its readers look that often only; 0: all the time."""
    guest.phase(f"pause {usec}")
    guest.wait_state("pausing")


@Steps
def migrate(guest: Guest) -> None:
    """Live, so not too busy: as its pages are tracked each write takes TCG long."""
    idle(guest, 100_000)
    guest.migrate()
    idle(guest, 0)
    tick(guest, TICKS)


@dataclass(frozen=True)
class ThereAndBack(Scenario):
    """Live to another host, and back again: either is younger than the other."""

    host: Host

    def run(self, guest: Guest) -> None:
        cable = Cable(guest.host, self.host)
        cable.lay()
        idle(guest, 100_000)
        for number in range(2):
            guest.migrate_over(cable)
            # No order is the same as the one before
            tick(guest, TICKS + number)


@Steps
def failed_migration(guest: Guest) -> None:
    """The receiver dies when it has all of the guest, which goes on at the sender."""
    idle(guest, 100_000)
    receiver = "xl migrate-receive -e | head -n 1"
    fail(
        guest.host,
        f"xl migrate -s '' {guest.name} '{receiver}'",
        "resuming at sender",
    )
    guest.host.order(f"xl destroy {guest.name}--incoming")
    idle(guest, 0)
    tick(guest, TICKS)
