# SPDX-License-Identifier: GPL-2.0-only
"""What else happens to guests: vCPUs that come and go, reboots, neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.guest.scenario import TICKS, Life, Scenario, Steps, finish, measure
from lab.guest.scenario import save_and_restore, tick
from lab.host.xen_tsc import Outside
from lab.guest.suspend import idle
from lab.guest.guest import Guest

# Sleepers wake up as much later: so less than what is late, or taken for a lockup
PAUSE_SECONDS = 1


def set_vcpus(guest: Guest, number: int) -> None:
    """It is told before, and then left alone until it is done.

    Linux drops an event that finds its vCPU on the way down ("Dropping pending event
    for port 1"), and without that of xenstore the guest would wait for ever.

    The machine of PVH guests has fewer CPUs than they have.
    """
    guest.phase(f"online {number}")
    guest.wait_state("plugging")
    guest.host.must(f"xl vcpu-set --ignore-host {guest.domid} {number}")
    guest.wait_state(f"online {number}")


@Steps
def replug(guest: Guest) -> None:
    """It sleeps with one vCPU, and has the others back when it is awake.

    Not too busy, or the scheduler of Linux 6.12 warns of its deadline servers, which
    it does not stop in time (task_non_contending(), inactive_task_timer()).
    """
    idle(guest, 100_000)
    set_vcpus(guest, 1)
    save_and_restore.run(guest)
    set_vcpus(guest, guest.vcpus)
    idle(guest, 0)
    tick(guest, TICKS)


class Reboot(Scenario):
    """Restored, and then rebooted: it begins anew, and sleeps once more."""

    def create(self, guest: Guest) -> None:
        guest.create(restarts=True)

    def run(self, guest: Guest) -> None:
        guest.phase("reboot")
        guest.wait_other()
        guest.wait_state("up")
        measure(guest)
        save_and_restore.run(guest)
        tick(guest, TICKS)


def together(guests: list[Guest], commands: list[str]) -> None:
    """In dom0, all of them at once; the first that fails is the one that is told."""
    started = [f"{{ {line}; }} & p{n}=$!" for n, line in enumerate(commands)]
    waits = [f"wait $p{number}" for number in range(len(commands))]
    guests[0].host.must(f"{'; '.join(started)}; {' && '.join(waits)}")


@Steps
def save(guest: Guest) -> None:
    save_and_restore.run(guest)
    tick(guest, TICKS)


@Steps
def pause(guest: Guest) -> None:
    """Nobody tells it."""
    guest.pause()
    guest.host.must(f"sleep {PAUSE_SECONDS}")
    guest.unpause()
    tick(guest, TICKS)


@dataclass
class Crowd(Scenario):
    """The guest and its neighbours sleep and wake at the same time."""

    neighbours: list[Guest]
    lives: list[Life] = field(default_factory=list)

    @property
    def others(self) -> list[Life]:
        return self.lives

    def run(self, guest: Guest) -> None:
        try:
            self._sleep([guest, *self.neighbours])
        finally:
            if not guest.host.dead:
                for neighbour in self.neighbours:
                    neighbour.destroy()

    def _sleep(self, guests: list[Guest]) -> None:
        before: list[Outside] = []
        self.lives.clear()
        # They share two CPUs, with dom0
        idle(guests[0], 100_000)
        for neighbour in self.neighbours:
            neighbour.create()
            neighbour.wait_state("up")
            measure(neighbour)
            idle(neighbour, 100_000)
            before.append(neighbour.outside())
        together(guests, [one.save_command for one in guests])
        together(guests, [one.restore_command for one in guests])
        # The first tick of each finds the others still waking up: it does not count
        for one in guests:
            one.find()
            one.phase(f"tick {TICKS + 1}")
        for one in guests:
            one.wait_ticks(TICKS + 2)
        for neighbour, was in zip(self.neighbours, before):
            after, report = finish(neighbour)
            outside = {"before": was, "after": after}
            self.lives.append(Life(neighbour, report, outside, 0.0))
