# SPDX-License-Identifier: GPL-2.0-only
"""The kselftest of the series: all of it has passed, or it says why it was skipped."""

from __future__ import annotations

import re

from lab.judge_life import out_of_use
from lab.witness import GIVEN_UP, Report

# Exit status of a kselftest, and what it says
PASSED, SKIPPED = 0, 4
NO_SERIES = "1..0 # SKIP this kernel has no /sys/hypervisor/tsc/"
NUMBER = 18
RESUMES = "resumes by CPUID"
FACTS = {
    f"{name} by the facts in the log" for name in ("mode", "emulated", "incarnation")
}
RESULT = re.compile(r"^(not ok|ok) (\d+) (# SKIP )?([^:\n]+)", re.MULTILINE)


def judge_tap(text: str, status: int, skips: set[str]) -> list[str]:
    """Whether these were skipped, and all others passed."""
    wrong = [f"exit status {status}, expected {PASSED}"] if status != PASSED else []
    results = RESULT.findall(text)
    numbers = [int(number) for _, number, _, _ in results]
    if f"\n1..{NUMBER}\n" not in text or numbers != [*range(1, NUMBER + 1)]:
        wrong.append(f"not {NUMBER} results")
    wrong += [f"failed: {name}" for ok, _, _, name in results if ok != "ok"]
    skipped = {name for _, _, skip, name in results if skip}
    if skipped != skips:
        wrong.append(f"skipped are {sorted(skipped)}, expected {sorted(skips)}")
    return wrong


def skips_of(report: Report, when: str) -> set[str]:
    """What cannot be tested: Xen does not count all, a TSC not in use is not judged."""
    skips = set() if report.fact("before.kind") == "PV" else {RESUMES}
    gone = out_of_use(report)
    # Given up for a jump, and slept later
    gone |= any("(mode" in record.text for record in report.grep(GIVEN_UP.pattern))
    slept = report.fact(f"{when}.sysfs.resumes") != "0"
    return skips | FACTS if gone and slept else skips


def judge_selftest(report: Report, *, patched: bool) -> list[str]:
    wrong = []
    for when in ("before", "after"):
        text = report.words(f"selftest.{when}")
        status = int(report.fact(f"status.selftest.{when}"))
        if patched:
            found = judge_tap(text, status, skips_of(report, when))
        else:
            good = status == SKIPPED and NO_SERIES in text.splitlines()
            found = [] if good else [f"exit status {status}, and no '{NO_SERIES}'"]
        wrong += [f"kselftest {when}: {problem}\n{text}" for problem in found]
    return wrong
