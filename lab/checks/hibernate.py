# SPDX-License-Identifier: GPL-2.0-only
"""What a guest's clocks made of the time that it was an image."""

from __future__ import annotations

import re

from lab.base.common import LabError
from lab.guest.scenario import Life
from lab.base.kmsg import Record

# Up to Linux 6.12 the second line comes, too
LAST_WORDS = re.compile(r"CPU \d+ is now offline|Creating image")
# A shorter hibernation shows nothing
SLEEP_NS = 1_000_000_000


def over_sleep(life: Life) -> tuple[Record, Record]:
    """The last record before the image and the first after it."""
    records = life.report.kmsg
    before = [record for record in records if LAST_WORDS.search(record.text)]
    after = [r for r in records if r.text.startswith("Enabling non-boot CPUs")]
    if before and after:
        return before[-1], after[0]
    raise LabError("the guest was not an image, or did not resume from it")


def jump(life: Life) -> float:
    """How far printk time jumps, as a part of the time that the guest was an image."""
    one, two = over_sleep(life)
    slept = max(
        boottime.jump - monotonic.jump
        for boottime, monotonic in zip(
            life.report.steps("boottime").values(),
            life.report.steps("monotonic").values(),
        )
    )
    if slept <= SLEEP_NS:
        raise LabError(f"the hibernation was too short to tell: {slept} ns")
    return (two.usec - one.usec) * 1000 / slept


def judge_hibernation(life: Life) -> list[str]:
    counted = jump(life)
    return [f"printk counts {counted:.0%} of the hibernation"] if counted > 0.5 else []
