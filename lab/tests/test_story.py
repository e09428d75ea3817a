# SPDX-License-Identifier: GPL-2.0-only
"""The judges that hold tellers against each other notice each that tells otherwise."""

from __future__ import annotations

import json

import pytest

from lab.judge_story import judge_story, judge_watch
from lab.judge_tool import judge_foresight
from lab.records import Event, Record
from lab.witness import Report

MHZ = "2596.128"
WHY = "its rate is not what it was at boot"
LOG = (
    "xen: TSC reliable: Xen vouches (row 7, mode native, native, 2596128 kHz, "
    "incarnation 1, Xen 4.17, request auto)",
    "xen: scheduler clock: TSC",
    f"xen: TSC given up: {WHY} (row 8, mode native, native, 2596128 kHz at boot, "
    "999999 kHz now, incarnation 2, Xen 4.17)",
    "xen: scheduler clock: pvclock, not stable",
)
SYSFS = {
    "verdict": "unstable",
    "row": "7",
    "reason": WHY,
    "frequency_khz": "999999",
    "incarnation": "2",
    "resumes": "1",
    "demotions": "1",
    "last_demotion": WHY,
    "sched_clock": "pvclock",
}
TRACE = (
    ("xen_tsc_verdict", "row=8 kept=0 emulated=0 khz=999999 incarnation=2"),
    ("xen_tsc_demote", "value=1 gap=0"),
)
WATCH = (
    ("clocksource", "tsc", "xen"),
    ("verdict", "reliable", "unstable"),
    ("reason", "Xen vouches", WHY),
    ("sched_clock", "TSC", "pvclock"),
    ("khz", "2596128", "999999"),
    ("incarnation", "1", "2"),
    ("resumes", "0", "1"),
    ("demotions", "0", "1"),
)
METRICS = f"""\
# HELP xen_clock_info What Xen and the kernel say, in words.
xen_clock_info{{sched_clock="pvclock",reason="{WHY}",last_demotion="{WHY}"}} 1
xen_clock_tsc_frequency_hertz 999999000
xen_clock_tsc_incarnation 2
xen_clock_clocksource{{clocksource="xen"}} 1
xen_clock_clocksource{{clocksource="tsc"}} 0
xen_clock_tsc_verdict{{verdict="reliable"}} 0
xen_clock_tsc_verdict{{verdict="unstable"}} 1
xen_clock_tsc_verdict_row 7
xen_clock_resumes_total 1
xen_clock_demotions_total 1
"""


@pytest.fixture(name="report")
def fixture_report() -> Report:
    changes = [
        dict(zip(("event", "what", "from", "to"), ("change", *c))) for c in WATCH
    ]
    return Report(
        values={
            "after.clocksource": "xen",
            "before.sysfs.frequency_khz": "2596128",
            "before.time_leaf": "0 2 2596128 1",
            **{f"after.sysfs.{name}": value for name, value in SYSFS.items()},
        },
        kmsg=[Record(4, number, number, text) for number, text in enumerate(LOG)],
        events=[
            Event(name, dict(word.split("=") for word in words.split()))
            for name, words in TRACE
        ],
        said={
            "xen-clock-watch.after": "\n".join(map(json.dumps, changes)),
            "xen-clock-metrics.after": METRICS,
        },
    )


def test_one_story(report: Report) -> None:
    assert not judge_story(report)


@pytest.mark.parametrize("name", SYSFS)
def test_sysfs_tells_otherwise(report: Report, name: str) -> None:
    report.values[f"after.sysfs.{name}"] = "9"
    assert judge_story(report)


@pytest.mark.parametrize("what", [what for what, _, _ in WATCH])
def test_watch_misses_a_change(report: Report, what: str) -> None:
    lines = report.said["xen-clock-watch.after"].splitlines()
    kept = [line for line in lines if f'"{what}"' not in line]
    report.said["xen-clock-watch.after"] = "\n".join(kept)
    assert judge_story(report)


@pytest.mark.parametrize(
    "line", [line for line in METRICS.splitlines()[1:] if not line.endswith(" 0")]
)
def test_metrics_tell_otherwise(report: Report, line: str) -> None:
    other = line.replace('"} 1', '"} 0') if "verdict{" in line else f"{line}23"
    if "source{" in line or "info{" in line:
        other = line.replace("xen", "tsc").replace("rate", "age")
    said = report.said["xen-clock-metrics.after"].replace(line, other)
    report.said["xen-clock-metrics.after"] = said
    assert judge_story(report)


@pytest.mark.parametrize("word", ("row=8", "khz=999999", "incarnation=2", "kept=0"))
def test_the_trace_tells_otherwise(report: Report, word: str) -> None:
    name = word.split("=")[0]
    report.events[0].values[name] = "3"
    assert judge_story(report)


def test_no_demotion_is_traced(report: Report) -> None:
    report.events.pop()
    assert judge_story(report)


@pytest.mark.parametrize(
    ("event", "status", "wrong"),
    [
        ({"event": "rate", "monotonic_ppm": -1.115}, "0", 0),
        ({"event": "rate", "monotonic_ppm": -614811.040}, "0", 1),
        ({"event": "step_back", "clock": "monotonic"}, "4", 2),
    ],
)
def test_watch(
    report: Report, event: dict[str, object], status: str, wrong: int
) -> None:
    report.said["xen-clock-watch.after"] += "\n" + json.dumps(event)
    report.values["status.xen-clock-watch.after"] = status
    assert len(judge_watch(report)) == wrong


def old(verdict: str, row: int, by: str = "policy", mhz: str = MHZ) -> Report:
    told = {"verdict": verdict, "row": row, "reason": "Xen vouches", "by": by}
    values = {"before.time_leaf": "0 2 2596128 1", "before.cpu_mhz": f"{mhz}"}
    return Report(
        values=values, said={"xen-clock.before": json.dumps({"verdict": told})}
    )


def test_foresight(report: Report) -> None:
    assert not judge_foresight(old("reliable", 7), report)
    # A pvclock that is off by a thousandth
    assert not judge_foresight(old("unverified", 3, mhz="2598.724"), report)
    for wrong in (old("unstable", 7), old("reliable", 5), old("reliable", 7, "kernel")):
        assert judge_foresight(wrong, report)
