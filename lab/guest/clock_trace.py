# SPDX-License-Identifier: GPL-2.0-only
"""Follows a guest's clock over something that happens to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.guest.scenario import Scenario, tick
from lab.guest.guest import Guest

# Ticks, of two seconds each
BEFORE = 4


@dataclass
class Course(Scenario):
    """What the guest's clock has counted, and dom0's, in seconds from the event on."""

    scenario: Scenario
    # Ticks after it, besides those that are part of it
    more: int = 0
    points: list[tuple[float, float]] = field(default_factory=list)

    def run(self, guest: Guest) -> None:
        # QEMU may have killed the guest once already
        self.points.clear()
        tick(guest, BEFORE)
        here = guest.ticks
        self.scenario.run(guest)
        if self.more:
            tick(guest, self.more)
        there = guest.ticks
        for ticks, start in ((here, here[-1]), (there, there[0])):
            self.points += [
                (one.at - start.at, one.monotonic - start.monotonic) for one in ticks
            ]
