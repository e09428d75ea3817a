# SPDX-License-Identifier: GPL-2.0-only
"""The kit in dom0 of the lab's host, as its user runs it; "xen-lab kit --try" has more."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.commands.kit.build import make_kit
from lab.commands.kit.merge import read_report
from lab.commands.kit.run import left_over, run_on, start, unpack
from lab.config import Settings
from tests.lives import Lives


@pytest.fixture(scope="module")
def kit(settings: Settings) -> Path:
    return make_kit(settings)


def test_pv_guests(one_cpu: Lives, kit: Path) -> None:
    """It goes to its end, leaves nothing, and sees what the series gains."""
    directory = run_on(one_cpu.host(), kit, "pv", "default")
    old, new = read_report(directory / "report.json")["guests"]
    for guest in (old, new):
        steps = dict(guest["steps"])
        assert steps.pop("migrate").split(":")[0] in ("done", "impossible")
        assert set(steps.values()) == {"done"}, steps
        assert guest["ns"]["clock_gettime"] > 0
        assert guest["before"]["emulated"]
    assert (old["before"]["clocksource"], old["rule"]) == ("xen", None)
    assert (new["before"]["clocksource"], new["rule"]) == ("tsc", "emulated")
    assert new["problems"] == []


def test_stopped_half_way(one_cpu: Lives, kit: Path) -> None:
    """Its domain and its files are gone."""
    host = one_cpu.host()
    directory = unpack(host, kit)
    others = set(host.states)
    start(host, directory, "-k pv -m default")
    host.wait(lambda: bool(set(host.states) - others))
    host.must("kill -TERM $(cat /share/kit.pid)")
    status = host.run.path("kit.status")
    host.wait(lambda: status.exists() and status.read_text() == "130\n")
    assert left_over(host, directory) == []
