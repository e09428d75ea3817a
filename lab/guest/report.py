# SPDX-License-Identifier: GPL-2.0-only
"""Reads the report of the agent, the program that runs in a guest."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from lab.base.common import LabError
from lab.base.kmsg import TRACED, Event, Record, Traced

READINGS = 100
CLOCKS = ("monotonic", "raw", "boottime")
ACCOUNTS = ("stolen", "interrupt", "total")
# The kernel's one line about its TSC: at boot, after a resume, and at a demotion
TSC_LINE = re.compile(
    r"xen: TSC (?P<when>still |marked |)(?P<verdict>reliable|unverified|unstable): "
    r"(?P<reason>.*) "
    r"\(rule (?P<rule>[\w-]+), mode (?P<mode>\w+), (?P<delivery>emulated|native), "
    r"(?P<khz>\d+) kHz, incarnation (?P<incarnation>\d+), Xen (?P<xen>[\d.]+)\)"
)
BOOT, STILL, MARKED = "", "still ", "marked "
USING_TSC = "xen: sched_clock: using the TSC"
TROUBLE = re.compile(
    r"\bWARNING: |\bBUG: |\bOops\b|soft lockup|hard LOCKUP|18446744\d{3}"
    r"|rcu: INFO: .* stall|blocked for more than|INFO: (lockdep|trying to register)"
)
# The last that the kernel says before the suspend
SUSPENDING = "suspending xenstore"
# PV vCPUs of Linux 6.1 print this before their first tick: until then their clocks
# stand still
BEFORE_TICK = "APIC id mismatch"
PARAMETER = "xen_tsc_reliable"
# The kernel prints its command line: that is no warning about a parameter
COMMAND_LINE = re.compile(r"^(Kernel c|C|Unknown kernel c)ommand line")


@dataclass(frozen=True)
class Steps:
    """What one reader saw of one clock, in nanoseconds."""

    back: int
    back_cross: int
    jump: int
    before: int
    after: int


@dataclass(frozen=True)
class Sleeper:
    """How a vCPU's timers fired; late is the biggest, in nanoseconds."""

    wakes: int
    early: int
    late: int


@dataclass(frozen=True)
class Periodic:
    """How often a periodic timer expired, and by how many too many or too few."""

    expired: int
    surplus: int
    missing: int


@dataclass(frozen=True)
class Account:
    """What the kernel counted of a vCPU's time, in nanoseconds."""

    back: int
    ahead: int  # of the time that had passed


@dataclass(frozen=True)
class TimeLeaf:
    flags: int
    mode: int
    khz: int
    incarnation: int

    @property
    def emulated(self) -> bool:
        return bool(self.flags & 1)

    @property
    def host_reliable(self) -> bool:
        return bool(self.flags & 2)


@dataclass(frozen=True)
class Connection:
    """Round trips: all of them, the last, and the longest, in nanoseconds."""

    trips: int
    last: int
    longest: int


class TscLine(NamedTuple):
    """A record of the kernel's log, and the facts about the TSC in it."""

    record: Record
    facts: re.Match[str]


