# SPDX-License-Identifier: GPL-2.0-only
"""The kselftest of the series: all of it passes, or it says why it was skipped."""

from __future__ import annotations

import re

from lab.guest.report import Report

# Exit status of a kselftest, and what it prints
PASSED, SKIPPED = 0, 4
NO_SERIES = "1..0 # SKIP this kernel has no /sys/hypervisor/tsc/"
NUMBER = 11
RESULT = re.compile(r"^(not ok|ok) (\d+) (.+)", re.MULTILINE)


def check_tap(text: str, status: int) -> list[str]:
    """Whether all tests ran, none was skipped and all passed."""
    wrong = [f"exit status {status}, expected {PASSED}"] if status != PASSED else []
    session = RESULT.findall(text)
    numbers = [int(number) for _, number, _ in session]
    if f"\n1..{NUMBER}\n" not in text or numbers != [*range(1, NUMBER + 1)]:
        wrong.append(f"not {NUMBER} results")
    return wrong + [
        f"not passed: {name}"
        for ok, _, name in session
        if ok != "ok" or "# SKIP" in name
    ]


def check_selftest(report: Report, *, patched: bool) -> list[str]:
    wrong = []
    for when in ("before", "after"):
        text = report.words(f"selftest.{when}")
        status = int(report.fact(f"status.selftest.{when}"))
        if patched:
            found = check_tap(text, status)
        else:
            good = status == SKIPPED and NO_SERIES in text.splitlines()
            found = [] if good else [f"exit status {status}, and no '{NO_SERIES}'"]
        wrong += [f"kselftest {when}: {problem}\n{text}" for problem in found]
    return wrong
