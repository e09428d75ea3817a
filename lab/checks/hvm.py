# SPDX-License-Identifier: GPL-2.0-only
"""What an HVM guest has besides: an RTC, and clocks that are emulated."""

from __future__ import annotations

from lab.guest.report import Report

# The RTC counts seconds, and is read a moment before CLOCK_REALTIME
RTC_SECONDS = 2
# By so much can CLOCK_REALTIME be behind, as it lost time when the kernel counted ticks
# at boot, on a busy machine
BOOT_SECONDS = 60
# Linux prefers each of Xen's clock and the TSC to these
EMULATED = ("hpet", "acpi_pm")


def check_rtc(report: Report) -> list[str]:
    """It has the time of CLOCK_REALTIME, and goes on with that after the restore."""
    wrong, ahead = [], []
    for when in ("before", "after"):
        rtc, real = map(int, report.fact(f"{when}.rtc").split())
        ahead.append(rtc - real)
        if not -RTC_SECONDS <= rtc - real <= BOOT_SECONDS:
            wrong.append(f"the RTC has {rtc} {when} the suspend, and the clock {real}")
    if abs(ahead[1] - ahead[0]) > RTC_SECONDS:
        wrong.append(f"the RTC was {ahead[0]} s ahead, and is {ahead[1]} s ahead")
    return wrong


def check_emulated(report: Report) -> list[str]:
    """The machine has them, so that they could have been taken, and were not."""
    wrong = []
    for when in ("before", "after"):
        available = report.fact(f"{when}.available").split()
        wrong += [
            f"{name} is not among the clocksources {when} the suspend: {available}"
            for name in EMULATED
            if name not in available
        ]
        if (used := report.fact(f"{when}.clocksource")) in EMULATED:
            wrong.append(f"{used} is used {when} the suspend")
    return wrong
