# SPDX-License-Identifier: GPL-2.0-only
"""Has a program that others wrote passed, and as well as without the series?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lab.commands.result import Result
from lab.commands.suites.table import WHENS, Program
from lab.guest.batch import Said

# Exit statuses: of a kselftest that skips all, and of one that timeout has killed
SKIPPED, KILLED = 4, 137
# TAP, of which some programs say more on the same line, and shells run several
PLAN = re.compile(r"^1\.\.(\d+)", re.MULTILINE)
RESULT = re.compile(r"\b(?:not )?ok \d+ ")
# What tells of a failure, in TAP and elsewhere
FAILURE = re.compile(r"\bnot ok \d+ .*|.*\[FAIL(?:ED)?\].*")


def failures(program: Program, said: Said) -> tuple[set[str], set[str]]:
    """Lines that tell of some: those of the program, and those that are known."""
    told = {line.strip() for line in FAILURE.findall(said.text)}
    if program.slow:
        told = {line for line in told if not re.search(program.slow, line)}
    known = {line for line in told if program.known and re.search(program.known, line)}
    return told - known, known


def faults_of(program: Program, said: Said | None) -> list[str]:
    """Why it has not passed."""
    if said is None:
        return ["no result, as its guest has died"]
    if said.status == KILLED:
        return [f"killed after {said.seconds} s"]
    if said.status == SKIPPED:
        return ["skipped, by itself"]
    told, _ = failures(program, said)
    wrong = [f"said '{line}'" for line in sorted(told)]
    if said.status and (wrong or not FAILURE.search(said.text)):
        wrong.append(f"exit status {said.status}")
    planned = sum(map(int, PLAN.findall(said.text)))
    results = len(RESULT.findall(said.text))
    if planned and results != planned:
        wrong.append(f"{results} results, planned were {planned}")
    if program.says and not re.search(program.says, said.text):
        wrong.append(f"did not say '{program.says}'")
    if program.never:
        found = re.search(f".*(?:{program.never}).*", said.text)
        wrong += [f"said '{found[0].strip()}'"] if found else []
    return wrong


def word(program: Program, said: Said | None) -> str:
    """One word for what came of it; with a star if not all of it went well."""
    if faults_of(program, said):
        return "skipped" if said and said.status == SKIPPED else "failed"
    return "passed*" if said and said.status else "passed"


def passed(text: str) -> bool:
    return text.startswith("passed")


# By when they ran, and by their names
Results = dict[tuple[str, str], Said]


@dataclass
class Verdict:
    """One program in both guests, before and after these were restored."""

    program: Program
    words: dict[tuple[str, bool], str]
    problems: list[str] = field(default_factory=list)

    # Known failures that only the guest with the series had
    only_new: bool = False

    @property
    def result(self) -> Result:
        """Worse if but one run passes on the old kernel alone."""
        pairs = [(self.words[when, False], self.words[when, True]) for when in WHENS]
        if self.only_new or any(passed(o) and not passed(n) for o, n in pairs):
            return Result.WORSE
        if all(new == "skipped" for _, new in pairs):
            return Result.SKIPPED
        if not all(passed(new) for _, new in pairs):
            return Result.LOST
        return Result.SAME if all(passed(old) for old, _ in pairs) else Result.FIXED


def only_new(program: Program, old: Said | None, new: Said | None) -> set[str]:
    """Known failures, which must be the same, numbers aside, without the series."""
    if old is None or new is None:
        return set()
    names = [
        {re.sub(r"\d+", "N", line) for line in failures(program, said)[1]}
        for said in (old, new)
    ]
    return names[1] - names[0]


def compare(program: Program, old: Results, new: Results) -> Verdict:
    verdict = Verdict(program, {})
    for when in WHENS:
        pair = [results.get((when, str(program))) for results in (old, new)]
        sides = ("without the series", "with it")
        for patched, said, side in zip((False, True), pair, sides):
            verdict.words[when, patched] = word(program, said)
            verdict.problems += [
                f"{program} {side}, {when} the restore: {fault}"
                for fault in faults_of(program, said)
            ]
        lines = only_new(program, *pair)
        verdict.only_new |= bool(lines)
        verdict.problems += [
            f"{program}, {when} the restore: with the series alone: '{line}'"
            for line in sorted(lines)
        ]
    return verdict


def table(verdicts: list[Verdict]) -> str:
    """All of it, to print."""
    rows = [["program", "without: before", "after", "with: before", "after", ""]]
    rows += [
        [
            str(verdict.program),
            *(verdict.words[when, side] for side in (False, True) for when in WHENS),
            verdict.result.value,
        ]
        for verdict in verdicts
    ]
    widths = [max(len(cell) for cell in column) for column in zip(*rows)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        for row in rows
    )
