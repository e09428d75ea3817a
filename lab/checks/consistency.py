# SPDX-License-Identifier: GPL-2.0-only
"""A TSC that was demoted: whoever tells of it must tell one and the same story."""

from __future__ import annotations

import json
import re

from lab.checks.trace_events import DEMOTE, RESUME, values_of
from lab.guest.report import Report

METRIC = re.compile(r"^xen_clock_(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')
# What no emulation comes to, and far less than two hosts differ
FREQUENCY_PPM = 50_000
Told = dict[str, str]


def told_by_log(report: Report) -> Told:
    told = {
        "verdict": "unstable",
        "demoted": str(len(report.demotions)),
        "booted": report.verdicts[0]["khz"],
        "sched_clock": report.sched_clock,
    }
    for _, facts in report.demotions:
        told |= {name: facts[name] for name in ("reason", "khz", "incarnation")}
    return told


def told_by_sysfs(report: Report) -> Told:
    names = ("verdict", "reason", "incarnation", "demoted")
    return {
        **{name: report.fact(f"after.sysfs.{name}") for name in names},
        "khz": report.fact("after.sysfs.frequency_khz"),
        "booted": report.fact("before.sysfs.frequency_khz"),
    }


def told_by_trace(report: Report) -> Told:
    told = {"demoted": str(len(values_of(report, DEMOTE)))}
    for seen in values_of(report, RESUME):
        told["sched_clock"] = seen["source"]
    return told


def told_by_watch(report: Report) -> Told:
    """What changed while it ran."""
    lines = report.words("xen-clock-watch.after").splitlines()
    events = [json.loads(line) for line in lines]
    changes = [event for event in events if event["event"] == "change"]
    told = {event["what"]: event["to"] for event in changes}
    booted = [event["from"] for event in changes if event["what"] == "khz"]
    return told | {"booted": booted[0] if booted else "no change"}


def told_by_metrics(report: Report) -> Told:
    found = METRIC.findall(report.words("xen-clock-metrics.after"))
    value = {name: number for name, labels, number in found if not labels}
    told = {
        "demoted": value["demoted"],
        "incarnation": value["tsc_incarnation"],
        "khz": str(int(value["tsc_frequency_hertz"]) // 1000),
    }
    for name, text, number in found:
        labels = dict(LABEL.findall(text))
        if name in ("tsc_verdict", "clocksource") and number == "1":
            key = name.removeprefix("tsc_")
            told[key] = labels[key]
    return told


def check_watch(report: Report) -> list[str]:
    """No clock went backwards, and MONOTONIC was never off by some percent."""
    lines = report.words("xen-clock-watch.after").splitlines()
    events = [json.loads(line) for line in lines]
    wrong = [f"watch: {e}" for e in events if e["event"] == "step_back"]
    wrong += [
        f"watch: no frequency of a host's: {e}"
        for e in events
        if e["event"] == "rate" and abs(e["monotonic_ppm"]) > FREQUENCY_PPM
    ]
    told = [e for e in events if e["event"] == "resume"]
    if len(told) != 1:
        wrong.append(f"watch: told of {len(told)} resumes")
    status = report.fact("status.xen-clock-watch.after")
    return wrong + ([f"watch: exit status {status}"] if status != "0" else [])


def check_wait(report: Report) -> list[str]:
    """Blocked until the guest was moved, and says whether that demoted the TSC."""
    [line] = report.words("xen-clock-wait.after").splitlines()
    demoted = report.fact("after.sysfs.demoted") != "0"
    wanted = ("demotion", "6") if demoted else ("resume", "0")
    seen = (json.loads(line)["event"], report.fact("status.xen-clock-wait.after"))
    return [f"wait: {seen}, expected {wanted}"] if seen != wanted else []


def check_story(report: Report) -> list[str]:
    """One move, one demotion: sysfs, the log, the trace, watch and metrics."""
    tellers = {
        "the log": told_by_log(report),
        "sysfs": told_by_sysfs(report),
        "the trace": told_by_trace(report),
        "watch": told_by_watch(report),
        "metrics": told_by_metrics(report),
        "the guest": {"clocksource": report.fact("after.clocksource")},
    }
    # Not all of them know the clocksource and sched_clock
    must = {
        "the log": "verdict reason khz booted incarnation demoted sched_clock",
        "sysfs": "verdict reason khz booted incarnation demoted",
        "the trace": "demoted sched_clock",
        "watch": "verdict reason khz booted incarnation demoted clocksource",
        "metrics": "verdict khz incarnation demoted clocksource",
    }
    wrong = [
        f"{teller} does not tell the {name}"
        for teller, names in must.items()
        for name in names.split()
        if name not in tellers[teller]
    ]
    for name in sorted({name for told in tellers.values() for name in told}):
        said = {who: told[name] for who, told in tellers.items() if name in told}
        if len(set(said.values())) != 1:
            wrong.append(f"they differ on the {name}: {said}")
    return wrong
