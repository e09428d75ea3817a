# SPDX-License-Identifier: GPL-2.0-only
"""Measures what clocks cost on this machine's CPU, by the number of threads.

The kernel's own functions run in a program, one thread on each CPU, without Xen and
QEMU. What a hypervisor says about time is a stand-in for the TSC of this machine.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from lab.base.common import LAB, TOP, LabError, output, say, write_atomically
from lab.base.svg import Line, chart
from lab.commands.bench.source import build
from lab.config import Settings

PICTURE = LAB / "bench-native.svg"
CPUINFO = Path("/proc/cpuinfo")
# Shorter than a scheduler lets a thread run, so that all threads run in some of them
ROUND_US, ROUNDS = 1000, 60
# A round is full if the threads had their CPUs for this share of it, and as many are
# enough; on a busy machine that takes several tries
FULL, ENOUGH, TRIES = 0.9, 5, 8
# With less there is little contention
FEW_CPUS = 8
ROW = re.compile(r"([\w/]+) (\d+) (\d+) (\d+)")


@dataclass(frozen=True)
class Clock:
    """A function, and how it was set up; with a colour if it is drawn."""

    name: str
    colour: str = ""


# By their names in lab/payload/bench/bench.c
CLOCKS = {
    "rdtsc": Clock("RDTSC"),
    "rdtsc_ordered": Clock("RDTSC, ordered"),
    "native_sched_clock": Clock("native_sched_clock()", "#57606a"),
    "xen_sched_clock/tsc": Clock("xen_sched_clock(), TSC", "#1a7f37"),
    "xen_sched_clock/pvclock": Clock("xen_sched_clock(), demoted", "#8250df"),
    "xen_sched_clock_pvclock": Clock("xen_sched_clock_pvclock()", "#0969da"),
    "pvclock_clocksource_read/stable": Clock("pvclock_clocksource_read(), stable"),
    "pvclock_clocksource_read/unstable": Clock("pvclock_clocksource_read(), unstable"),
    "pvclock_clocksource_read_nowd/stable": Clock("pvclock_..._read_nowd(), stable"),
    "pvclock_clocksource_read_nowd/unstable": Clock(
        "pvclock_..._read_nowd(), unstable", "#cf222e"
    ),
    "kvm_sched_clock_read/stable": Clock("kvm_sched_clock_read(), stable", "#bf8700"),
    "kvm_sched_clock_read/unstable": Clock("kvm_sched_clock_read(), unstable"),
}


@dataclass(frozen=True)
class Cpu:
    """What /proc/cpuinfo says about the first one."""

    model: str
    flags: frozenset[str]

    @staticmethod
    def of(text: str) -> Cpu:
        fields = re.findall(r"^(.+?)\s*: ?(.*)$", text.partition("\n\n")[0], re.M)
        values = dict(fields)
        flags = frozenset(values.get("flags", "").split())
        return Cpu(values.get("model name", "an unknown CPU"), flags)

    @property
    def virtual(self) -> bool:
        return "hypervisor" in self.flags

    @property
    def ordered(self) -> str:
        """What Linux makes of rdtsc_ordered() on it."""
        return "rdtscp" if "rdtscp" in self.flags else "lfence; rdtsc"

    def check(self) -> None:
        if "constant_tsc" not in self.flags:
            raise LabError(
                f"the TSC of this CPU is not constant: {self.model}",
                hint="The clocks take it for one that is. /proc/cpuinfo has the flag "
                "constant_tsc\nif so: run this on another machine.",
            )


@dataclass(frozen=True)
class Cost:
    """Of a call, in ns; and whether all threads ran while it was measured."""

    ns: float
    full: bool


Rounds = dict[tuple[str, int], list[tuple[float, float]]]
Costs = dict[tuple[str, int], Cost]


def thread_counts(cpus: int) -> list[int]:
    """Up to all CPUs, with steps that become wider."""
    counts = {base << n for n in range(cpus.bit_length()) for base in (2, 3)}
    return sorted({1, cpus} | {count for count in counts if count < cpus})


def parse(text: str, counts: list[int], rounds: int) -> Rounds:
    """The CPU time of all threads in each round, in ns, and that of a call."""
    head, *lines = text.splitlines() or [""]
    if not re.fullmatch(r"tsc_khz [1-9]\d*", head):
        raise LabError(f"the program did not say the frequency of the TSC: {head!r}")
    found: Rounds = {(name, count): [] for count in counts for name in CLOCKS}
    for line in lines:
        row = ROW.fullmatch(line)
        if not row or (row[1], int(row[2])) not in found:
            raise LabError(f"the program said what it was not asked for: {line!r}")
        calls, ns = int(row[3]), int(row[4])
        if (calls == 0) != (ns == 0):
            raise LabError(f"there are no calls without time: {line!r}")
        found[row[1], int(row[2])].append((float(ns), ns / calls if calls else 0.0))
    for (name, count), seen in found.items():
        if len(seen) != rounds:
            what = f"{name} with {count} threads"
            raise LabError(f"{what} was measured {len(seen)} times, not {rounds}")
    return found


def cost_of(seen: list[tuple[float, float]], wanted: float) -> Cost | None:
    """The median of the rounds in which all ran, or of those with most CPU time."""
    ran = sorted((row for row in seen if row[1]), reverse=True)
    full = [ns for used, ns in ran if used >= wanted * FULL]
    chosen = full if len(full) >= ENOUGH else [ns for _, ns in ran[:ENOUGH]]
    return Cost(median(chosen), len(full) >= ENOUGH) if chosen else None


def run(
    program: Path, counts: list[int], us: int = ROUND_US, rounds: int = ROUNDS
) -> Costs:
    """Measure; where threads had to wait for their CPUs, again, but not for ever."""
    every: Rounds = {(name, count): [] for count in counts for name in CLOCKS}
    costs: Costs = {}
    left = counts
    for _ in range(TRIES):
        words = map(str, (us, rounds, *left))
        for key, seen in parse(output(str(program), *words), left, rounds).items():
            every[key] += seen
            cost = cost_of(every[key], key[1] * us * 1000)
            if cost:
                costs[key] = cost
        busy = {key[1] for key in every if key not in costs or not costs[key].full}
        left = [count for count in counts if count in busy]
        if not left:
            break
    missing = [name for name, count in every if (name, count) not in costs]
    if missing:
        raise LabError(f"the machine is too busy to measure {', '.join(missing)}")
    return costs


def table(costs: Costs, counts: list[int]) -> list[str]:
    """A row for each clock, a column for each number of threads."""
    head = "".join(f"{count:>9}" for count in counts)
    lines = ["ns per call, by the number of threads", f"  {'':38}{head}"]
    for name, clock in CLOCKS.items():
        cells = ""
        for count in counts:
            cost = costs[name, count]
            cells += f"{cost.ns:8.1f}" + (" " if cost.full else "*")
        lines.append(f"  {clock.name:38}{cells}".rstrip())
    return lines


def notes(cpu: Cpu, cpus: int, costs: Costs) -> list[str]:
    """What a reader has to know about the figures."""
    lines = []
    if not all(cost.full for cost in costs.values()):
        lines += ["* The machine was busy: the threads seldom ran at the same time."]
    if cpu.virtual or cpus < FEW_CPUS:
        why = "few CPUs" if cpus < FEW_CPUS else "virtual CPUs"
        why += ", which are virtual" if cpu.virtual and cpus < FEW_CPUS else ""
        lines += [f"This machine has {why}: it shows little contention."]
    return lines


def draw(costs: Costs, counts: list[int], title: str) -> str:
    lines = []
    for key, clock in CLOCKS.items():
        if clock.colour:
            points = [(float(count), costs[key, count].ns) for count in counts]
            lines.append(Line(clock.name, clock.colour, points))
    return chart(lines, title, "threads, one on each CPU", "ns per call")


def measure(settings: Settings) -> list[str]:
    """Build and run the program, draw what it found, and return that as a table."""
    cpu = Cpu.of(CPUINFO.read_text())
    cpu.check()
    cpus = len(os.sched_getaffinity(0))
    counts = thread_counts(cpus)
    program = build(settings.kernel, cpu.ordered)
    name = f"{cpu.model}, {cpus} {'virtual ' * cpu.virtual}CPU{'s' * (cpus > 1)}"
    say(f"bench: the clocks of Linux {settings.kernel} on {name}")
    costs = run(program, counts)
    title = f"A read of the clock on {name}"
    write_atomically(PICTURE, draw(costs, counts, title).encode())
    drawn = f"{PICTURE.relative_to(TOP)} is drawn"
    return ["", *table(costs, counts), "", *notes(cpu, cpus, costs), drawn]
