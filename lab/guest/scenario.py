# SPDX-License-Identifier: GPL-2.0-only
"""The life that every guest of the lab leads: boot, measure, save, restore, report."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable

from lab.base.common import say
from lab.base.kmsg import Tick
from lab.host.xen_tsc import Outside, shift_vtsc
from lab.host.host import Host
from lab.guest.report import Report, parse
from lab.guest.guest import Guest

# Of two seconds each
TICKS = 3
# So late can dom0 hear of a tick, when it is busy or has just swept up after another
# domain
HEARD_SECONDS = 1.2
NMIS = 10
# Of a TSC that is to jump, in ns
TSC_AGE = 400_000_000_000


@dataclass
class Life:
    """What is known of a guest when it is over."""

    guest: Guest
    report: Report
    outside: dict[str, Outside]
    seconds: float
    # Others were at fault in those before the last one
    lives: int = 1

    @property
    def ticks(self) -> list[float]:
        """How long the last ticks took, in seconds by dom0's clock."""
        return self._between([tick.at for tick in self.guest.ticks])

    @property
    def own_ticks(self) -> list[float]:
        """The same by the guest's CLOCK_MONOTONIC."""
        return self._between([tick.monotonic for tick in self.guest.ticks])

    @property
    def drift(self) -> float:
        """By how much dom0's clock moved further than the guest's during its last ticks."""
        return drift(self.guest.ticks, self.guest.rounds or [TICKS + 1])

    @staticmethod
    def _between(times: list[float]) -> list[float]:
        times = times[-TICKS - 1 :]
        return [two - one for one, two in zip(times, times[1:])]


class Scenario:
    """What happens to a guest between its measurements and its report."""

    def create(self, guest: Guest) -> None:
        guest.create()

    def run(self, guest: Guest) -> None:
        raise NotImplementedError

    @property
    def others(self) -> list[Life]:
        """The lives of the guests that took part besides this one."""
        return []


class Steps(Scenario):
    """A scenario that is a function of the guest; to be used as a decorator."""

    def __init__(self, steps: Callable[[Guest], None]) -> None:
        self._steps = steps

    def run(self, guest: Guest) -> None:
        self._steps(guest)


@Steps
def save_and_restore(guest: Guest) -> None:
    guest.save()
    guest.restore()


@Steps
def stay(_: Guest) -> None:
    """For a guest whose boot is what matters, or its time alone with its vCPU."""


@Steps
def checkpoint(guest: Guest) -> None:
    guest.checkpoint()
    tick(guest, TICKS)


@Steps
def hibernate(guest: Guest) -> None:
    """Into an image of itself, and out of that again."""
    guest.phase("hibernate")
    guest.wait_state("woken")
    tick(guest, TICKS)


def drift(ticks: list[Tick], rounds: list[int]) -> float:
    """By how many seconds dom0's clock moved further than the guest's.

    From the first to the last of the ticks that came in these rounds. With two rounds
    that one of the first two counts which dom0 heard of sooner, with more of as many
    as there are rounds, and so of the last two.
    """
    lags = [tick.at - tick.monotonic for tick in ticks[-sum(rounds) :]]
    near = len(rounds)
    return min(lags[-min(near, 2) :]) - min(lags[:near]) if lags else 0.0


def tick(guest: Guest, number: int) -> None:
    """Have it sleep two seconds so many times, from now on. Its readers rest meanwhile.

    When dom0 is busy it hears of ticks late, and the guest is asked for more: a difference
    between their clocks stays.
    """
    guest.rounds = []
    # No order is the same as the one before
    for more in ("", " more", "", " more"):
        seen = len(guest.ticks)
        guest.phase(f"rest {number}{more}")
        guest.wait_ticks(seen + number + 1)
        guest.rounds.append(number + 1)
        if abs(drift(guest.ticks, guest.rounds)) <= HEARD_SECONDS:
            return


@dataclass(frozen=True)
class Move(Scenario):
    """Saved here, restored there, which may be a slow machine: not too busy."""

    host: Host
    # How long its readers sleep between reads, in us
    pause: int = 2000
    # The hosts' clocks are alike, as NTP keeps them
    alike: bool = False

    def run(self, guest: Guest) -> None:
        guest.phase(f"pause {self.pause}")
        guest.wait_state("pausing")
        guest.save(share=True)
        if self.alike:
            now = int(guest.host.must("date +%s"))
            self.host.must(f"date -s @{now + 1}")
        guest.move_to(self.host)
        tick(guest, TICKS)


def create_aged(guest: Guest, *, restarts: bool = False) -> None:
    """With a TSC that is old enough to go back without a wrap."""
    guest.create(paused=True, restarts=restarts)
    shift_vtsc(guest.host, guest.domid, -TSC_AGE)
    guest.unpause()


@dataclass(frozen=True)
class Jump(Scenario):
    """The TSC jumps by so many ns while the guest is paused, which learns nothing of it."""

    ns: int
    pause: int = 0  # for so many seconds more
    idle: bool = False  # its readers read once in a while only
    crowd: int = 0  # so many busy tasks on each vCPU meanwhile

    def create(self, guest: Guest) -> None:
        create_aged(guest)

    def move(self, guest: Guest) -> None:
        """While it sleeps for the second time."""
        guest.wait_ticks(2)
        if self.idle:
            guest.pause()
        else:
            guest.pause_outside_kernel()
        if self.ns:
            shift_vtsc(guest.host, guest.domid, -self.ns)
        if self.pause:
            guest.host.must(f"sleep {self.pause}")
        guest.unpause()
        if self.ns < 0:
            guest.lost = guest.unpaused - guest.paused

    def run(self, guest: Guest) -> None:
        if self.idle:
            guest.phase("pause 100000")
            guest.wait_state("pausing")
        guest.phase("trace -")
        guest.wait_state("tracing")
        if self.crowd:
            guest.phase(f"crowd {self.crowd}")
            guest.wait_state("crowded")
        guest.phase("tick 3")
        self.move(guest)
        guest.wait_ticks(4)
        if self.crowd:
            guest.phase("disperse")
            guest.wait_state("dispersed")
        guest.phase("pause 0")
        guest.wait_state("pausing")
        # The jump itself is one thing, how time continues another
        guest.phase("mark")
        guest.wait_state("marked")
        tick(guest, TICKS)


