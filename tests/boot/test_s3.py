# SPDX-License-Identifier: GPL-2.0-only
"""dom0 suspends the host, S3, and its clock continues where it was."""

from __future__ import annotations

import time

import pytest

from lab.config import HOSTS
from lab.images.initramfs import make_images
from lab.host.host import Host
from lab.host.qmp import Qmp
from lab.host.rundir import Run
from lab.base.kmsg import Record
from lab.config import Settings
from lab.guest.report import MARKED, USING_TSC, Report

# The TSC counts meanwhile, and Xen's clock does not
ASLEEP = 5.0
STEP_LIMIT = 60.0
AWAKE = "PM: suspend exit"


def sleep(host: Host) -> None:
    """What dom0 has from the host by 9p is gone afterwards: its console is left."""
    with Qmp(host.run.directory) as monitor:
        host.must("(sleep 1; echo mem > /sys/power/state) > /dev/null 2>&1 &")
        monitor.wait("SUSPEND", STEP_LIMIT)
        time.sleep(ASLEEP)
        monitor.command("system_wakeup")
        monitor.wait("WAKEUP", STEP_LIMIT)
        # What is kept of a machine that hangs
        assert "CPU#0" in monitor.people("info registers -a")
    host.wait(lambda: any(AWAKE in line for line in host.console.lines))
    # What a work item has to say
    host.settle(host.console)


def lived(settings: Settings, name: str, words: str = "") -> Report:
    """The log of a dom0 that was suspended once."""
    images = make_images(settings.xen, settings.kernel)
    with Host(Run("s3"), images, settings.patched, HOSTS[name], words) as host:
        host.wait_boot()
        sleep(host)
        lines = list(host.console.lines)
    assert any("Entering ACPI S3 state" in line for line in lines), lines
    records = [Record.of_console(line) for line in lines]
    return Report(kmsg=[record for record in records if record])


@pytest.mark.parametrize("host", ("trusted", "untrusted"))
def test_the_clock_continues(settings: Settings, host: str) -> None:
    report = lived(settings, host)
    records, text = report.kmsg, "\n".join(map(str, report.kmsg))

    # sched_clock is the pvclock, wherever dom0 runs, and that stood still
    assert USING_TSC not in text, text
    steps = [two.usec - one.usec for one, two in zip(records, records[1:])]
    asleep = [n for n, r in enumerate(records) if "CPU 1 is now offline" in r.text][0]
    assert 0 <= steps[asleep] < ASLEEP / 2 * 1_000_000, text
    assert report.printk_back_of_caller[0] == 0, text

    # The core checks the TSC of dom0, and nobody else demotes it
    assert not report.tsc_lines(MARKED), text


def test_the_tsc_is_no_worse_for_it(settings: Settings) -> None:
    """It counts while Xen's clock does not, and the administrator calls it reliable."""
    report = lived(settings, "trusted", "tsc=reliable")
    assert not report.tsc_lines(MARKED), report.tsc_lines(MARKED)
    assert report.printk_back_of_caller[0] == 0, report.printk_back_of_caller[1]
