# SPDX-License-Identifier: GPL-2.0-only
"""The patched kernel as PV dom0, where Xen trusts the TSC and where it does not.

dom0 does what it does without the series.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lab.checks.policy import expect_dom0
from lab.config import HOSTS
from lab.images.initramfs import make_images
from lab.checks.kselftest import check_tap
from lab.checks.xen_clock import check_dom0
from lab.images.kernel import tree_of
from lab.host.host import Host
from lab.base.kmsg import Record
from lab.host.rundir import Run
from lab.config import Settings
from lab.guest.report import BOOT, MARKED, USING_TSC, Report

# Linux 6.1 takes the TSCs of AMD's CPUs for unsynchronized as soon as there are two
SUSPECTS_AMD = "num_possible_cpus() > 1"
UNSYNCHRONIZED = "Marking TSC unstable due to TSCs unsynchronized"


@dataclass(frozen=True)
class Dom0:
    """What a dom0 says of itself."""

    log: str
    cpuinfo: str
    told: str
    tap: str

    @property
    def report(self) -> Report:
        records = [Record.of_console(line) for line in self.log.splitlines()]
        return Report(kmsg=[record for record in records if record])


def boot(settings: Settings, name: str) -> Dom0:
    images = make_images(settings.xen, settings.kernel)
    with Host(Run("dom0"), images, settings.patched, HOSTS[name]) as host:
        host.wait_boot()
        return Dom0(
            host.must("dmesg"),
            host.must("cat /proc/cpuinfo"),
            host.must("xen-clock --json"),
            host.must("tsc-selftest"),
        )


@pytest.fixture(scope="module", name="dom0", params=("untrusted", "trusted"))
def fixture_dom0(
    request: pytest.FixtureRequest, settings: Settings
) -> tuple[str, Dom0]:
    return request.param, boot(settings, request.param)


def test_the_verdict(dom0: tuple[str, Dom0]) -> None:
    host, seen = dom0
    expected = expect_dom0(HOSTS[host])
    verdicts = [line.facts for line in seen.report.tsc_lines(BOOT)]
    assert [verdict["rule"] for verdict in verdicts] == [expected.rule], seen.log
    assert verdicts[0]["verdict"] == expected.verdict
    # The time leaf of a PV dom0 has no frequency but the host's
    assert int(verdicts[0]["khz"]) > 0


def test_nothing_is_forced(dom0: tuple[str, Dom0]) -> None:
    """sched_clock stays on the pvclock and counts as stable, and nobody is demoted."""
    _, seen = dom0
    assert "tsc_reliable" not in seen.cpuinfo
    assert USING_TSC not in seen.log
    assert "sched_clock: Marking stable" in seen.log
    assert "sched_clock: Marking unstable" not in seen.log
    assert not seen.report.tsc_lines(MARKED), seen.log


def test_the_kernels_own_checks(dom0: tuple[str, Dom0], settings: Settings) -> None:
    """Mainline's choice: dom0 starts on the TSC, and watches it."""
    host, seen = dom0
    source = (tree_of(settings.kernel) / "arch/x86/kernel/tsc.c").read_text()
    if SUSPECTS_AMD in source and not HOSTS[host].tsc_reliable:
        assert UNSYNCHRONIZED in seen.log, seen.log
    else:
        assert "Switched to clocksource tsc" in seen.log, seen.log


def test_the_programs_agree(dom0: tuple[str, Dom0]) -> None:
    host, seen = dom0
    assert not check_dom0(seen.told, host, "kernel")
    assert not check_tap(seen.tap, 0), seen.tap
