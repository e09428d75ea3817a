# SPDX-License-Identifier: GPL-2.0-only
"""dom0 puts the host to sleep, S3, and goes on where it was."""

from __future__ import annotations

import time

import pytest

from lab.hosts import HOSTS
from lab.images import make_images
from lab.qemu import Machine
from lab.qmp import Qmp
from lab.runs import Run
from lab.records import Record
from lab.settings import Settings
from lab.witness import GIVEN_UP, KEPT, SCHED_CLOCK, Report

# The TSC goes on meanwhile, and Xen's clock does not
ASLEEP = 5.0
STEP_LIMIT = 60.0
AWAKE = "PM: suspend exit"


def sleep(machine: Machine) -> None:
    """What dom0 has from the host by 9p is gone afterwards: its console is left."""
    with Qmp(machine.run.directory) as monitor:
        machine.must("(sleep 1; echo mem > /sys/power/state) > /dev/null 2>&1 &")
        monitor.wait("SUSPEND", STEP_LIMIT)
        time.sleep(ASLEEP)
        monitor.command("system_wakeup")
        monitor.wait("WAKEUP", STEP_LIMIT)
        # What is kept of a machine that hangs
        assert "CPU#0" in monitor.people("info registers -a")
    machine.wait(lambda: any(AWAKE in line for line in machine.console.lines))


@pytest.mark.parametrize("host", ("trusted", "untrusted"))
def test_the_clock_goes_on(settings: Settings, host: str) -> None:
    images = make_images(settings.xen, settings.kernel)
    with Machine(Run("s3"), images, settings.patched, HOSTS[host]) as machine:
        machine.wait_boot()
        sleep(machine)
        lines = list(machine.console.lines)
    assert any("Entering ACPI S3 state" in line for line in lines), lines
    records = [record for record in map(Record.of_console, lines) if record]
    text = "\n".join(map(str, records))

    # The scheduler clock stood still
    sources = {"trusted": "TSC", "untrusted": "pvclock"}
    source = SCHED_CLOCK.search(text)
    assert source is not None and source[1] == sources[host], text
    steps = [two.usec - one.usec for one, two in zip(records, records[1:])]
    asleep = [n for n, r in enumerate(records) if "CPU 1 is now offline" in r.text][0]
    assert 0 <= steps[asleep] < ASLEEP / 2 * 1_000_000, text
    assert Report(kmsg=records).printk_back_of_caller[0] == 0, text

    # And it was looked at again: what nobody vouches for the core may have given
    # up before
    if host == "trusted":
        assert len(KEPT.findall(text)) == 1, text
    assert not GIVEN_UP.search(text), text
