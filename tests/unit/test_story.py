# SPDX-License-Identifier: GPL-2.0-only
"""The checks of consistency notice each source that differs from the others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lab.checks.consistency import check_story, check_wait, check_watch
from lab.checks.xen_clock import check_forecast, check_foresight, check_listed
from lab.base.kmsg import Event, Record
from lab.host.xen_tsc import Outside
from lab.guest.report import Report

WHY = "its frequency is not what it was at boot"
LOG = (
    "xen: TSC reliable: Xen guarantees it (rule invariant, mode native, native, "
    "2596128 kHz, incarnation 1, Xen 4.17)",
    "xen: sched_clock: using the TSC",
    f"xen: TSC marked unstable: {WHY} (rule never-emulated, mode native, native, "
    "999999 kHz, incarnation 2, Xen 4.17)",
)
SYSFS = {
    "verdict": "unstable",
    "reason": WHY,
    "frequency_khz": "999999",
    "incarnation": "2",
    "demoted": "1",
}
TRACE = (
    ("xen_sched_clock_resume", "source=pvclock value=1 offset=5"),
    ("xen_tsc_demote", "value=1 skew=0"),
)
WATCH = (
    ("clocksource", "tsc", "xen"),
    ("verdict", "reliable", "unstable"),
    ("reason", "Xen guarantees it", WHY),
    ("khz", "2596128", "999999"),
    ("incarnation", "1", "2"),
    ("demoted", "0", "1"),
)
METRICS = """\
# HELP xen_clock_tsc_frequency_hertz Frequency of the TSC by Xen's time leaf.
xen_clock_tsc_frequency_hertz 999999000
xen_clock_tsc_incarnation 2
xen_clock_clocksource{clocksource="xen"} 1
xen_clock_clocksource{clocksource="tsc"} 0
xen_clock_tsc_verdict{verdict="reliable",by="kernel"} 0
xen_clock_tsc_verdict{verdict="unstable",by="kernel"} 1
xen_clock_demoted 1
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
    assert not check_story(report)


@pytest.mark.parametrize("name", SYSFS)
def test_sysfs_tells_otherwise(report: Report, name: str) -> None:
    report.values[f"after.sysfs.{name}"] = "9"
    assert check_story(report)


@pytest.mark.parametrize("what", [what for what, _, _ in WATCH])
def test_watch_misses_a_change(report: Report, what: str) -> None:
    lines = report.said["xen-clock-watch.after"].splitlines()
    kept = [line for line in lines if f'"{what}"' not in line]
    report.said["xen-clock-watch.after"] = "\n".join(kept)
    assert check_story(report)


@pytest.mark.parametrize(
    "line", [line for line in METRICS.splitlines()[1:] if not line.endswith(" 0")]
)
def test_metrics_tell_otherwise(report: Report, line: str) -> None:
    other = line.replace('"} 1', '"} 0') if "verdict{" in line else f"{line}23"
    if "source{" in line:
        other = line.replace('"xen"', '"tsc"')
    said = report.said["xen-clock-metrics.after"].replace(line, other)
    report.said["xen-clock-metrics.after"] = said
    assert check_story(report)


def test_the_trace_tells_otherwise(report: Report) -> None:
    report.events[0].values["source"] = "TSC"
    assert check_story(report)


def test_no_demotion_is_traced(report: Report) -> None:
    report.events.pop()
    assert check_story(report)


@pytest.mark.parametrize(
    ("event", "status", "wrong"),
    [
        ({"event": "rate", "monotonic_ppm": -1.115}, "0", 0),
        ({"event": "resume"}, "0", 1),
        ({"event": "rate", "monotonic_ppm": -614811.040}, "0", 1),
        ({"event": "step_back", "clock": "monotonic"}, "4", 2),
    ],
)
def test_watch(
    report: Report, event: dict[str, object], status: str, wrong: int
) -> None:
    for one in ({"event": "resume"}, event):
        report.said["xen-clock-watch.after"] += "\n" + json.dumps(one)
    report.values["status.xen-clock-watch.after"] = status
    assert len(check_watch(report)) == wrong


