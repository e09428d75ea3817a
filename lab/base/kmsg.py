# SPDX-License-Identifier: GPL-2.0-only
"""Lines of a kernel's log, from wherever they come."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

CONSOLE = re.compile(r"\[ *(\d+)\.(\d{6})\]\[ *(\w+)\] (.*)")
EVENT = re.compile(r"\[\d+\] \S+ +[\d.]+: (xen_\w+): (.*)")
TRACED = re.compile(r"\[(\d+)\] \S+ +(\d+)\.(\d{6}): console: (.*)")


class Tick(NamedTuple):
    """When a guest's tick came by dom0's clock, and what its own said; in seconds."""

    at: float
    monotonic: float
    boottime: float


@dataclass(frozen=True)
class Record:
    """One record of the kernel's log."""

    level: int
    sequence: int
    usec: int
    text: str
    caller: str = ""

    @staticmethod
    def of_console(line: str) -> Record | None:
        """From a line of a console, which has neither level nor sequence."""
        found = CONSOLE.match(line)
        if not found:
            return None
        seconds, usec, caller, text = found.groups()
        return Record(6, 0, int(seconds) * 1_000_000 + int(usec), text, caller)

    def __str__(self) -> str:
        return f"[{self.usec / 1e6:12.6f}] {self.text}"


@dataclass(frozen=True)
class Traced:
    """What ftrace recorded of the kernel's log, in microseconds of its clock."""

    vcpu: int
    usec: int
    text: str


@dataclass(frozen=True)
class Event:
    """What ftrace recorded of the clocks themselves."""

    name: str
    values: dict[str, str]

    @staticmethod
    def of_trace(line: str) -> Event | None:
        found = EVENT.search(line)
        if not found:
            return None
        return Event(found[1], dict(word.split("=", 1) for word in found[2].split()))
