# SPDX-License-Identifier: GPL-2.0-only
"""Measures what a read of sched_clock costs, in the kernel itself.

In instructions on a host where only they take time, Xen's included; and in ns on
an ordinary one, which is emulated and busy: those are no measure of hardware.
"""

from __future__ import annotations

import re
from typing import Callable

from lab.guest.session import Session
from lab.base.common import say
from lab.config import COST, COUNTED, GuestSpec, Settings
from lab.base.kmsg import Record
from lab.images.kernel import build_probes, script

ON = f"{COST} xen_tsc_reliable=on"
TSC = GuestSpec("cost-tsc", "native", ON, probe=True)
PVCLOCK = GuestSpec("cost-pvclock", "native", COST, probe=True)
OLD = GuestSpec("cost-old", "native", COST, probe=True, patched=False)
EMULATED = GuestSpec("cost-emulated", "", COST, probe=True)
OLD_EMULATED = GuestSpec("cost-old-emulated", "", COST, probe=True, patched=False)
CASES = {
    OLD: "unpatched (pvclock), native TSC",
    PVCLOCK: "patched, pvclock, native TSC",
    TSC: "patched, TSC, native TSC",
    OLD_EMULATED: "unpatched (pvclock), emulated TSC",
    EMULATED: "patched, TSC, emulated TSC",
}
CLOCKS = ("sched_clock", "local_clock")
COSTS = re.compile(r"xen_probe_cost: (\w+): (-?\d+) cycles, (-?\d+) ns for (\d+) calls")


class Measured:
    """A guest that boots, measures and is off again."""

    def __init__(self, session: Session, case: GuestSpec) -> None:
        guest = session.guest(case)
        guest.create()
        guest.wait_state("up")
        guest.shutdown()
        found = [Record.of_console(line) for line in guest.log.lines]
        self.records = [record for record in found if record]
        self.cycles: dict[str, float] = {}
        self.ns: dict[str, float] = {}
        for record in self.records:
            cost = COSTS.search(record.text)
            if cost:
                clock, cycles, ns, calls = cost[1], *map(int, cost.groups()[1:])
                self.cycles[clock] = cycles / calls
                self.ns[clock] = ns / calls


def row(name: str, costs: dict[str, float]) -> str:
    """With a question mark where the machine was too busy to tell."""
    told = [f"{costs[clock]:.1f}" if costs[clock] > 0 else "?" for clock in CLOCKS]
    return f"  {name:36}" + "".join(f"{text:>15}" for text in told)


def measure(settings: Settings) -> list[str]:
    """Boot the guests, and return the two tables."""
    script("setup", "check")
    build_probes(settings.kernel)
    tell: Callable[[str], None] = lambda text: say(f"bench: {text}")
    head = f"  {'':36}" + "".join(f"{clock + '()':>15}" for clock in CLOCKS)
    lines = []
    for host, unit in ((COUNTED, "Instructions"), (settings.host, "ns, emulated")):
        lines += ["", f"{unit}, per call", head]
        with Session("bench", settings, tell, host) as session:
            for case, name in CASES.items():
                tell(f"{name}, on the host '{host.name}'")
                measured = Measured(session, case)
                costs = measured.cycles if host is COUNTED else measured.ns
                lines.append(row(name, costs))
    return lines
