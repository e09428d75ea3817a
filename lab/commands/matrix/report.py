# SPDX-License-Identifier: GPL-2.0-only
"""The report of the matrix: host x mode x lifecycle, as Markdown and as HTML."""

from __future__ import annotations

from html import escape

from lab.commands.matrix.table import LIFECYCLES
from lab.commands.matrix.outcome import Outcome, Side
from lab.commands.result import Result

COLOURS = {
    Result.FIXED: "#aceebb",
    Result.SAME: "#eff2f5",
    Result.UNFIXED: "#ffd8b5",
    Result.WORSE: "#ffb3b3",
    Result.LOST: "#ffd8b5",
    Result.SKIPPED: "#ffffff",
}
MEANING = {
    Result.FIXED: "not well without the series, well with it",
    Result.SAME: "well with the series and without it",
    Result.UNFIXED: "something is wrong, with the series and without it",
    Result.WORSE: "something is wrong with the series alone",
    Result.LOST: "there is nothing to compare: see the reason",
    Result.SKIPPED: "not run: see the reason",
}
STYLE = """\
body { font-family: sans-serif; margin: 2em; max-width: 75em; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { border: 1px solid #d0d7de; padding: 0.3em 0.6em; text-align: left; }
pre { background: #f6f8fa; padding: 1em; overflow-x: auto; }
a { color: inherit; }
"""

Table = dict[tuple[str, str], dict[str, Outcome]]


def table_of(outcomes: list[Outcome]) -> tuple[list[str], Table]:
    """The lifecycles that were run, and a row for each host and mode."""
    ran = {outcome.cell.lifecycle for outcome in outcomes}
    rows: Table = {}
    for outcome in outcomes:
        cell = outcome.cell
        row = rows.setdefault((f"Xen {cell.xen}, {cell.place}", cell.mode), {})
        row[cell.lifecycle] = outcome
    return [name for name in LIFECYCLES if name in ran], rows


def faults(side: Side | None) -> str:
    return ", ".join(sorted(side.faults)) if side and side.faults else "-"


def cost(side: Side | None) -> str:
    if not side or not side.cost:
        return "-"
    return f"{side.cost / 1000:.2f} us ({side.clocksource})"


def details_of(outcomes: list[Outcome]) -> list[list[str]]:
    return [
        [
            str(outcome.cell),
            outcome.result.value,
            faults(outcome.old),
            faults(outcome.new),
            cost(outcome.old),
            cost(outcome.new),
            f"{outcome.seconds:.0f} s",
        ]
        for outcome in outcomes
    ]


HEADINGS = ["case", "result", "wrong without", "wrong with"]
HEADINGS += ["clock_gettime without", "clock_gettime with", "took"]


def remarks(outcome: Outcome) -> list[str]:
    """Everything that is not as it should be, and why a case is not there."""
    lines = [outcome.reason] if outcome.reason else []
    for name, side in (("without", outcome.old), ("with", outcome.new)):
        if side:
            lines += [
                f"{name} the series: {check}: {text}"
                for check, problems in side.findings.items()
                for text in problems
            ]
            lines += [f"{name} the series: {side.log}"] * bool(side.faults and side.log)
            if side.again:
                lines.append(f"{name} the series: lived again {side.again} times")
    return lines


def markdown(outcomes: list[Outcome], title: str) -> str:
    lifecycles, rows = table_of(outcomes)
    lines = ["# Guests with the series and without it", "", title, ""]
    lines += [f"- {result.value}: {text}" for result, text in MEANING.items()]

    def table(headings: list[str], cells: list[list[str]]) -> list[str]:
        every = [headings, ["---"] * len(headings), *cells]
        return ["", *(f"| {' | '.join(row)} |" for row in every), ""]

    lines += table(
        ["host", "mode", *lifecycles],
        [
            [*name, *(row[c].result.value if c in row else "" for c in lifecycles)]
            for name, row in rows.items()
        ],
    )
    lines += table(HEADINGS, details_of(outcomes))
    for outcome in outcomes:
        said = remarks(outcome)
        if said:
            lines += [f"## {outcome.cell}: {outcome.result.value}", "", "```"]
            lines += [*said, "```", ""]
    return "\n".join(lines)


def html(outcomes: list[Outcome], title: str) -> str:
    """One file that needs no other."""
    lifecycles, rows = table_of(outcomes)

    def row_of(cells: list[str], tag: str = "td") -> str:
        return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"

    def result_of(outcome: Outcome | None) -> str:
        if outcome is None:
            return "<td></td>"
        link = f'<a href="#{outcome.cell}">{outcome.result.value}</a>'
        return f'<td style="background: {COLOURS[outcome.result]}">{link}</td>'

    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
        f"<h1>Guests with the series and without it</h1><p>{escape(title)}</p><ul>",
        *(f"<li>{result.value}: {text}</li>" for result, text in MEANING.items()),
        "</ul><table>",
        row_of(["host", "mode", *lifecycles], "th"),
    ]
    for (host, mode), row in rows.items():
        session = "".join(result_of(row.get(name)) for name in lifecycles)
        parts.append(f"<tr><td>{host}</td><td>{mode}</td>{session}</tr>")
    parts += ["</table><table>", row_of(HEADINGS, "th")]
    parts += [row_of([escape(cell) for cell in row]) for row in details_of(outcomes)]
    parts.append("</table>")
    for outcome in outcomes:
        said = remarks(outcome)
        parts.append(
            f'<h2 id="{outcome.cell}">{outcome.cell}: {outcome.result.value}</h2>'
        )
        parts += [f"<pre>{escape(chr(10).join(said))}</pre>"] * bool(said)
        parts += [outcome.drawing] * bool(outcome.drawing)
    return "\n".join([*parts, "</body></html>\n"])
