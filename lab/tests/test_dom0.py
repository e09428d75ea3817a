# SPDX-License-Identifier: GPL-2.0-only
"""The patched kernel as PV dom0, on a host whose TSC nobody vouches for: row 6."""

from __future__ import annotations

from typing import Iterator

import pytest

from lab.boot import Settings
from lab.images import make_images
from lab.qemu import Machine
from lab.runs import Run
from lab.witness import SCHED_CLOCK, VERDICT


@pytest.fixture(scope="module", name="dom0")
def fixture_dom0(settings: Settings) -> Iterator[Machine]:
    images = make_images(settings.xen)
    with Machine(Run("dom0"), images, settings.patched) as machine:
        machine.wait_boot()
        yield machine


def test_dom0_is_left_to_the_kernels_own_checks(dom0: Machine) -> None:
    log = dom0.must("dmesg")
    verdict = VERDICT.search(log)
    assert verdict is not None, log
    assert (verdict["verdict"], verdict["row"]) == ("unverified", "6")
    # PV dom0's time leaf has no rate: it is the pvclock's
    assert int(verdict["khz"]) > 0

    sched_clock = SCHED_CLOCK.search(log)
    assert sched_clock is not None and sched_clock[1] == "pvclock", log
    # Upstream's choice: dom0 starts on the TSC, and watches it
    assert "Switched to clocksource tsc" in log, log
    assert "tsc_reliable" not in dom0.must("cat /proc/cpuinfo")
