# SPDX-License-Identifier: GPL-2.0-only
"""Reads the report of the witness, the program that runs in a guest."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lab.common import LabError
from lab.measures import Account, Connection, Periodic, Sleeper, Steps, TimeLeaf
from lab.records import TRACED, Event, Record, Traced

CLOCKS = ("monotonic", "raw", "boottime")
ACCOUNTS = ("stolen", "total")
VERDICT = re.compile(
    r"xen: TSC (?P<verdict>reliable|unverified|unstable): (?P<reason>.*) "
    r"\(row (?P<row>\d+), mode (?P<mode>\w+), (?P<delivery>emulated|native), "
    r"(?P<khz>\d+) kHz, incarnation (?P<incarnation>\d+), Xen (?P<xen>[\d.]+), "
    r"request (?P<request>auto|on|off)\)"
)
GIVEN_UP = re.compile(r"xen: TSC given up: (?P<reason>.*) \((?P<facts>.*)\)")
KEPT = re.compile(r"xen: TSC kept: (?P<reason>.*) \((?P<facts>.*)\)")
SCHED_CLOCK = re.compile(r"xen: scheduler clock: (TSC|pvclock)")
TROUBLE = re.compile(
    r"\bWARNING: |\bBUG: |\bOops\b|soft lockup|hard LOCKUP|18446744\d{3}"
    r"|rcu: INFO: .* stall|blocked for more than|INFO: (lockdep|trying to register)"
)
# The last that the kernel says before the suspend
SUSPENDING = "suspending xenstore"
# PV vCPUs of Linux 6.1 say so before their first tick: until then their clocks stand
BEFORE_TICK = "APIC id mismatch"
PARAMETER = "xen_tsc_reliable"
# The kernel repeats its command line: that is no remark about a parameter
COMMAND_LINE = re.compile(r"^(Kernel c|C|Unknown kernel c)ommand line")


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
            raise LabError(f"the witness's report has no '{key}'")
        return self.values[key]

    def words(self, program: str) -> str:
        """What a program of the project said in the guest."""
        if program not in self.said:
            raise LabError(f"the witness's report has nothing of {program}")
        return self.said[program]

    def cost(self, what: str) -> float:
        return float(self.fact(f"cost.{what}"))

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
        """The biggest step back, on one vCPU or from one to another."""
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

    @property
    def verdicts(self) -> list[re.Match[str]]:
        found = (VERDICT.search(record.text) for record in self.kmsg)
        return [match for match in found if match]

    @property
    def rates_agree(self) -> bool:
        """Whether the pvclock's rate was within 500 ppm of the time leaf's.

        The verdict's line has the one or the other; without the series the CPU's
        rate is the pvclock's.  An emulated TSC has one rate, whatever is printed.
        A native one is calibrated by Xen once a second, which on a busy machine
        under TCG can be further off.
        """
        if self.time_leaf("before").emulated:
            return True
        leaf = self.time_leaf("before").khz
        named = [int(verdict["khz"]) for verdict in self.verdicts]
        if not named and "before.cpu_mhz" in self.values:
            named = [round(float(self.fact("before.cpu_mhz")) * 1000)]
        return all(abs(khz - leaf) * 1_000_000 <= khz * 500 for khz in named)

    @property
    def sched_clock(self) -> str | None:
        """What the kernel named last."""
        found = [SCHED_CLOCK.search(record.text) for record in self.kmsg]
        named = [match[1] for match in found if match]
        return named[-1] if named else None

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
        """The biggest step back between neighbours, in us, and where it is."""
        return step_back(self.kmsg)

    @property
    def printk_back_of_caller(self) -> tuple[int, str]:
        """The same, among the records of one task or CPU."""
        callers = {record.caller for record in self.kmsg}
        return max(
            step_back([record for record in self.kmsg if record.caller == caller])
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
        return self.stamp("^Run /init as init process")

    @property
    def calibrated(self) -> float:
        return self.stamp("^tsc: Detected .* processor")


def step_back(records: list[Record]) -> tuple[int, str]:
    worst, where = 0, ""
    records = [record for record in records if BEFORE_TICK not in record.text]
    for one, two in zip(records, records[1:]):
        if one.usec - two.usec > worst:
            worst, where = one.usec - two.usec, f"{one}\n{two}"
    return worst, where


def parse(text: str) -> Report:
    report = Report()
    for line in text.splitlines():
        if not line:
            continue
        key, _, value = line.partition(" ")
        if key == "trace":
            found = TRACED.search(value)
            if found:
                vcpu, seconds, usec, message = found.groups()
                stamp = int(seconds) * 1_000_000 + int(usec)
                report.trace.append(Traced(int(vcpu), stamp, message))
            event = Event.of_trace(value)
            if event:
                report.events.append(event)
            continue
        if key.startswith("said."):
            name, end = key.removeprefix("said."), "\n"
            if name.endswith("+"):
                name, end = name[:-1], ""
            report.said[name] = report.said.get(name, "") + value + end
            continue
        if key != "kmsg":
            report.values[key] = value.strip()
            continue
        head, _, message = value.partition(";")
        fields = head.split(",")
        if len(fields) < 4 or not all(field.isdigit() for field in fields[:3]):
            raise LabError(f"the witness's report has a broken line: {line}")
        level, sequence, usec = (int(number) for number in fields[:3])
        named = [field for field in fields[4:] if field.startswith("caller=")]
        caller = named[0].removeprefix("caller=") if named else ""
        report.kmsg.append(Record(level & 7, sequence, usec, message, caller))
    if not report.kmsg or not report.vcpus:
        raise LabError("the witness's report is not complete")
    return report
