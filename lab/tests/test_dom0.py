# SPDX-License-Identifier: GPL-2.0-only
"""The patched kernel as PV dom0, where Xen trusts the TSC and where it does not."""

from __future__ import annotations

import contextlib
from typing import Iterator

from lab.hosts import HOSTS, Host
from lab.images import make_images
from lab.judge_selftest import RESUMES, judge_tap
from lab.judge_tool import DOM0, judge_dom0
from lab.linux import tree_of
from lab.qemu import Machine
from lab.runs import Run
from lab.settings import Settings
from lab.witness import GIVEN_UP, SCHED_CLOCK, VERDICT

CLOCKSOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
# Its dom0 has no debugfs mounted, and Xen no incarnation for it
DOM0_SKIPS = {RESUMES, "sched_clock_stable"}


@contextlib.contextmanager
def dom0(settings: Settings, host: Host) -> Iterator[Machine]:
    images = make_images(settings.xen, settings.kernel)
    with Machine(Run("dom0"), images, settings.patched, host) as machine:
        machine.wait_boot()
        yield machine


def test_dom0_is_left_to_the_kernels_own_checks(settings: Settings) -> None:
    with dom0(settings, HOSTS["untrusted"]) as machine:
        log = machine.must("dmesg")
        cpuinfo = machine.must("cat /proc/cpuinfo")
        told = machine.must("xen-clock --json")
        tap = machine.must("tsc-selftest")
    verdict = VERDICT.search(log)
    assert verdict is not None, log
    assert (verdict["verdict"], int(verdict["row"])) == DOM0["untrusted"]
    assert not judge_dom0(told, "untrusted", "kernel")
    assert not judge_tap(tap, 0, DOM0_SKIPS), tap
    # PV dom0's time leaf has no rate: it is the pvclock's
    assert int(verdict["khz"]) > 0

    sched_clock = SCHED_CLOCK.search(log)
    assert sched_clock is not None and sched_clock[1] == "pvclock", log
    # Upstream's choice: dom0 starts on the TSC, and watches it.  Linux 6.1 takes those
    # of AMD's CPUs for unsynchronized as soon as there are two.
    source = (tree_of(settings.kernel) / "arch/x86/kernel/tsc.c").read_text()
    if "num_possible_cpus() > 1" in source:
        assert "Marking TSC unstable due to TSCs unsynchronized" in log, log
    else:
        assert "Switched to clocksource tsc" in log, log
    assert "tsc_reliable" not in cpuinfo


def test_dom0_trusts_what_xen_trusts(settings: Settings) -> None:
    with dom0(settings, HOSTS["trusted"]) as machine:
        log = machine.must("dmesg")
        cpuinfo = machine.must("cat /proc/cpuinfo")
        told = machine.must("xen-clock --json")
        tap = machine.must("tsc-selftest")
        clocksource = machine.must(f"cat {CLOCKSOURCE}")
    verdict = VERDICT.search(log)
    assert verdict is not None, log
    assert (verdict["verdict"], int(verdict["row"])) == DOM0["trusted"]
    assert not judge_dom0(told, "trusted", "kernel")
    assert not judge_tap(tap, 0, DOM0_SKIPS), tap
    assert int(verdict["khz"]) > 0

    sched_clock = SCHED_CLOCK.search(log)
    assert sched_clock is not None and sched_clock[1] == "TSC", log
    assert "tsc_reliable" in cpuinfo
    assert clocksource.strip() == "tsc"
    assert not GIVEN_UP.search(log), log
