# SPDX-License-Identifier: GPL-2.0-only
"""The report of `make boot`: a patched guest beside an unpatched one."""

from __future__ import annotations

from lab.expect import Expectation
from lab.life import Life
from lab.witness import CLOCKS, PARAMETER, Report

WIDTH = 30
KINDS = {0: "default", 1: "always_emulate", 2: "native"}


def row(label: str, *cells: str) -> str:
    return "  ".join(
        [f"  {label:<26}", *(f"{cell:<{WIDTH}}" for cell in cells)]
    ).rstrip()


def duration(nanoseconds: float) -> str:
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if abs(nanoseconds) >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def stamp(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e9:.6f}"


def leaf(report: Report, when: str) -> str:
    seen = report.time_leaf(when)
    words = [
        "emulated" if seen.emulated else "native",
        "host reliable" if seen.host_reliable else "host not reliable",
        f"{seen.khz} kHz",
    ]
    return f"{KINDS.get(seen.mode, seen.mode)}, " + ", ".join(words)


def verdict(report: Report) -> str:
    found = report.verdicts
    return f"{found[-1]['verdict']}, row {found[-1]['row']}" if found else "-"


def stable(report: Report) -> str:
    words = {"1": "stable", "0": "not stable"}
    before, after = (words[report.fact(f"{w}.stable")] for w in ("before", "after"))
    source = report.sched_clock or "-"
    return f"{source}, {before}" + (f", then {after}" if after != before else "")


def clocksource(report: Report) -> str:
    before = report.fact("before.clocksource")
    after = report.fact("after.clocksource")
    return before if before == after else f"{before}, then {after}"


def suspend_rows(lives: list[Life]) -> list[str]:
    """Time stamps on both sides of the suspend, and the biggest step back."""
    lines = []
    for clock in CLOCKS:
        cells = []
        for life in lives:
            steps = life.report.steps(clock)
            first = steps[min(steps)]
            back = life.report.worst_back(clock)
            cells.append(f"{stamp(first.before)} {stamp(first.after)} {duration(back)}")
        lines.append(row("CLOCK_" + clock.upper(), *cells))
    cells = []
    for life in lives:
        pair = life.report.over_suspend
        ends = f"{pair[0].usec / 1e6:.6f} {pair[1].usec / 1e6:.6f}" if pair else "?"
        cells.append(f"{ends} {duration(life.report.printk_back[0] * 1000)}")
    lines.append(row("printk", *cells))
    return lines


def said(report: Report) -> list[str]:
    """The patched kernel's own lines."""
    records = report.grep(f"xen: TSC|xen: scheduler clock|{PARAMETER}=.*invalid")
    records += [r for r in report.parameter_warnings if r not in records]
    return [f"  {record}" for record in sorted(records, key=lambda r: r.sequence)]


def render(
    patched: Life, unpatched: Life, expected: Expectation, problems: list[str]
) -> str:
    """All of it, ready to print."""
    lives = [patched, unpatched]
    new, old = patched.report, unpatched.report
    reports = [new, old]

    def ratio(what: str) -> str:
        return f"{old.cost(what) / new.cost(what):.1f} times less"

    def facts(key: str) -> list[str]:
        return [report.fact(key) for report in reports]

    counts = [
        "{0} then {1}".format(
            *(str(r.time_leaf(w).incarnation) for w in ("before", "after"))
        )
        for r in reports
    ]
    gain = old.run_init - new.run_init
    lines = [
        "",
        row("", "patched", "unpatched"),
        row("Linux", *facts("before.linux")),
        row("Xen", *(report.xen_version for report in reports)),
        row("domain", *facts("before.kind")),
        row("time leaf", leaf(new, "before")),
        row("", "", leaf(old, "before"))
        if leaf(new, "before") != leaf(old, "before")
        else "",
        row("incarnation", *counts),
        row("verdict", *map(verdict, reports)),
        row("clocksource", *map(clocksource, reports)),
        row("available", *facts("before.available")),
        row("scheduler clock", *map(stable, reports)),
        "",
        "The cost of one reading",
        *(
            row(label, *(duration(r.cost(what)) for r in reports), ratio(what))
            for label, what in (
                ("clock_gettime", "vdso"),
                ("... as a system call", "syscall"),
                ("rdtsc", "rdtsc"),
            )
        ),
        row(
            "boot to 'Run /init'",
            *(f"{r.run_init:.3f} s" for r in reports),
            f"{gain:.3f} s sooner",
        ),
        "",
        "Save and restore: before, after, biggest step back on any vCPU",
        *suspend_rows(lives),
        "",
        "What the patched kernel said",
        *said(new),
        "What Xen says of it (xl debug-keys s)",
        *(
            f"  {when} the suspend: {seen.line}"
            for when, seen in patched.outside.items()
        ),
        f"  host's TSC trusted: {'yes' if patched.outside['after'].host_reliable else 'no'}",
        "",
    ]
    if expected.unknown:
        lines.append("no expectation for " + ", ".join(expected.unknown))
    lines += [f"not as the policy says: {problem}" for problem in problems]
    lines.append("FAIL" if problems else "PASS")
    return "\n".join(lines)
