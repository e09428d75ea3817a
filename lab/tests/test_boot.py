# SPDX-License-Identifier: GPL-2.0-only
"""Guests under Xen: does the kernel do what the policy says, and is it right?"""

from __future__ import annotations

import pytest

from lab import cases, judge
from lab.boot import Settings
from lab.cases import Case, explain
from lab.expect import expect
from lab.life import Life

pytestmark = pytest.mark.parametrize(
    ("case", "life"),
    [(case, case) for case in cases.PATCHED],
    ids=str,
    indirect=["life"],
    scope="session",
)


def check(case: Case, life: Life, problems: list[str]) -> None:
    if problems:
        pytest.fail(explain(case, life, problems), pytrace=False)


def test_policy(case: Case, life: Life, settings: Settings) -> None:
    itsc = life.report.fact("before.itsc") == "1"
    expected = expect(case.tsc_mode, case.cmdline, settings.host, itsc)
    check(case, life, judge.judge_policy(life.report, expected))


def test_printk_never_steps_back(case: Case, life: Life) -> None:
    check(case, life, judge.judge_printk(life.report))


def test_clocks_never_step_back(case: Case, life: Life) -> None:
    check(case, life, judge.judge_clocks(life.report, suspended=True))


def test_time_leaf_agrees_with_xen(case: Case, life: Life, settings: Settings) -> None:
    wrong = judge.judge_leaf(life.report, settings.host, case.tsc_mode, life.outside)
    check(case, life, wrong)


def test_no_kernel_complaint(case: Case, life: Life) -> None:
    check(case, life, judge.judge_trouble(life.report))
