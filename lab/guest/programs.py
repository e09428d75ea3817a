# SPDX-License-Identifier: GPL-2.0-only
"""Debian's programs in a guest, which work while something happens to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.guest.batch import Said, parse
from lab.guest.guest import Guest
from lab.guest.scenario import TICKS, Scenario, create_aged, measure, tick

# The agent's readers leave the CPUs to them
PAUSE_USEC = 50_000


@dataclass
class Programs(Scenario):
    """They begin before the scenario, work on after it, and then say what they saw."""

    scenario: Scenario
    # By what they were told to do
    said: dict[str, str] = field(default_factory=dict)

    def create(self, guest: Guest) -> None:
        self.said.clear()
        self.scenario.create(guest)

    def run(self, guest: Guest) -> None:
        self.begin(guest)
        self.scenario.run(guest)
        self.tell(guest, "more")
        self.tell(guest, "end")

    def begin(self, guest: Guest) -> None:
        self.pause_readers(guest)
        self.tell(guest, "begin")

    @staticmethod
    def pause_readers(guest: Guest) -> None:
        guest.phase(f"pause {PAUSE_USEC}")
        guest.wait_state("pausing")

    def tell(self, guest: Guest, order: str) -> None:
        name = f"programs-{order}"
        guest.phase(f"run 1 {name}")
        guest.wait_state(f"ran 1 {name}")
        text = guest.report()
        said: Said = parse(text)[name]
        guest.host.run.path(f"{guest.name}-{order}.txt").write_text(said.text)
        self.said[order] = said.text
        # The first one has what was measured before it
        guest.reported = guest.reported or text


@dataclass
class Alerted(Programs):
    """Prometheus raises an alert after a jump; then the guest is rebooted."""

    def create(self, guest: Guest) -> None:
        self.said.clear()
        create_aged(guest, restarts=True)

    def run(self, guest: Guest) -> None:
        self.begin(guest)
        self.scenario.run(guest)
        self.tell(guest, "alert")
        guest.phase("reboot")
        guest.wait_other()
        guest.wait_state("up")
        measure(guest)
        self.pause_readers(guest)
        self.tell(guest, "calm")
        tick(guest, TICKS)
