# SPDX-License-Identifier: GPL-2.0-only
"""The trace events of the series against the log, and against what was lived."""

from __future__ import annotations

import re

from lab.witness import GIVEN_UP, KEPT, Report

REBASE, VERDICT, DEMOTE = "xen_sched_clock_rebase", "xen_tsc_verdict", "xen_tsc_demote"
LOOK = "xen_tsc_look"
FACTS = re.compile(r"row (\d+), mode \w+, (\w+), .*incarnation (\d+)")


def values_of(report: Report, name: str) -> list[dict[str, str]]:
    return [event.values for event in report.events if event.name == name]


def judge_rebases(report: Report, most: float) -> list[str]:
    """One for each suspend, over which the source moved by so many seconds at most.

    Where the TSC was given up meanwhile there are two sources, and none has moved.
    """
    wrong = []
    given_up = bool(report.grep(GIVEN_UP.pattern))
    sources = ("TSC" if given_up else report.sched_clock, report.sched_clock)
    rebases = values_of(report, REBASE)
    if len(rebases) != len(report.over_suspends):
        wrong.append(f"{len(rebases)} rebases, {len(report.over_suspends)} suspends")
    for seen in rebases:
        moved = int(seen["new_offset"]) - int(seen["old_offset"])
        downtime = int(seen["downtime"])
        if (seen["from"], seen["to"]) != sources:
            wrong.append(f"the sources are {sources}: {seen}")
        if given_up:
            good = downtime == 0
        else:
            good = downtime == moved and 0 < moved < most * 1e9
        if not good:
            wrong.append(f"this is no downtime below {most:.0f} s: {seen}")
    return wrong


def judge_verdicts(report: Report) -> list[str]:
    """Each line of the log that says what became of the TSC has its event."""
    wrong = []
    lines = report.grep(f"{KEPT.pattern}|xen: TSC given up: .*row")
    verdicts = values_of(report, VERDICT)
    if len(lines) != len(verdicts):
        wrong.append(f"{len(verdicts)} verdicts are traced, {len(lines)} in the log")
    for line, seen in zip(lines, verdicts):
        facts = FACTS.search(line.text)
        expected = facts and (facts[1], str(int(facts[2] == "emulated")), facts[3])
        if (seen["row"], seen["emulated"], seen["incarnation"]) != expected:
            wrong.append(f"the trace has {seen}, the log '{line}'")
        if int(seen["kept"]) != bool(KEPT.search(line.text)):
            wrong.append(f"the trace has {seen}, the log '{line}'")
    if values_of(report, LOOK):
        wrong.append(f"{LOOK} is on, and nobody asked for it")
    return wrong


def judge_demoted(report: Report, least: int, most: int) -> list[str]:
    """As often as the log says, by a gap in that range (ns)."""
    demoted = values_of(report, DEMOTE)
    wrong = []
    if len(demoted) != len(report.grep(GIVEN_UP.pattern)):
        wrong.append(f"{len(demoted)} demotions are traced")
    wrong += [
        f"the gap is not from {least} to {most} ns: {seen}"
        for seen in demoted
        if not least <= int(seen["gap"]) <= most
    ]
    return wrong
