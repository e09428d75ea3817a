# SPDX-License-Identifier: GPL-2.0-only
"""What programs that others wrote have said in a guest, which ran a batch of them."""

from __future__ import annotations

from dataclasses import dataclass

from lab.guest.report import read_wire


@dataclass(frozen=True)
class Said:
    """What came of a program in a guest, once."""

    status: int
    seconds: int
    text: str


def parse(text: str) -> dict[str, Said]:
    """The report of a batch, by the names of its programs."""
    wire = read_wire(text)
    names = [key.removeprefix("status.") for key in wire.values if "status." in key]
    return {
        name: Said(
            int(wire.values[f"status.{name}"]),
            int(wire.values.get(f"seconds.{name}", "0")),
            wire.said.get(name, ""),
        )
        for name in names
    }
