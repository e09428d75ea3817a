# SPDX-License-Identifier: GPL-2.0-only
"""The other kernels that the series is for: booted, saved and restored.

dom0 and all other tests have the kernel that KERNEL= names.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.commands.boot import judge_all
from lab.guest.session import Case, Results, explain
from lab.checks.kselftest import judge_selftest
from lab.checks.sysfs import judge_sysfs
from tests.tree import KERNEL, KERNELS, each_built

CASES = [
    each_built(kernel, Case(f"linux-{kernel}-{kind}", kind=kind, linux=kernel))
    for kernel in KERNELS
    if kernel != KERNEL
    for kind in ("pv", "pvh")
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_another_kernel(results: Results, case: Case) -> None:
    life = results.of(case)
    _, problems = judge_all(life, replace(results.settings, guest=case.kind))
    problems += [
        *judge_sysfs(life.report),
        *judge_selftest(life.report, patched=True),
    ]
    release = life.report.fact("before.linux")
    if not release.startswith(f"{case.linux}."):
        problems.append(f"this is Linux {release}")
    if problems:
        repeat = case.repeat(results.settings)
        pytest.fail(explain(case, life, problems, repeat), pytrace=False)
