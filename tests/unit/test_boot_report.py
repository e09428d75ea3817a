# SPDX-License-Identifier: GPL-2.0-only
"""What "xen-lab boot" prints and checks, from a recorded report."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lab.checks.policy import expected_of
from lab.commands.boot import problems_with
from lab.commands.boot_report import render
from lab.config import Settings
from lab.guest.report import parse
from lab.guest.scenario import Life
from tests.unit.test_lab import OUTSIDE, RECORDED

SETTINGS = Settings()


def life(text: str = RECORDED) -> Life:
    guest: Any = SimpleNamespace(ticks=[], rounds=[], lost=0.0)
    return Life(guest, parse(text), OUTSIDE, 0.0)


def rendered(patched: Life, problems: list[str]) -> list[str]:
    expected = expected_of(patched.report, "", "", SETTINGS.host)
    return render(patched, life(), expected, problems).splitlines()


def test_all_is_as_the_policy_says() -> None:
    lines = rendered(life(), [])
    assert lines[-1] == "PASS"
    costs = [line.split() for line in lines if line.startswith("  clock_gettime ")]
    assert costs == [["clock_gettime", *"4.36 us 4.36 us 1.0 times".split()]]
    assert any(line.split()[:1] == ["verdict"] for line in lines)


def test_problems_are_named() -> None:
    lines = rendered(life(), ["clocks: goes back"])
    assert lines[-2:] == ["not as the policy says: clocks: goes back", "FAIL"]


def test_a_reading_that_took_no_time() -> None:
    """As it can seem on a busy machine."""
    text = RECORDED.replace("cost.vdso 4355.89", "cost.vdso 0.00")
    assert text != RECORDED
    line = [one for one in rendered(life(text), []) if "clock_gettime" in one][0]
    assert line.split() == "clock_gettime 0 ns 4.36 us -".split()


def test_what_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the list that all commands have; the recorded guest ran no selftest."""
    monkeypatch.setattr("lab.checks.all.check_selftest", lambda *_, **__: [])
    spec = SETTINGS.spec("patched")
    wrong = RECORDED.replace("after.clocksource tsc", "after.clocksource xen")
    wrong = wrong.replace("1.total 0 0\n", "1.total 10000000 0\n")
    assert wrong != RECORDED
    good, bad = (
        problems_with(spec, life(text), SETTINGS) for text in (RECORDED, wrong)
    )
    found = [problem for problem in bad if problem not in good]
    assert any(problem.startswith("policy: clocksource after") for problem in found)
    assert any(problem.startswith("accounts: ") for problem in found)