@dataclass
class Report:
    values: dict[str, str] = field(default_factory=dict)
    kmsg: list[Record] = field(default_factory=list)
    trace: list[Traced] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    # What programs said: NAME.before and NAME.after
    said: dict[str, str] = field(default_factory=dict)

    def fact(self, key: str) -> str:
        if key not in self.values:
            raise LabError(f"the agent's report has no '{key}'")
        return self.values[key]

    def words(self, program: str) -> str:
        """What a program of the project said in the guest."""
        if program not in self.said:
            raise LabError(f"the agent's report has nothing of {program}")
        return self.said[program]

    def cost(self, what: str) -> float:
        return float(self.fact(f"cost.{what}"))

    @property
    def entries(self) -> int:
        """How many of READINGS of the clock in the vDSO entered the kernel."""
        return int(self.fact("entries.vdso"))

    def time_leaf(self, when: str) -> TimeLeaf:
        return TimeLeaf(*(int(n, 0) for n in self.fact(f"{when}.time_leaf").split()))

    @property
    def xen_version(self) -> str:
        major, minor = self.fact("before.xen_major"), self.fact("before.xen_minor")
        return f"{major}.{minor}{self.fact('before.xen_extra')}"

    # The readers

    @property
    def vcpus(self) -> list[int]:
        found = (re.fullmatch(r"reader\.(\d+)\.reads", key) for key in self.values)
        return sorted(int(match[1]) for match in found if match)

    def steps(self, clock: str) -> dict[int, Steps]:
        return {
            vcpu: Steps(*map(int, self.fact(f"reader.{vcpu}.{clock}").split()))
            for vcpu in self.vcpus
        }

    def worst_back(self, clock: str) -> int:
        """By how much the clock went backwards at most, on one vCPU or across two."""
        return max(max(s.back, s.back_cross) for s in self.steps(clock).values())

    @property
    def downtime(self) -> int:
        """How long the suspend took (ns): CLOCK_BOOTTIME counts it, and alone."""
        passed = {
            clock: min(s.after - s.before for s in self.steps(clock).values())
            for clock in CLOCKS
        }
        return passed["boottime"] - passed["monotonic"]

    # The sleepers

    @property
    def sleepers(self) -> dict[int, Sleeper]:
        return {
            vcpu: Sleeper(*map(int, self.fact(f"sleeper.{vcpu}").split()))
            for vcpu in self.vcpus
        }

    @property
    def periodic(self) -> Periodic:
        return Periodic(*map(int, self.fact("periodic").split()))

    @property
    def connection(self) -> Connection:
        """Of those guests that have one."""
        return Connection(*map(int, self.fact("connection").split()))

    def accounts(self, name: str) -> dict[int, Account]:
        return {
            vcpu: Account(*map(int, self.fact(f"account.{vcpu}.{name}").split()))
            for vcpu in self.vcpus
        }

    # The kernel's log

    def grep(self, pattern: str) -> list[Record]:
        return [record for record in self.kmsg if re.search(pattern, record.text)]

    def tsc_lines(self, when: str) -> list[TscLine]:
        """The kernel's lines about its TSC: BOOT, STILL or MARKED."""
        found = ((record, TSC_LINE.search(record.text)) for record in self.kmsg)
        return [
            TscLine(record, facts)
            for record, facts in found
            if facts and facts["when"] == when
        ]

    @property
    def verdicts(self) -> list[re.Match[str]]:
        """What the kernel decided at boot."""
        return [line.facts for line in self.tsc_lines(BOOT)]

    @property
    def demotions(self) -> list[TscLine]:
        """The lines that say why the TSC was demoted."""
        return self.tsc_lines(MARKED)

    @property
    def clocksource(self) -> str:
        """The clocksource, and what it became."""
        before, after = self.fact("before.clocksource"), self.fact("after.clocksource")
        return before if before == after else f"{before}, then {after}"

    @property
    def sched_clock(self) -> str:
        """The source of sched_clock at the end, by the kernel's log."""
        used = self.grep(USING_TSC) and not self.demotions
        return "TSC" if used else "pvclock"

    @property
    def earlier(self) -> dict[str, dict[int, Steps]]:
        """What the readers saw before the mark, if there was one."""
        return {
            clock: {
                vcpu: Steps(*map(int, self.fact(f"earlier.{vcpu}.{clock}").split()))
                for vcpu in self.vcpus
            }
            for clock in CLOCKS
        }

    @property
    def trouble(self) -> list[Record]:
        return self.grep(TROUBLE.pattern)

    @property
    def parameter_warnings(self) -> list[Record]:
        return [
            record
            for record in self.grep(PARAMETER)
            if record.level <= 4 and not COMMAND_LINE.search(record.text)
        ]

    @property
    def printk_back(self) -> tuple[int, str]:
        """By how much a record's stamp is before its neighbour's at most (us), and where."""
        return backwards(self.kmsg)

    @property
    def printk_back_of_caller(self) -> tuple[int, str]:
        """The same among the records of one task or CPU."""
        callers = {record.caller for record in self.kmsg}
        return max(
            backwards([record for record in self.kmsg if record.caller == caller])
            for caller in callers
        )

    @property
    def lost_records(self) -> bool:
        return [r.sequence for r in self.kmsg] != list(range(len(self.kmsg)))

    @property
    def over_suspends(self) -> list[tuple[Record, Record]]:
        """The last record before each suspend and the first after it."""
        return [
            (one, two)
            for one, two in zip(self.kmsg, self.kmsg[1:])
            if one.text.startswith(SUSPENDING)
        ]

    @property
    def over_suspend(self) -> tuple[Record, Record] | None:
        """The same for the last suspend."""
        return self.over_suspends[-1] if self.over_suspends else None

    def stamp(self, pattern: str) -> float:
        """Seconds from the first record to the first that matches."""
        found = self.grep(pattern)
        if not found:
            raise LabError(f"the guest's log has no line like '{pattern}'")
        return (found[0].usec - self.kmsg[0].usec) / 1e6

    @property
    def run_init(self) -> float:
        return self.stamp("^Run /(sbin/)?init as init process")

    @property
    def calibrated(self) -> float:
        return self.stamp("^tsc: Detected .* processor")


def backwards(records: list[Record]) -> tuple[int, str]:
    worst, where = 0, ""
    records = [record for record in records if BEFORE_TICK not in record.text]
    for one, two in zip(records, records[1:]):
        if one.usec - two.usec > worst:
            worst, where = one.usec - two.usec, f"{one}\n{two}"
    return worst, where


@dataclass
class Wire:
    """What an agent sent: lines of "key value", of which some keys come again."""

    values: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    kmsg: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)


def read_wire(text: str) -> Wire:
    """Sort the lines; "said.NAME+" is a part of a line that was too long."""
    wire = Wire()
    for line in filter(None, text.splitlines()):
        key, _, value = line.partition(" ")
        if key == "trace":
            wire.trace.append(value)
        elif key == "kmsg":
            wire.kmsg.append(value)
        elif key.startswith("said."):
            name = key.removeprefix("said.").removesuffix("+")
            end = "" if key.endswith("+") else "\n"
            wire.said[name] = wire.said.get(name, "") + value + end
        else:
            wire.values[key] = value.strip()
    return wire


def traced_of(line: str) -> Traced | None:
    found = TRACED.search(line)
    if not found:
        return None
    vcpu, seconds, usec, message = found.groups()
    return Traced(int(vcpu), int(seconds) * 1_000_000 + int(usec), message)


def record_of(line: str) -> Record:
    """Read a record as /dev/kmsg has it."""
    head, _, message = line.partition(";")
    fields = head.split(",")
    if len(fields) < 4 or not all(field.isdigit() for field in fields[:3]):
        raise LabError(f"the agent's report has a broken line: kmsg {line}")
    level, sequence, usec = (int(number) for number in fields[:3])
    named = [field for field in fields[4:] if field.startswith("caller=")]
    caller = named[0].removeprefix("caller=") if named else ""
    return Record(level & 7, sequence, usec, message, caller)


def parse(text: str) -> Report:
    wire = read_wire(text)
    report = Report(
        wire.values,
        [record_of(line) for line in wire.kmsg],
        [traced for traced in map(traced_of, wire.trace) if traced],
        [event for event in map(Event.of_trace, wire.trace) if event],
        wire.said,
    )
    if not report.kmsg or not report.vcpus:
        raise LabError("the agent's report is not complete")
    return report