@dataclass(frozen=True)
class Unstable(Scenario):
    """Something in the kernel marks the TSC unstable, and ticks later it jumps."""

    jump: Jump

    def create(self, guest: Guest) -> None:
        self.jump.create(guest)

    def run(self, guest: Guest) -> None:
        guest.phase("unstable")
        guest.wait_state("marked unstable")
        # No order is the same as the one before
        guest.phase(f"tick {TICKS - 1}")
        self.jump.move(guest)
        guest.wait_ticks(TICKS)
        tick(guest, TICKS)


@dataclass(frozen=True)
class Traced(Scenario):
    """ftrace records the kernel's log, by this clock ("-": the kernel's choice)."""

    clock: str
    scenario: Scenario

    def run(self, guest: Guest) -> None:
        guest.phase(f"trace {self.clock}")
        guest.wait_state("tracing")
        self.scenario.run(guest)


@dataclass(frozen=True)
class Watched(Scenario):
    """xen-clock watch runs meanwhile."""

    scenario: Scenario

    def run(self, guest: Guest) -> None:
        guest.phase("watch")
        guest.wait_state("watching")
        self.scenario.run(guest)


# Ticks, which take longer than the kernel keeps a sample to compare others with
COMPARED = 6
# And longer than it waits for the core to take the TSC, which is ten seconds
SETTLED = 6


@dataclass(frozen=True)
class Skew(Scenario):
    """The TSC of one vCPU moves by so many us, so many times; the others do not."""

    usec: int
    steps: int = 1
    vcpu: int = -1  # the last

    def run(self, guest: Guest) -> None:
        for _ in range(self.steps):
            guest.phase(f"tsc {self.vcpu % guest.vcpus} {self.usec}")
            guest.wait_state("moved")
            # Each vCPU has taken samples by then
            tick(guest, 1)
        tick(guest, COMPARED)
        # The move itself is one thing, how time continues another
        guest.phase("mark")
        guest.wait_state("marked")
        tick(guest, TICKS)


@dataclass(frozen=True)
class RestoreApart(Scenario):
    """Saved, and restored with the TSC of the last vCPU so many seconds ahead."""

    seconds: int

    def run(self, guest: Guest) -> None:
        khz = guest.outside().khz
        guest.save()
        guest.move_saved_tsc(guest.vcpus - 1, self.seconds * khz * 1000)
        guest.restore()
        tick(guest, COMPARED)


@Steps
def settle(guest: Guest) -> None:
    """For longer than the kernel waits for the core to take the TSC."""
    tick(guest, SETTLED)


@Steps
def interrupt(guest: Guest) -> None:
    """Clocks are read in every function of the kernel, and in NMIs."""
    guest.phase("functions")
    guest.wait_state("traced")
    for number in range(NMIS):
        guest.host.must(f"domctl nmi {guest.domid} {number % guest.vcpus}")
    tick(guest, 1)


@dataclass(frozen=True)
class Choose(Scenario):
    """The administrator chooses another clocksource."""

    clocksource: str

    def run(self, guest: Guest) -> None:
        guest.phase(f"clocksource {self.clocksource}")
        guest.wait_state("chosen")
        tick(guest, TICKS)


def measure(guest: Guest) -> None:
    """From now on its readers run."""
    guest.phase("measure")
    guest.wait_state("ready")


def finish(guest: Guest) -> tuple[Outside, Report]:
    """What Xen says of it, and what it says itself at its end."""
    guest.phase("finish")
    guest.wait_state("done")
    outside = guest.outside()
    text = guest.reported + guest.report()
    guest.host.run.path(f"{guest.name}.report").write_text(text)
    guest.shutdown()
    return outside, parse(text)


def live(
    guest: Guest,
    scenario: Scenario = save_and_restore,
    *,
    quiet: bool = False,
) -> Life:
    """One guest at a time: what it measures must not depend on a neighbour.

    It may spin first, for so many ms, with nothing else to do.
    """
    start = last = time.monotonic()

    def stage(text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if not quiet:
            say(f"lab: {guest.name}: {text} ({now - last:.1f} s)")
        last = now

    outside: dict[str, Outside] = {}
    try:
        scenario.create(guest)
        guest.wait_state("up")
        stage("booted")
        if guest.spec.spin:
            guest.phase(f"spin {guest.spec.spin}")
            guest.wait_state("spun")
        measure(guest)
        stage("measured, its readers run")
        if guest.spec.network:
            guest.connect()
        outside["before"] = guest.outside()
        scenario.run(guest)
        stage("saved and restored" if scenario is save_and_restore else "lived on")
        outside["after"], report = finish(guest)
        stage("reported")
    except Exception:
        if not guest.host.dead:
            guest.destroy()
        raise
    return Life(guest, report, outside, time.monotonic() - start)
