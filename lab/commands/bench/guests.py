# SPDX-License-Identifier: GPL-2.0-only
"""Measures what clocks cost: sched_clock, clock_gettime() and a timer interrupt.

In instructions on a host where only they take time, Xen's included; and in ns on
an ordinary one, which is emulated and busy: those are no measure of hardware.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Callable

from lab.guest.session import Session
from lab.host.errors import RunError
from lab.base.common import say
from lab.config import COST, COUNTED, GuestSpec, Settings
from lab.base.kmsg import Record
from lab.images.kernel import build_probes, script

ON = f"{COST} xen_tsc_reliable=on"
TSC = GuestSpec("cost-tsc", "native", ON, probe=True, vcpus=1)
PVCLOCK = replace(TSC, name="cost-pvclock", cmdline=COST)
OLD = replace(PVCLOCK, name="cost-old", patched=False)
EMULATED = replace(PVCLOCK, name="cost-emulated", tsc_mode="")
OLD_EMULATED = replace(EMULATED, name="cost-old-emulated", patched=False)
CASES = {
    OLD: "unpatched (pvclock), native TSC",
    PVCLOCK: "patched, pvclock, native TSC",
    TSC: "patched, TSC, native TSC",
    OLD_EMULATED: "unpatched (pvclock), emulated TSC",
    EMULATED: "patched, TSC, emulated TSC",
}
KINDS = {"pv": "PV", "pvh": "PVH"}
# What is measured: two functions of the kernel, a system call or what the vDSO has
# instead, and a timer interrupt with its tick
READS = ("sched_clock", "local_clock")
COLUMNS = (*READS, "clock_gettime", "tick")
LIBC = re.compile(r"agent: clock_gettime: ([\d.]+) ns")
COSTS = re.compile(r"xen_probe_cost: (\w+): (-?\d+) cycles, (-?\d+) ns for (\d+) calls")


class Measured:
    """A guest that boots, measures and is off again."""

    def __init__(self, session: Session, case: GuestSpec) -> None:
        guest = session.guest(case)
        guest.create()
        guest.wait_state("up")
        guest.phase("cost")
        guest.wait_state("counted")
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
            if by_libc := LIBC.search(record.text):
                # A nanosecond is an instruction where those are counted
                self.cycles["clock_gettime"] = float(by_libc[1])
                self.ns["clock_gettime"] = float(by_libc[1])


def row(name: str, costs: dict[str, float]) -> str:
    """With a question mark where the machine was too busy to tell, or QEMU failed."""
    found = [costs.get(what, 0.0) for what in COLUMNS]
    told = [f"{cost:.1f}" if cost > 0 else "?" for cost in found]
    return f"  {name:40}" + "".join(f"{text:>16}" for text in told)


def measure(settings: Settings) -> list[str]:
    """Boot the guests, and return the two tables."""
    script("setup", "check")
    build_probes(settings.kernel)
    tell: Callable[[str], None] = lambda text: say(f"bench: {text}")
    heads = [f"{name}()" for name in COLUMNS[:-1]] + ["tick"]
    head = f"  {'':40}" + "".join(f"{name:>16}" for name in heads)
    lines = []
    for host, unit in ((COUNTED, "Instructions"), (settings.host, "ns, emulated")):
        lines += ["", f"{unit}, per call", head]
        with Session("bench", settings, tell, host) as session:
            for kind in KINDS:
                for case, name in CASES.items():
                    name = f"{KINDS[kind]}, {name}"
                    tell(f"{name}, on the host '{host.name}'")
                    spec = replace(case, name=f"{kind}-{case.name}", kind=kind)
                    try:
                        measured = Measured(session, spec)
                    except RunError as error:
                        tell(str(error).splitlines()[0])
                        lines.append(row(name, {}))
                        continue
                    costs = measured.cycles if host is COUNTED else measured.ns
                    lines.append(row(name, costs))
    return lines
