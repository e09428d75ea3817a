# SPDX-License-Identifier: GPL-2.0-only
"""The checks of the PTP clock of the host, on a report of a guest, without QEMU."""

from __future__ import annotations

import json

import pytest

from lab.checks.phc import check_offsets, check_readers
from lab.guest.phc import DRIFT, SECOND, Reading
from lab.guest.report import Report, read_wire

# Each thread: reads, how often backwards, steps, and the sizes of these
GOOD = ("54675 0 1 99333000000 99333000000", "56800 0 1 99334000000 99334000000")
ONE = range(1, 2)


def report(
    *readers: str, offset: int | None = None, name: str = "Xen wall clock"
) -> Report:
    said = {"offset_ns": offset, "error_ns": None if offset is None else 0}
    lines = [f"phc.{number} {text}" for number, text in enumerate(readers)]
    lines += [
        f"phc.name {name}",
        "said.xen-clock.phc-1 " + json.dumps({"host_clock": said}),
    ]
    wire = read_wire("\n".join(lines))
    return Report(wire.values, said=wire.said)


def test_readers_are_good() -> None:
    assert not check_readers(report(*GOOD), ONE, 100, 100_000)


@pytest.mark.parametrize(
    ("reader", "words"),
    [
        # There and back: a read whose halves do not belong together
        ("54675 0 3 4500000000 99333000000", "steps=3"),
        ("54675 0 1 4500000000 4500000000", "smallest=4500000000"),
        ("54675 0 1 99333000000 105000000000", "biggest=105000000000"),
        ("54675 1 1 99333000000 99333000000", "backwards=1"),
        ("54675 0 0 0 0", "steps=0"),
        ("5 0 1 99333000000 99333000000", "read 54680 times, expected 100000"),
    ],
)
def test_readers_are_bad(reader: str, words: str) -> None:
    [problem] = check_readers(report(GOOD[0], reader), ONE, 100, 100_000)
    assert words in problem


def test_another_clock() -> None:
    [problem] = check_readers(report(*GOOD, name="ixgbe"), ONE, 100, 0)
    assert "is called ixgbe" in problem


@pytest.mark.parametrize(
    ("offset", "good"),
    [
        (-5 * SECOND, True),
        (-5 * SECOND + 2 * DRIFT, False),
        (5 * SECOND, False),
        (None, False),
    ],
)
def test_offsets(offset: int | None, good: bool) -> None:
    reading = Reading("at first", 0, 0, 0, 0, 5 * SECOND, 0, 0)
    found = check_offsets(report(*GOOD, offset=offset), [reading])
    assert bool(found) != good
