# SPDX-License-Identifier: GPL-2.0-only
"""/sys/hypervisor/tsc/ against the log, the time leaf and what the guest lived."""

from __future__ import annotations

from lab.hosts import TSC_MODES
from lab.witness import GIVEN_UP, Report

# The guest's kernel spells modes as xl does
MODES = {number: name for name, number in TSC_MODES.items()}
JUMPED = "it jumped and there was no suspend"


def judge_sysfs(report: Report, resumes: int) -> list[str]:
    """Resumed so often between the two looks of the witness."""
    verdict = report.verdicts[0]
    given_up = report.grep(GIVEN_UP.pattern)
    found = GIVEN_UP.search(given_up[0].text) if given_up else None
    why = found["reason"] if found else "none"
    if why.startswith("it jumped by"):
        why = JUMPED
    wrong = []
    for when in ("before", "after"):
        leaf = report.time_leaf(when)
        later = when == "after"
        demoted = later and found is not None
        expected = {
            "mode": MODES[leaf.mode],
            "emulated": int(leaf.emulated),
            "host_reliable": int(leaf.host_reliable),
            "frequency_khz": leaf.khz,
            "incarnation": leaf.incarnation,
            "verdict": "unstable" if demoted else verdict["verdict"],
            "row": verdict["row"],
            "reason": why if demoted else verdict["reason"],
            "request": verdict["request"],
            "sched_clock": report.sched_clock if later or not found else "TSC",
            "sched_clock_stable": report.fact(f"{when}.stable"),
            "resumes": resumes if later else 0,
            "demotions": int(demoted),
            "last_demotion": why if demoted else "none",
        }
        for name, value in expected.items():
            seen = report.fact(f"{when}.sysfs.{name}")
            if seen != str(value):
                wrong.append(f"{when}: tsc/{name} is '{seen}', expected '{value}'")
    return wrong
