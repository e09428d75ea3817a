# SPDX-License-Identifier: GPL-2.0-only
"""Keeps the outcomes of a shard in a file, and joins those of several shards."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab.base.common import LabError, write_atomically
from lab.base.junit import Case
from lab.commands.matrix.outcome import Outcome, Side
from lab.commands.result import Result
from lab.commands.matrix.table import Cell, cells

FILE = "report.json"
SUITE = "matrix"


@dataclass
class Shard:
    """What a run was to do, alone or with others, and what came of it so far."""

    kernel: str
    # All the cases that were chosen, and this run's own ones
    chosen: list[str]
    own: list[str]
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0

    def save(self, path: Path) -> None:
        text = json.dumps(
            {
                "kernel": self.kernel,
                "chosen": self.chosen,
                "own": self.own,
                "seconds": self.seconds,
                "outcomes": [to_json(outcome) for outcome in self.outcomes],
            },
            indent=1,
        )
        write_atomically(path, text.encode())


def side_to_json(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    # The reports of the guests are in the directories of their runs
    return {k: v for k, v in vars(side).items() if k != "reports"}


def to_json(outcome: Outcome) -> dict[str, Any]:
    sides = {name: side_to_json(getattr(outcome, name)) for name in ("old", "new")}
    return {
        **{k: v for k, v in vars(outcome).items() if k not in ("cell", "old", "new")},
        "cell": asdict(outcome.cell),
        "result": outcome.result.value,
        **sides,
    }


def from_json(words: dict[str, Any]) -> Outcome:
    for name in ("old", "new"):
        words[name] = Side(**words[name]) if words[name] else None
    words["cell"], words["result"] = Cell(**words["cell"]), Result(words["result"])
    return Outcome(**words)


def load(directory: Path) -> Shard:
    path = directory / FILE
    try:
        words = json.loads(path.read_text())
        words["outcomes"] = [from_json(outcome) for outcome in words["outcomes"]]
        return Shard(**words)
    except FileNotFoundError:
        raise LabError(
            f"there is no {path}", hint="xen-lab matrix writes it to build/lab/."
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise LabError(f"{path} is not a report of the matrix: {error}") from None


def join(shards: list[Shard]) -> Shard:
    """Make one report of several; a case that is in none of them is lost."""
    first = shards[0]
    for shard in shards[1:]:
        if (shard.kernel, shard.chosen) != (first.kernel, first.chosen):
            raise LabError(
                "these are not shards of one run: they have other kernels or cases"
            )
    found = {str(one.cell): one for shard in shards for one in shard.outcomes}
    begun = {name for shard in shards for name in shard.own}
    by_name = {str(cell): cell for cell in cells()}
    outcomes = [
        found.get(name) or lost(by_name[name], begun=name in begun)
        for name in first.chosen
    ]
    seconds = max(shard.seconds for shard in shards)
    return Shard(first.kernel, first.chosen, first.chosen, outcomes, seconds)


def lost(cell: Cell, *, begun: bool) -> Outcome:
    why = "ended before it" if begun else "has left no report"
    return Outcome(cell, Result.LOST, reason=f"the shard that had to run it {why}")


def junit_case(outcome: Outcome) -> Case:
    skipped = outcome.reason if outcome.result is Result.SKIPPED else ""
    failure = ""
    if outcome.result.failed:
        failure = f"{outcome}\n{outcome.details}"
    return Case(SUITE, str(outcome.cell), outcome.seconds, failure, skipped)
