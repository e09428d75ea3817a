# SPDX-License-Identifier: GPL-2.0-only
"""Joins report.json of many hosts to one table, by the model of CPU and Xen's version."""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.base.common import LabError, say
from lab.commands import options

SCHEMA = 1
ORDER = {"pv": 0, "pvh": 1, "hvm": 2}
HEADING = (
    *("CPU", "Xen", "Hosts", "Guest", "tsc_mode", "TSC", "Verdict"),
    *("clocksource", "clock_gettime", "Problems without", "Problems with"),
)


@dataclass(frozen=True)
class Key:
    """What a row of the table is about."""

    cpu: str
    xen: str
    kind: str
    mode: str

    @property
    def rank(self) -> tuple[str, list[int], int, str]:
        version = [
            int(part) for part in self.xen.split("-")[0].split(".") if part.isdigit()
        ]
        return self.cpu, version, ORDER.get(self.kind, len(ORDER)), self.mode


@dataclass
class Row:
    """What hosts alike have seen, without the series (False) and with it (True)."""

    hosts: int = 0
    deliveries: set[str] = field(default_factory=set)
    verdicts: set[str] = field(default_factory=set)
    clocksources: dict[bool, set[str]] = field(
        default_factory=lambda: {False: set(), True: set()}
    )
    costs: dict[bool, list[float]] = field(
        default_factory=lambda: {False: [], True: []}
    )
    problems: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})


def add(rows: dict[Key, Row], report: dict[str, Any]) -> None:
    host = report["host"]
    seen = set()
    for guest in report["guests"]:
        names = (guest["kind"], guest["mode"])
        key = Key(host["cpu"], host.get("xen", "?"), *names)
        row, series, before = (
            rows.setdefault(key, Row()),
            guest["series"],
            guest["before"],
        )
        if key not in seen:
            row.hosts += 1
            seen.add(key)
        row.problems[series] += len(guest["problems"])
        if "emulated" in before:
            row.deliveries.add("emulated" if before["emulated"] else "native")
        if before["verdict"]:
            row.verdicts.add(before["verdict"])
        if before["clocksource"]:
            row.clocksources[series].add(before["clocksource"])
        if guest["ns"]["clock_gettime"]:
            row.costs[series].append(guest["ns"]["clock_gettime"])


def read_report(path: Path) -> dict[str, Any]:
    """Read a report, if it is one."""
    hint = "It should be the report.json that the kit has written."
    try:
        report = json.loads(path.read_text())
        schema = report["schema"]
        if schema == SCHEMA:
            add({}, report)
    except OSError as error:
        raise LabError(f"{path} cannot be read: {error.strerror}", hint=hint) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LabError(f"{path} is no report of a kit", hint=hint) from None
    if schema != SCHEMA:
        raise LabError(
            f"{path} has schema {schema}, and this command reads {SCHEMA} only",
            hint="Take the kit-report of the kit's own version.",
        )
    assert isinstance(report, dict)
    return report


def duration(costs: list[float]) -> str:
    if not costs:
        return "-"
    ns = statistics.median(costs)
    return f"{ns:.0f} ns" if ns < 10_000 else f"{ns / 1000:.0f} us"


def names_of(names: set[str]) -> str:
    return "/".join(sorted(names)) or "-"


def cells(key: Key, row: Row) -> list[str]:
    sources = [names_of(row.clocksources[series]) for series in (False, True)]
    costs = [duration(row.costs[series]) for series in (False, True)]
    return [
        *(key.cpu, key.xen, str(row.hosts), key.kind, key.mode),
        *(names_of(row.deliveries), names_of(row.verdicts)),
        *(f"{old} -> {new}" for old, new in (sources, costs)),
        *(str(row.problems[series]) for series in (False, True)),
    ]


def table_of(reports: list[dict[str, Any]]) -> str:
    """Return the table, in Markdown; a cost is the median of the hosts'."""
    rows: dict[Key, Row] = {}
    for report in reports:
        add(rows, report)
    lines = [HEADING, ["---"] * len(HEADING)]
    lines += [cells(key, rows[key]) for key in sorted(rows, key=lambda key: key.rank)]
    # What others have sent cannot make columns of its own
    safe = [[cell.replace("|", "/") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in safe)


def arguments(parser: options.Parser) -> None:
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="report.json of a host"
    )


def main(args: argparse.Namespace) -> int:
    say(table_of([read_report(path) for path in args.files]))
    return 0
