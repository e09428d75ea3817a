# SPDX-License-Identifier: GPL-2.0-only
"""The life that every guest of the lab leads: boot, measure, save, restore, report."""

from __future__ import annotations

import time
from dataclasses import dataclass

from lab.common import say
from lab.qemu import OrderFailed
from lab.witness import Report, parse
from lab.xen import Guest, GuestDied, Outside


@dataclass
class Life:
    """What is known of a guest when it is over."""

    guest: Guest
    report: Report
    outside: dict[str, Outside]
    seconds: float


def live(guest: Guest, *, suspend: bool = True, quiet: bool = False) -> Life:
    """One guest at a time: what it measures must not depend on a neighbour."""
    start = last = time.monotonic()

    def stage(text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if not quiet:
            say(f"lab: {guest.name}: {text} ({now - last:.1f} s)")
        last = now

    outside: dict[str, Outside] = {}
    try:
        guest.create()
        guest.wait_state("up")
        stage("booted")
        guest.phase("measure")
        guest.wait_state("ready")
        stage("measured, its readers run")
        outside["before"] = guest.outside()
        if suspend:
            guest.save()
            stage("saved")
            guest.restore()
            stage("restored")
        guest.phase("finish")
        guest.wait_state("done")
        outside["after"] = guest.outside()
        text = guest.report()
        guest.machine.run.path(f"{guest.name}.report").write_text(text)
        guest.shutdown()
        stage("reported")
    except (GuestDied, OrderFailed):
        guest.destroy()
        raise
    return Life(guest, parse(text), outside, time.monotonic() - start)
