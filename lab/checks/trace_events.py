# SPDX-License-Identifier: GPL-2.0-only
"""The trace events of the series against the log."""

from __future__ import annotations

from lab.guest.report import Report

RESUME, SAMPLE, DEMOTE = "xen_sched_clock_resume", "xen_tsc_sample", "xen_tsc_demote"


def values_of(report: Report, name: str) -> list[dict[str, str]]:
    return [event.values for event in report.events if event.name == name]


def check_resumes(report: Report) -> list[str]:
    """Each suspend has an event, with the source that sched_clock reads at the end.

    A TSC that is demoted in a resume is left before the clock continues.
    """
    wrong = []
    resumes = values_of(report, RESUME)
    if len(resumes) != len(report.over_suspends):
        wrong.append(f"{len(resumes)} resumes, {len(report.over_suspends)} suspends")
    for seen in resumes:
        if seen["source"] != report.sched_clock:
            wrong.append(f"sched_clock reads the {report.sched_clock}: {seen}")
    values = [int(seen["value"]) for seen in resumes]
    if values != sorted(values):
        wrong.append(f"sched_clock continues before where it was: {values}")
    if values_of(report, SAMPLE):
        wrong.append(f"{SAMPLE} is on, and nobody asked for it")
    return wrong


def check_frozen(report: Report, usec: int) -> list[str]:
    """The clock continues at the value at which it was frozen (us)."""
    wrong = []
    for seen in values_of(report, RESUME):
        if int(seen["value"]) // 1000 not in (usec - 1, usec, usec + 1):
            wrong.append(f"sched_clock was frozen at {usec} us: {seen}")
    return wrong


def check_traced_demotions(report: Report, least: int, most: int) -> list[str]:
    """They are as many as the log has, with a skew in that range (ns)."""
    demoted = values_of(report, DEMOTE)
    wrong = []
    if len(demoted) != len(report.demotions):
        wrong.append(f"{len(demoted)} demotions are traced")
    wrong += [
        f"the skew is not from {least} to {most} ns: {seen}"
        for seen in demoted
        if not least <= int(seen["skew"]) <= most
    ]
    return wrong
