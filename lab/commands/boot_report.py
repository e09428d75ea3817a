# SPDX-License-Identifier: GPL-2.0-only
"""The report of `make boot`: a patched guest beside an unpatched one."""

from __future__ import annotations

from lab.checks.policy import Expectation
from lab.guest.scenario import Life
from lab.guest.report import CLOCKS, Report

WIDTH = 25
KINDS = {0: "default", 1: "always_emulate", 2: "native"}


def row(label: str, *cells: str) -> str:
    return "  ".join(
        [f"  {label:<21}", *(f"{cell:<{WIDTH}}" for cell in cells)]
    ).rstrip()


def duration(nanoseconds: float) -> str:
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if abs(nanoseconds) >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def stamp(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e9:.6f}"


def leaf_rows(reports: list[Report]) -> list[str]:
    leaves = [report.time_leaf("before") for report in reports]
    later = [report.time_leaf("after") for report in reports]
    modes = [KINDS.get(leaf.mode, str(leaf.mode)) for leaf in leaves]
    emulated = ["emulated" if leaf.emulated else "native" for leaf in leaves]
    return [
        row("time leaf: tsc_mode", *modes),
        row("  TSC", *(f"{e}, {l.khz} kHz" for e, l in zip(emulated, leaves))),
        row("  host reliable", *("yes" if l.host_reliable else "no" for l in leaves)),
        row(
            "  incarnation",
            *(f"{a.incarnation}, then {b.incarnation}" for a, b in zip(leaves, later)),
        ),
    ]


def verdict(report: Report) -> str:
    found = report.verdicts
    return f"{found[-1]['verdict']}, {found[-1]['rule']}" if found else "-"


def stable(report: Report) -> str:
    words = {"1": "stable", "0": "not stable"}
    before, after = (words[report.fact(f"{w}.stable")] for w in ("before", "after"))
    return f"{report.sched_clock}, {before}" + (
        f", then {after}" if after != before else ""
    )


def suspend_rows(lives: list[Life]) -> list[str]:
    """Time stamps on both sides of the suspend, and how far time went backwards."""
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


def cost_row(label: str, new: float, old: float) -> str:
    # On a busy machine a reading can seem to take no time
    gain = f"{old / new:.1f} times" if new else "-"
    return row(label, duration(new), duration(old), gain)


def seconds_row(label: str, new: float, old: float) -> str:
    return row(label, f"{new:.3f} s", f"{old:.3f} s", f"{old - new:.3f} s")


def cost_rows(new: Report, old: Report) -> list[str]:
    return [
        row("The cost of one reading", "", "", "gain"),
        cost_row("clock_gettime", new.cost("vdso"), old.cost("vdso")),
        cost_row("... as a system call", new.cost("syscall"), old.cost("syscall")),
        cost_row("rdtsc", new.cost("rdtsc"), old.cost("rdtsc")),
        seconds_row("boot to 'Run /init'", new.run_init, old.run_init),
        seconds_row("... to its frequency", new.calibrated, old.calibrated),
    ]


def said(report: Report) -> list[str]:
    """The patched kernel's own lines."""
    records = report.grep("xen: TSC|xen: sched_clock")
    records += [r for r in report.parameter_warnings if r not in records]
    return [f"  {record}" for record in sorted(records, key=lambda r: r.sequence)]


def render(
    patched: Life, unpatched: Life, expected: Expectation, problems: list[str]
) -> str:
    """All of it, ready to print."""
    lives = [patched, unpatched]
    new, old = patched.report, unpatched.report
    trusted = "yes" if patched.outside["after"].host_reliable else "no"
    reports = [new, old]

    def facts(key: str) -> list[str]:
        return [report.fact(key) for report in reports]

    lines = [
        "",
        row("", "patched", "unpatched"),
        row("Linux", *facts("before.linux")),
        row("Xen", *(report.xen_version for report in reports)),
        row("domain", *facts("before.kind")),
        *leaf_rows(reports),
        row("verdict", *map(verdict, reports)),
        row("clocksource", *(report.clocksource for report in reports)),
        row("available", *facts("before.available")),
        row("sched_clock", *map(stable, reports)),
        row("first printk at", *(f"{r.kmsg[0].usec / 1e6:.6f} s" for r in reports)),
        "",
        *cost_rows(new, old),
        "",
        "Save and restore: before, after, most that any vCPU saw it go backwards",
        *suspend_rows(lives),
        "",
        "What the patched kernel said",
        *said(new),
        "What Xen says of it (xl debug-keys s)",
        *(
            f"  {when} the suspend: {seen.line}"
            for when, seen in patched.outside.items()
        ),
        f"  host's TSC trusted: {trusted}",
        "",
    ]
    if expected.unknown:
        lines.append("no expectation for " + ", ".join(expected.unknown))
    lines += [f"not as the policy says: {problem}" for problem in problems]
    lines.append("FAIL" if problems else "PASS")
    return "\n".join(lines)
