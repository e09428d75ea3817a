# SPDX-License-Identifier: GPL-2.0-only
"""The patched kernel as dom0, PV and PVH, where Xen trusts the TSC and where not.

dom0 does what it does without the series.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from lab.checks.policy import expect_dom0
from lab.config import HOSTS, HostSpec
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
WHERE = {
    "untrusted": HOSTS["untrusted"],
    "trusted": HOSTS["trusted"],
    # Its TSC is emulated; with more CPUs QEMU loses interrupts
    "pvh": replace(HOSTS["untrusted"], pvh_dom0=True, cpus=1),
    "pvh-trusted": replace(HOSTS["trusted"], pvh_dom0=True, cpus=1),
}
TOOK_TSC = "Switched to clocksource tsc$"
SYSFS = "/sys/devices/system/clocksource/clocksource0"


@dataclass(frozen=True)
class Dom0:
    """What a dom0 says of itself."""

    spec: HostSpec
    log: str
    cpuinfo: str
    told: str
    tap: str
    available: str

    @property
    def report(self) -> Report:
        records = [Record.of_console(line) for line in self.log.splitlines()]
        return Report(kmsg=[record for record in records if record])


def boot(settings: Settings, spec: HostSpec, *, patched: bool = True) -> Dom0:
    images = make_images(settings.xen, settings.kernel)
    kernel = settings.patched if patched else settings.unpatched
    with Host(Run("dom0"), images, kernel, spec) as host:
        host.wait_boot()
        return Dom0(
            spec,
            host.must("dmesg"),
            host.must("cat /proc/cpuinfo"),
            host.must("xen-clock --json"),
            host.must("tsc-selftest") if patched else "",
            host.must(f"cat {SYSFS}/available_clocksource"),
        )


@pytest.fixture(scope="module", name="dom0", params=WHERE)
def fixture_dom0(request: pytest.FixtureRequest, settings: Settings) -> Dom0:
    return boot(settings, WHERE[request.param])


def test_the_verdict(dom0: Dom0) -> None:
    expected = expect_dom0(dom0.spec)
    verdicts = [line.facts for line in dom0.report.tsc_lines(BOOT)]
    assert [verdict["rule"] for verdict in verdicts] == [expected.rule], dom0.log
    assert verdicts[0]["verdict"] == expected.verdict
    # The time leaf of a PV dom0 has no frequency but the host's
    assert int(verdicts[0]["khz"]) > 0


def test_the_watchdog_is_kept(dom0: Dom0) -> None:
    """A TSC that is reliable is constant as well, but dom0 checks it all the same."""
    flags = dom0.cpuinfo.split()
    assert "tsc_reliable" not in flags
    assert ("constant_tsc" in flags) == (expect_dom0(dom0.spec).verdict == "reliable")


def test_nothing_is_forced(dom0: Dom0) -> None:
    """sched_clock stays on the pvclock and counts as stable, and nobody is demoted."""
    assert USING_TSC not in dom0.log
    assert "sched_clock: Marking stable" in dom0.log
    assert "sched_clock: Marking unstable" not in dom0.log
    assert not dom0.report.tsc_lines(MARKED), dom0.log


def test_the_kernels_own_checks(dom0: Dom0, settings: Settings) -> None:
    """Mainline's choice: dom0 starts on the TSC, and watches it."""
    source = (tree_of(settings.kernel) / "arch/x86/kernel/tsc.c").read_text()
    constant = expect_dom0(dom0.spec).verdict == "reliable"
    if SUSPECTS_AMD in source and not constant:
        assert UNSYNCHRONIZED in dom0.log, dom0.log
    else:
        assert "Switched to clocksource tsc" in dom0.log, dom0.log


def test_the_programs_agree(dom0: Dom0) -> None:
    assert not check_dom0(dom0.told, dom0.spec, "kernel")
    assert not check_tap(dom0.tap, 0), dom0.tap


def test_it_keeps_what_mainline_gives(dom0: Dom0, settings: Settings) -> None:
    """It may have more: mainline can take the TSC of a PVH dom0 for unsynchronized."""
    old = boot(settings, dom0.spec, patched=False)
    assert not old.report.tsc_lines(BOOT), old.log
    lost = set(old.available.split()) - set(dom0.available.split())
    assert not lost & {"tsc", "xen"}, dom0.log
    if old.report.grep(TOOK_TSC):
        assert dom0.report.grep(TOOK_TSC), dom0.log
