# SPDX-License-Identifier: GPL-2.0-only
"""Is the PTP clock of the host what it has to be?"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from lab.guest.phc import DRIFT, SECOND, Reading
from lab.guest.report import Report

NAME = "Xen wall clock"
READER = re.compile(r"phc\.\d+")
# A thread that lost its vCPU between two reads sees them so far apart, in seconds
NEAR = 2.0


@dataclass(frozen=True)
class Reader:
    """What the thread of a vCPU saw; a step is when the clock moves, in ns."""

    reads: int
    backwards: int
    steps: int
    smallest: int
    biggest: int


def readers_of(report: Report) -> list[Reader]:
    found = [value for key, value in report.values.items() if READER.fullmatch(key)]
    return [Reader(*map(int, value.split())) for value in found]


def check_readers(
    report: Report, steps: range, seconds: float, least: int
) -> list[str]:
    """They have seen so many steps, all of that size, and read so often together.

    A read whose halves do not belong together would be two steps more.
    """
    problems = []
    readers = readers_of(report)
    for number, reader in enumerate(readers):
        sizes = [reader.smallest, reader.biggest] if reader.steps else []
        far = [size for size in sizes if abs(size / SECOND - seconds) > NEAR]
        if reader.steps not in steps or reader.backwards or far:
            problems.append(f"phc reader {number}: {reader}")
    if report.fact("phc.name") != NAME:
        problems.append(f"the PTP clock is called {report.fact('phc.name')}")
    if (reads := sum(reader.reads for reader in readers)) < least:
        problems.append(f"the PTP clock was read {reads} times, expected {least}")
    return problems


def check_testptp(report: Report) -> list[str]:
    """The kernel's own test of PTP clocks can read it, in two ways."""
    problems = [
        f"testptp fails: status {status}"
        for name in ("can", "offset")
        if (status := report.fact(f"status.testptp-{name}.after")) != "0"
    ]
    if "1 cross timestamping" not in report.words("testptp-can.after"):
        problems.append("testptp finds no cross timestamping")
    return problems


def check_offsets(report: Report, readings: list[Reading]) -> list[str]:
    """What xen-clock said after each of them, beside what was read."""
    problems = []
    for number, reading in enumerate(readings, 1):
        said = json.loads(report.words(f"xen-clock.phc-{number}"))["host_clock"]
        offset, error = said["offset_ns"], said["error_ns"]
        if offset is None or abs(offset + reading.ahead) > DRIFT + error:
            problems.append(
                f"{reading.when}: xen-clock says {said}, and the clock of the host "
                f"was {reading.ahead} ns ahead"
            )
    return problems
