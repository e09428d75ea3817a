# SPDX-License-Identifier: GPL-2.0-only
"""Holds what was seen against what is expected; says every difference."""

from __future__ import annotations

from lab.checks.policy import Expectation, expect, expect_leaf
from lab.config import Host
from lab.host.xen_tsc import Outside
from lab.guest.report import BOOT, CLOCKS, Report

# If sched_clock starts later than this, it did not start at zero
FIRST_STAMP_USEC = 1_000_000
# printk reads the time first and reserves its place in the log later.  In between
# another CPU can come first; how far depends on how long TCG stops a vCPU.
OTHER_CALLER_USEC = 100_000
# Xen calibrates the TSC at boot, with a small error
CALIBRATION_KHZ = 10


def expected_of(report: Report, tsc_mode: str, cmdline: str, host: Host) -> Expectation:
    """What the policy says of the facts that this guest was shown."""
    itsc = report.fact("before.itsc") == "1"
    return expect(tsc_mode, cmdline, host, itsc=itsc)


def judge_kind(report: Report, kind: str) -> list[str]:
    seen = report.fact("before.kind").lower()
    return [] if seen == kind else [f"the guest is a {seen} one, not a {kind} one"]


def judge_policy(report: Report, expected: Expectation) -> list[str]:
    """Verdict, clocksource and sched_clock, after boot and after the restore."""
    wrong: list[str] = []

    def compare(what: str, seen: object, wanted: object) -> None:
        if wanted is not None and seen != wanted:
            wrong.append(f"{what} is {seen}, expected {wanted}")

    if not report.verdicts and expected.verdict is not None:
        wrong.append("the kernel printed no verdict (no line 'xen: TSC ...')")
    for verdict in report.verdicts:
        compare("verdict", verdict["verdict"], expected.verdict)
        compare("rule", verdict["rule"], expected.rule)
    compare("sched_clock", report.sched_clock, expected.sched_clock)
    for when in ("before", "after"):
        compare(
            f"clocksource {when} the suspend",
            report.fact(f"{when}.clocksource"),
            expected.clocksource,
        )
        compare(
            f"tsc among the available clocksources {when} the suspend",
            "tsc" in report.fact(f"{when}.available").split(),
            expected.tsc_offered,
        )
        compare(
            f"tsc_reliable in /proc/cpuinfo {when} the suspend",
            report.fact(f"{when}.tsc_reliable") == "1",
            expected.tsc_forced,
        )
        compare(
            f"sched_clock_stable() {when} the suspend",
            report.fact(f"{when}.stable") == "1",
            expected.stable,
        )
    compare(
        "number of warnings about xen_tsc_reliable",
        len(report.parameter_warnings),
        expected.parameter_warnings,
    )
    return wrong


def judge_printk(report: Report) -> list[str]:
    wrong = []
    if report.lost_records:
        wrong.append("the kernel's log lost records, its order cannot be judged")
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


def judge_suspend(report: Report) -> list[str]:
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


def judge_clocks(report: Report, suspended: bool) -> list[str]:
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


def judge_outside(report: Report, outside: dict[str, Outside]) -> list[str]:
    """The guest's time leaf says what Xen itself says."""
    wrong = []
    for when, seen in outside.items():
        leaf = report.time_leaf(when)
        for what, inside, right in (
            ("mode", leaf.mode, seen.mode),
            ("kHz", leaf.khz, seen.khz),
            ("incarnation", leaf.incarnation, seen.incarnation),
            ("host_reliable", leaf.host_reliable, seen.host_reliable),
        ):
            if inside != right:
                wrong.append(
                    f"time leaf {when} the suspend: {what} against Xen's: "
                    f"{inside} is not {right}"
                )
    return wrong


def judge_leaf(
    report: Report,
    host: Host,
    tsc_mode: str,
    outside: dict[str, Outside],
    *,
    moved_to: Host | None = None,
    same_frequency: bool = True,
) -> list[str]:
    """The guest's time leaf against what was asked for and Xen's own words.

    After the suspend it may be on another host, of the same frequency to the kHz or not.
    """
    wrong = judge_outside(report, outside)
    for when in outside:
        expected = expect_leaf(tsc_mode, host)
        if when == "after" and moved_to:
            expected = expect_leaf(tsc_mode, moved_to, same_frequency=same_frequency)
        leaf = report.time_leaf(when)
        for what, inside, right in (
            ("mode", leaf.mode, expected.mode),
            ("emulated", leaf.emulated, expected.emulated),
            ("host_reliable", leaf.host_reliable, expected.host_reliable),
        ):
            if inside != right:
                wrong.append(
                    f"time leaf {when} the suspend: {what}: {inside} is not {right}"
                )
    # A guest keeps its frequency for life
    khz = report.time_leaf("before").khz
    if host.tsc_khz and abs(khz - host.tsc_khz) > CALIBRATION_KHZ:
        wrong.append(f"the TSC has {khz} kHz, the host {host.tsc_khz}")
    return wrong


def judge_trouble(report: Report) -> list[str]:
    return [f"the kernel complains: {record}" for record in report.trouble]
