# SPDX-License-Identifier: GPL-2.0-only
"""KUnit, in the lab's kernel: on a bare machine without Xen, and in a PV guest."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from lab.config import GuestSpec, Settings
from tests.lives import Lives
from lab.base.common import BUILD
from tests.tree import TREE, run

SUITES = {
    "xen_tsc_policy": 214,
    "xen_tsc_reevaluate": 56,
    "xen_tsc_skew": 36,
    "xen_sched_clock": 28,
    "ptp_xen": 10,
}

GUEST = GuestSpec("kunit", "", "kunit.enable=1")


# This case calls what only a guest of Xen has
NEED_XEN = {"test_hooks"}


def check(log: Path, result: Path, skipped: set[str]) -> None:
    """The log has all suites, and all cases passed but those that need Xen."""
    parser = TREE / "tools/testing/kunit/kunit.py"
    done = run("python3", parser, "parse", f"--json={result}", log, cwd=TREE)
    assert done.returncode == 0, f"{done.stdout}\nThe kernel's log: {log}"

    groups = json.loads(result.read_text())["sub_groups"]
    suites = {group["name"]: group for group in groups}
    for name, number in SUITES.items():
        assert name in suites, f"{name} did not run; the kernel's log: {log}"
        cases = list(suites[name]["test_cases"])
        for group in suites[name]["sub_groups"]:
            cases += group["test_cases"]
        assert len(cases) == number
        for case in cases:
            wanted = "SKIP" if case["name"] in skipped else "PASS"
            assert case["status"] == wanted, case


def test_without_xen(settings: Settings, tmp_path: Path) -> None:
    log = BUILD / "lab" / "kunit.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    # No init: when the tests are through the kernel panics, and QEMU exits.
    # fmt: off
    command = [
        "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "512",
        "-display", "none", "-monitor", "none", "-serial", f"file:{log}",
        "-no-reboot", "-net", "none",
        "-kernel", str(settings.image()),
        "-append", "console=ttyS0 kunit.enable=1 panic=-1",
    ]
    # fmt: on
    subprocess.run(command, timeout=300, check=True)
    check(log, tmp_path / "result.json", NEED_XEN)


def test_in_a_guest(one_cpu: Lives, tmp_path: Path) -> None:
    log = tmp_path / "kunit-guest.log"
    log.write_text("\n".join(one_cpu.log_of(GUEST)))
    check(log, tmp_path / "result.json", set())
