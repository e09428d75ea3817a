# SPDX-License-Identifier: GPL-2.0-only
"""The life that every guest of the lab leads: boot, measure, save, restore, report."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable

from lab.common import say
from lab.qemu import OrderFailed
from lab.vtsc import shift_vtsc
from lab.witness import Report, parse
from lab.xen import Guest, GuestDied, Outside


@dataclass
class Life:
    """What is known of a guest when it is over."""

    guest: Guest
    report: Report
    outside: dict[str, Outside]
    seconds: float


Event = Callable[[Guest], None]


def save_and_restore(guest: Guest) -> None:
    guest.save()
    guest.restore()


def nothing(guest: Guest) -> None:
    """A life without an event."""


def ticks_after(guest: Guest, number: int) -> None:
    """Have it tick so many times, from now on."""
    seen = len(guest.ticks)
    guest.phase(f"tick {number}")
    guest.wait_ticks(seen + number + 1)


@dataclass(frozen=True)
class Jump:
    """The TSC moves while the guest is paused, and nobody tells it."""

    ns: int

    def __call__(self, guest: Guest) -> None:
        guest.phase("tick 8")
        guest.wait_ticks(2)
        guest.pause()
        if self.ns:
            shift_vtsc(guest.machine, guest.domid, -self.ns)
        guest.unpause()
        guest.wait_ticks(9)


def live(guest: Guest, event: Event = save_and_restore, *, quiet: bool = False) -> Life:
    """One guest at a time: what it measures must not depend on a neighbour."""
    start = last = time.monotonic()

    def stage(text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if not quiet:
            say(f"lab: {guest.name}: {text} ({now - last:.1f} s)")
        last = now

    outside: dict[str, Outside] = {}
    try:
        guest.create()
        guest.wait_state("up")
        stage("booted")
        guest.phase("measure")
        guest.wait_state("ready")
        stage("measured, its readers run")
        outside["before"] = guest.outside()
        event(guest)
        stage("saved and restored" if event is save_and_restore else "lived on")
        guest.phase("finish")
        guest.wait_state("done")
        outside["after"] = guest.outside()
        text = guest.report()
        guest.machine.run.path(f"{guest.name}.report").write_text(text)
        guest.shutdown()
        stage("reported")
    except (GuestDied, OrderFailed):
        guest.destroy()
        raise
    return Life(guest, parse(text), outside, time.monotonic() - start)
