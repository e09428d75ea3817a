# SPDX-License-Identifier: GPL-2.0-only
"""The check of /sys/hypervisor/tsc/ notices each file that differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.checks.sysfs import check_sysfs
from tests.recorded import PATCHED
from lab.guest.report import Report, parse

RECORDED = Path(__file__).parents[1] / "recorded.report"
FILES = PATCHED.kernel


@pytest.fixture(name="report")
def fixture_report() -> Report:
    report = parse(RECORDED.read_text())
    for when in ("before", "after"):
        leaf = report.time_leaf(when)
        told = {
            **FILES,
            "frequency_khz": str(leaf.khz),
            "host_frequency_khz": report.fact(f"{when}.host_khz"),
            "incarnation": str(leaf.incarnation),
        }
        for name, value in told.items():
            report.values[f"{when}.sysfs.{name}"] = value
    return report


def test_good(report: Report) -> None:
    assert not check_sysfs(report)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("when", ("before", "after"))
def test_wrong(report: Report, when: str, name: str) -> None:
    report.values[f"{when}.sysfs.{name}"] = "nonsense"
    assert len(check_sysfs(report)) == 1
