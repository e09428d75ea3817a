# SPDX-License-Identifier: GPL-2.0-only
"""/sys/hypervisor/tsc/ against the log, the time leaf and what the guest lived."""

from __future__ import annotations

from lab.config import TSC_MODES
from lab.guest.report import Report

# The guest's kernel spells modes as xl does
MODES = {number: name for name, number in TSC_MODES.items()}


def of_leaf(report: Report, when: str) -> dict[str, object]:
    """The files that repeat Xen's facts."""
    leaf = report.time_leaf(when)
    return {
        "mode": MODES[leaf.mode],
        "emulated": int(leaf.emulated),
        "host_reliable": int(leaf.host_reliable),
        "frequency_khz": leaf.khz,
        "host_frequency_khz": report.fact(f"{when}.host_khz"),
        "incarnation": leaf.incarnation,
    }


def of_log(report: Report, when: str) -> dict[str, object]:
    """The files that say what the kernel made of them."""
    lines = report.demotions if when == "after" else []
    verdict = lines[0].facts if lines else report.verdicts[0]
    return {
        "verdict": verdict["verdict"],
        "reason": verdict["reason"],
        "demoted": len(lines),
    }


def check_sysfs(report: Report) -> list[str]:
    """Both before and after what happened to the guest."""
    wrong = []
    for when in ("before", "after"):
        expected = of_leaf(report, when) | of_log(report, when)
        for name, value in expected.items():
            seen = report.fact(f"{when}.sysfs.{name}")
            if seen != str(value):
                wrong.append(f"{when}: tsc/{name} is '{seen}', expected '{value}'")
    return wrong
