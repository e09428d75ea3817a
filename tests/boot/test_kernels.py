# SPDX-License-Identifier: GPL-2.0-only
"""The other kernels that the series is for: booted, saved and restored.

dom0 and all other tests have the kernel that KERNEL= names.
"""

from __future__ import annotations

import pytest

from lab.commands.boot import problems_with
from lab.config import GuestSpec
from tests.lives import Lives, fail_if
from lab.checks.sysfs import check_sysfs
from tests.tree import KERNEL, KERNELS, each_built

CASES = [
    each_built(kernel, GuestSpec(f"linux-{kernel}-{kind}", kind=kind, linux=kernel))
    for kernel in KERNELS
    if kernel != KERNEL
    for kind in ("pv", "pvh")
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_another_kernel(session: Lives, case: GuestSpec) -> None:
    life = session.of(case)
    problems = problems_with(case, life, session.settings)
    problems += check_sysfs(life.report)
    release = life.report.fact("before.linux")
    if not release.startswith(f"{case.linux}."):
        problems.append(f"this is Linux {release}")
    fail_if(problems, case, life, case.repeat(session.settings))
