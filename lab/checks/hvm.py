# SPDX-License-Identifier: GPL-2.0-only
"""What an HVM guest has besides: an RTC, and clocks that are emulated."""

from __future__ import annotations

from dataclasses import dataclass

from lab.guest.report import Report

NSEC = 1_000_000_000
# The RTC counts whole seconds
RTC_STEP = NSEC
# timekeeping_suspend() takes the persistent clock for set if it has moved by more
# against CLOCK_REALTIME, and else makes up for it
RESUME = 2 * NSEC
# What the RTC shows is Xen's wall clock, which dom0 sets to its own one, and of that
# only whole seconds are known
DOM0_STEP = NSEC
# The same if dom0 loses ticks while it boots, as it does under TCG: no hardware does so
TCG_LOST_TICKS = NSEC
# The emulation's jitter, for which no hardware has a reason: an HVM guest asks dom0
# about each of its devices when it is suspended and when it resumes, before its tasks
# run again, and the shim is an emulated Xen in an emulated machine.  It was up to 6 s.
DEVICES_NS = 10 * NSEC
# Linux prefers each of Xen's clock and the TSC to these
EMULATED = ("hpet", "acpi_pm")
# Linux looks at the PM timer first.  It refuses one that wraps while 1.1 ms pass, or that
# stands still, as Xen's does where pCPUs disagree on the time: both occur under TCG.
REFUSED = {"acpi_pm": "PM-Timer (had inconsistent results|failed consistency check)"}


@dataclass(frozen=True)
class RtcReading:
    """The RTC, and a clock before and after, in ns; the RTC may be a second older."""

    rtc: int
    early: int
    late: int

    @staticmethod
    def of_words(text: str) -> RtcReading:
        """The agent gives the RTC in seconds, and CLOCK_REALTIME in ns."""
        rtc, early, late = map(int, text.split())
        return RtcReading(rtc * NSEC, early, late)

    @property
    def least(self) -> int:
        """By how much it is ahead of the clock at least, in ns..."""
        return self.rtc - self.late

    @property
    def most(self) -> int:
        """... and at most."""
        return self.rtc + RTC_STEP - self.early


def check_rtc(report: Report) -> list[str]:
    """The RTC goes on as CLOCK_REALTIME does, over all that happens."""
    before, after = (
        RtcReading.of_words(report.fact(f"{when}.rtc")) for when in ("before", "after")
    )
    if before.least - after.most > RESUME or after.least - before.most > RESUME:
        return [f"RTC and CLOCK_REALTIME move apart, from {before} to {after}"]
    return []


def check_rtc_time(reading: RtcReading) -> list[str]:
    """It has the time that dom0's clock had before and after, in whole seconds."""
    margin = DOM0_STEP + TCG_LOST_TICKS
    if reading.least > margin or reading.most < -margin:
        return [f"the RTC has not the time that dom0 has: {reading}"]
    return []


def check_emulated(report: Report) -> list[str]:
    """The guest has them, so that they could have been taken, and they were not."""
    wrong = []
    expected = [
        name
        for name in EMULATED
        if name not in REFUSED or not report.grep(REFUSED[name])
    ]
    for when in ("before", "after"):
        available = report.fact(f"{when}.available").split()
        wrong += [
            f"{name} is not among the clocksources {when} the suspend: {available}"
            for name in expected
            if name not in available
        ]
        if (used := report.fact(f"{when}.clocksource")) in EMULATED:
            wrong.append(f"{used} is used {when} the suspend")
    return wrong
