# SPDX-License-Identifier: GPL-2.0-only
"""What came of a case of the matrix: the series against the kernel as it was."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.checks.all import Findings
from lab.commands.matrix.table import Cell
from lab.commands.result import Result
from lab.guest.report import Report

# What a guest died of is a finding like any other
ALIVE = "alive"


@dataclass
class Side:
    """One of the two guests."""

    findings: Findings
    # Of one reading before all that happens, in ns
    cost: float = 0.0
    clocksource: str = ""
    log: str = ""
    # How often it lived again, as others were at fault
    again: int = 0
    # Of all the guests that took part
    reports: list[Report] = field(default_factory=list, repr=False)

    @property
    def faults(self) -> set[str]:
        """The checks that fail."""
        return {name for name, problems in self.findings.items() if problems}


@dataclass
class Outcome:
    cell: Cell
    result: Result
    seconds: float = 0.0
    # Why it is lost or was skipped
    reason: str = ""
    old: Side | None = None
    new: Side | None = None
    # What is wrong with the series, ready to print
    details: str = ""
    drawing: str = field(default="", repr=False)

    def __str__(self) -> str:
        words = f"{self.cell}: {self.result.value}"
        if self.old and self.new:
            words += f" ({self.seconds:.0f} s)"
            if self.old.faults:
                words += f", without the series: {', '.join(sorted(self.old.faults))}"
            if self.new.faults:
                words += f", with it: {', '.join(sorted(self.new.faults))}"
            words += f"; clock_gettime {self.old.cost / 1000:.1f} us"
            words += f", {self.new.cost / 1000:.1f} us"
            if self.old.again or self.new.again:
                words += f"; lived again {self.old.again}, {self.new.again} times"
        elif self.reason:
            words += f": {self.reason.splitlines()[0]}"
        return words


def compare(old: Side, new: Side) -> Result:
    """Compare the checks: worse as soon as one fails with the series alone.

    A wrong prediction by the kernel without the series counts against the one with it.
    """
    if ALIVE in new.faults & old.faults:
        return Result.LOST
    if new.faults - old.faults:
        return Result.WORSE
    if new.faults:
        return Result.UNFIXED
    return Result.FIXED if old.faults else Result.SAME
