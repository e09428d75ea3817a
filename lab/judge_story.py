# SPDX-License-Identifier: GPL-2.0-only
"""A TSC that was given up: whoever tells of it must tell one and the same story."""

from __future__ import annotations

import json
import re

from lab.judge_events import DEMOTE, VERDICT, values_of
from lab.witness import GIVEN_UP, Report

METRIC = re.compile(r"^xen_clock_(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')
LOG = re.compile(
    r"\(row (?P<row>\d+), .*, (?P<booted>\d+) kHz at boot, (?P<khz>\d+) kHz now, "
    r"incarnation (?P<incarnation>\d+),"
)
# What no emulation comes to, and far less than two hosts differ
RATE_PPM = 50_000
Told = dict[str, str]


def told_by_log(report: Report) -> Told:
    found = [GIVEN_UP.search(record.text) for record in report.grep(GIVEN_UP.pattern)]
    told = {
        "verdict": "unstable",
        "demotions": str(len(found)),
        "boot's row": report.verdicts[0]["row"],
        "sched_clock": str(report.sched_clock),
    }
    for match in found:
        facts = match and LOG.search(match[0])
        if match and facts:
            told |= {"reason": match["reason"], **facts.groupdict()}
    return told


def told_by_sysfs(report: Report) -> Told:
    def after(name: str) -> str:
        return report.fact(f"after.sysfs.{name}")

    names = ("verdict", "reason", "incarnation", "resumes", "demotions", "sched_clock")
    return {
        **{name: after(name) for name in names},
        "last demotion": after("last_demotion"),
        "boot's row": after("row"),
        "khz": after("frequency_khz"),
        "booted": report.fact("before.sysfs.frequency_khz"),
    }


def told_by_trace(report: Report) -> Told:
    verdicts = values_of(report, VERDICT)
    told = {"demotions": str(len(values_of(report, DEMOTE)))}
    for seen in verdicts:
        told |= {name: seen[name] for name in ("row", "khz", "incarnation")}
        told["verdict"] = "reliable" if int(seen["kept"]) else "unstable"
    return told | {"resumes": str(len(verdicts))}


def told_by_watch(report: Report) -> Told:
    """What changed while it ran."""
    lines = report.words("xen-clock-watch.after").splitlines()
    events = [json.loads(line) for line in lines]
    changes = [event for event in events if event["event"] == "change"]
    told = {event["what"]: event["to"] for event in changes}
    rates = [event["from"] for event in changes if event["what"] == "khz"]
    return told | {"booted": rates[0] if rates else "no change"}


def told_by_metrics(report: Report) -> Told:
    found = METRIC.findall(report.words("xen-clock-metrics.after"))
    value = {name: number for name, labels, number in found if not labels}
    told = {
        "demotions": value["demotions_total"],
        "resumes": value["resumes_total"],
        "incarnation": value["tsc_incarnation"],
        "khz": str(int(value["tsc_frequency_hertz"]) // 1000),
        "boot's row": value["tsc_verdict_row"],
    }
    for name, text, number in found:
        labels = dict(LABEL.findall(text))
        if name == "info":
            told |= {key: labels[key] for key in ("reason", "sched_clock")}
            told["last demotion"] = labels["last_demotion"]
        elif name in ("tsc_verdict", "clocksource") and number == "1":
            told |= {name.removeprefix("tsc_"): text for text in labels.values()}
    return told


def judge_watch(report: Report) -> list[str]:
    """No clock stepped back, and MONOTONIC was never off by some percent."""
    lines = report.words("xen-clock-watch.after").splitlines()
    events = [json.loads(line) for line in lines]
    wrong = [f"watch: {e}" for e in events if e["event"] == "step_back"]
    wrong += [
        f"watch: no rate of a host's: {e}"
        for e in events
        if e["event"] == "rate" and abs(e["monotonic_ppm"]) > RATE_PPM
    ]
    status = report.fact("status.xen-clock-watch.after")
    return wrong + ([f"watch: exit status {status}"] if status != "0" else [])


def judge_story(report: Report) -> list[str]:
    """One move, one demotion: sysfs, the log, the trace, watch and metrics."""
    tellers = {
        "the log": told_by_log(report),
        "sysfs": told_by_sysfs(report),
        "the trace": told_by_trace(report),
        "watch": told_by_watch(report),
        "metrics": told_by_metrics(report),
        "the guest": {"clocksource": report.fact("after.clocksource")},
    }
    # That of the row and the clocksource not all can know
    must = {
        "the log": "verdict reason row khz booted incarnation demotions sched_clock",
        "sysfs": "verdict reason khz incarnation resumes demotions sched_clock",
        "the trace": "verdict row khz incarnation resumes demotions",
        "watch": "verdict reason khz booted incarnation resumes demotions sched_clock"
        " clocksource",
        "metrics": "verdict reason khz incarnation resumes demotions sched_clock"
        " clocksource",
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