@pytest.mark.parametrize(
    ("event", "status", "demoted", "wrong"),
    [
        ("resume", "0", "0", 0),
        ("demotion", "6", "1", 0),
        ("resume", "0", "1", 1),
        ("signal", "7", "0", 1),
        ("resume", "7", "0", 1),
    ],
)
def test_wait(
    report: Report, event: str, status: str, demoted: str, wrong: int
) -> None:
    report.said["xen-clock-wait.after"] = json.dumps({"event": event})
    report.values["status.xen-clock-wait.after"] = status
    report.values["after.sysfs.demoted"] = demoted
    assert len(check_wait(report)) == wrong


def old(verdict: str, rule: str, by: str = "policy") -> Report:
    told = {"verdict": verdict, "rule": rule, "reason": "Xen guarantees it", "by": by}
    return Report(said={"xen-clock.before": json.dumps({"verdict": told})})


def test_foresight(report: Report) -> None:
    assert not check_foresight(old("reliable", "invariant"), report)
    for wrong in (
        old("unstable", "invariant"),
        old("reliable", "native"),
        old("reliable", "invariant", "kernel"),
    ):
        assert check_foresight(wrong, report)


# A PV guest that was restored on a host of another frequency
MOVED = Report(
    values={
        "before.time_leaf": "0 2 2596128 1",
        "after.time_leaf": "0 2 1000000 2",
        "after.sysfs.verdict": "unstable",
        "after.host_khz": "1000000",
        "before.itsc": "0",
    }
)
# Xen prints no frequency of a TSC that is never emulated
OUTSIDE = Outside("", 2, 0, 2, False)
FORECAST: dict[str, Any] = {
    "emulated_before": False,
    "emulated_after": False,
    "frequency_khz": 1_000_000,
    "frequency_kept": False,
    "verdict_after": "unstable",
}
LISTED: dict[str, Any] = {
    "emulated": False,
    "mode_number": 2,
    "incarnation": 2,
    "kind": "PV",
}


def test_forecast() -> None:
    assert not check_forecast(FORECAST, MOVED, patched=True)
    for name, wrong in (
        *((name, not FORECAST[name]) for name in FORECAST if name[0] == "e"),
        ("emulated_after", None),
        ("frequency_khz", 2_596_128),
        ("frequency_kept", True),
        ("verdict_after", "reliable"),
    ):
        assert check_forecast({**FORECAST, name: wrong}, MOVED, patched=True)


def test_forecast_of_a_leaf_that_stays() -> None:
    """As that of a PVH guest, whose TSC runs at the frequency of the new host."""
    stays = {"after.time_leaf": "0 2 2596128 2"}
    assert not check_forecast(
        FORECAST, Report(values={**MOVED.values, **stays}), patched=True
    )


def test_forecast_of_what_dom0_does_not_see() -> None:
    both = 'reliable with cpuid="host,invtsc=1", unstable without'
    said = {**FORECAST, "verdict_after": "unknown", "reason_after": both}
    assert not check_forecast(said, MOVED, patched=True)
    shown = Report(values={**MOVED.values, "before.itsc": "1"})
    assert check_forecast(said, shown, patched=True)
    assert check_forecast({**said, "reason_after": ""}, MOVED, patched=True)


def test_listed() -> None:
    said = {**LISTED, "frequency_khz": 2_596_128}
    assert not check_listed(said, MOVED, OUTSIDE)
    for name, wrong in (
        ("emulated", True),
        ("mode_number", 0),
        ("incarnation", 1),
        ("kind", "HVM or PVH"),
    ):
        assert check_listed({**said, name: wrong}, MOVED, OUTSIDE)
    assert check_listed(said, MOVED, replace(OUTSIDE, khz=1_000_000))
