# SPDX-License-Identifier: GPL-2.0-only
"""Checks of printk, of the clocks, and of what the kernel complains about."""

from __future__ import annotations

import re

from lab.guest.report import BOOT, CLOCKS, Report

# If sched_clock starts later than this, it did not start at zero
FIRST_STAMP_USEC = 1_000_000
# printk reads the time first and reserves its place in the log later.  In between
# another CPU can come first; how far depends on how long TCG stops a vCPU.
OTHER_CALLER_USEC = 100_000
# What the agent logs at its beginning and at its end
MOMENT = re.compile(r"^agent: \w+ at (\d+) ns$")
# A busy machine takes so long from reading the clock to logging it
ALIKE_USEC = 3_000_000


def check_printk(report: Report) -> list[str]:
    wrong = []
    if report.lost_records:
        wrong.append("the kernel's log lost records, its order cannot be checked")
    if report.kmsg[0].usec > FIRST_STAMP_USEC:
        wrong.append(f"the first printk is not at 0: {report.kmsg[0]}")
    # The verdict is the first line that Xen's sched_clock stamps
    for record, _ in report.tsc_lines(BOOT):
        if record.usec > FIRST_STAMP_USEC:
            wrong.append(f"sched_clock does not start at 0: {record}")
    back, where = report.printk_back_of_caller
    if back:
        wrong.append(f"printk time goes backwards by {back} us:\n{where}")
    back, where = report.printk_back
    if back > OTHER_CALLER_USEC:
        wrong.append(f"printk time goes backwards by {back} us over all:\n{where}")
    return wrong


def check_suspend(report: Report) -> list[str]:
    """printk continues where it was: it must not count the time of the suspend."""
    pair = report.over_suspend
    if pair is None:
        return ["the kernel's log does not show the suspend"]
    downtime = report.downtime
    jump = (pair[1].usec - pair[0].usec) * 1000
    if jump * 2 > downtime:
        return [
            f"printk time jumps by {jump} ns over a suspend of {downtime} ns:\n"
            f"{pair[0]}\n{pair[1]}"
        ]
    return []


def check_clocks(report: Report, suspended: bool) -> list[str]:
    wrong = []
    for clock in CLOCKS:
        for vcpu, steps in report.steps(clock).items():
            for what, back in (
                (f"on vCPU {vcpu}", steps.back),
                (f"from another vCPU to vCPU {vcpu}", steps.back_cross),
            ):
                if back:
                    wrong.append(f"CLOCK_{clock.upper()} goes back {back} ns {what}")
            if suspended and not steps.after:
                wrong.append(f"the reader on vCPU {vcpu} never saw the restore")
            elif steps.after < steps.before:
                wrong.append(
                    f"CLOCK_{clock.upper()} on vCPU {vcpu} is {steps.before} ns before "
                    f"the suspend and {steps.after} ns after it"
                )
    return wrong


def check_span(report: Report, seconds: float) -> list[str]:
    """Over a suspend no clock counts more than the guest's whole life took, by the host."""
    wrong = []
    for clock in CLOCKS:
        for vcpu, steps in report.steps(clock).items():
            counted = (steps.after - steps.before) / 1e9
            if counted > seconds:
                wrong.append(
                    f"CLOCK_{clock.upper()} on vCPU {vcpu} counts {counted:.1f} s over a "
                    f"suspend, and the guest's life took {seconds:.1f} s"
                )
    return wrong


def check_alike(report: Report) -> list[str]:
    """sched_clock, which stamps the log, and CLOCK_MONOTONIC have moved alike."""
    said = [(MOMENT.search(record.text), record) for record in report.kmsg]
    ahead = [record.usec - int(at[1]) // 1000 for at, record in said if at]
    if len(ahead) != 2:
        return [f"the agent logged CLOCK_MONOTONIC {len(ahead)} times, expected 2"]
    if abs(ahead[1] - ahead[0]) > ALIKE_USEC:
        return [
            f"sched_clock was {ahead[0]} us ahead of CLOCK_MONOTONIC, and {ahead[1]} "
            "us at the end"
        ]
    return []


def check_trouble(report: Report) -> list[str]:
    return [f"the kernel complains: {record}" for record in report.trouble]
