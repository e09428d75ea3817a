# SPDX-License-Identifier: GPL-2.0-only
"""What Debian's programs in a guest make of its clocks."""

from __future__ import annotations

import re

# Prometheus', see tools/xen-clock/prometheus/alerts.yml
ALERT = "XenClockDemoted"

Sections = dict[str, str]

KEY = re.compile(r"there until (-?\d+) ms, gone after (\d+) ms, lives (\d+) ms")
BEATS = re.compile(r"(\d+) beats, at least (\d+) us apart")
# The period of lab-beat.timer, by CLOCK_MONOTONIC
PERIOD_USEC = 2_000_000
BACK = re.compile(r"(\S+) (\d+) entries, (\d+) back")
# What is left for chrony to correct, in seconds
LEFT = 0.1
# Redis goes by a time that it reads once in a while
REDIS_MS = 1000


def sections(text: str) -> Sections:
    """By the names of the programs, which follow "== "."""
    pieces = re.split(r"^== (.+)\n", text, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2]))


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split() if re.fullmatch(r"-?\d+", word)]


def check_started(said: Sections) -> list[str]:
    text = said.get("started", "").strip()
    return [] if text == "running" else [f"systemd is not content: {text or 'silent'}"]


def check_failed(said: Sections) -> list[str]:
    text = said.get("failed", "").strip()
    return [f"units have failed: {text}"] if text else []


def check_pair(said: Sections, name: str, what: str) -> list[str]:
    """Of so many, none may be wrong."""
    found = numbers(said.get(name, ""))
    if len(found) < 2 or not found[0]:
        return [f"{name} says nothing: {said.get(name, '').strip()}"]
    return [f"{found[1]} of {found[0]} {what}"] if found[1] else []


def check_redis(said: Sections) -> list[str]:
    """The key is there until its time is up, by the guest's own clock, and not after."""
    found = KEY.search(said.get("redis", ""))
    if not found:
        return [f"Redis says nothing of its key: {said.get('redis', '').strip()}"]
    there, gone, lives = map(int, found.groups())
    if there > lives + REDIS_MS:
        return [f"the key of {lives} ms was there after {there} ms"]
    if gone < lives:
        return [f"the key of {lives} ms was gone after {gone} ms"]
    return []


def check_journal(said: Sections) -> list[str]:
    problems = []
    found = BACK.findall(said.get("journal", ""))
    if len(found) != 2:
        problems.append(f"the journal says nothing: {said.get('journal', '').strip()}")
    for field, entries, back in found:
        if not int(entries):
            problems.append(f"the journal has no {field}")
        if int(back):
            problems.append(f"{field} went back {back} times in {entries} entries")
    return problems


def check_beats(said: Sections) -> list[str]:
    """A busy machine makes them late, but nothing makes them early."""
    text = said.get("beats", "").strip()
    found = BEATS.search(text)
    if not found or int(found[1]) < 2:
        return [f"systemd's timer says nothing: {text}"]
    if int(found[2]) < PERIOD_USEC:
        return [f"systemd's timer fired early: {text}"]
    return []


def check_chrony(said: Sections, *, follows: bool) -> list[str]:
    """With a PTP clock it follows that, and is where that is."""
    text = said.get("chrony", "")
    if not follows:
        return []
    if not re.search(r"Reference ID .*\(XEN\)", text):
        return [f"chrony does not follow the host's clock: {text.strip()}"]
    found = re.search(r"^System time +: ([\d.]+) seconds", text, re.MULTILINE)
    if not found or float(found[1]) > LEFT:
        return [f"chrony has not put the clock right: {text.strip()}"]
    return []


def check_metrics(said: Sections) -> list[str]:
    """Those of xen-clock come with the node exporter's own."""
    if "xen_clock_up 1" in said.get("metrics", "").splitlines():
        return []
    return [f"no metrics of xen-clock: {said.get('metrics', '').strip()}"]


def check_bursts(said: Sections, resumes: int) -> list[str]:
    """By xen-clock-chrony.service chrony measures as often as the guest resumes."""
    found = numbers(said.get("bursts", ""))
    return [] if found == [resumes] else [f"measured {found} times, not {resumes}"]


def summary(begin: str, end: str) -> list[str]:
    """What the programs themselves say of their clocks, for people."""
    first, last = sections(begin), sections(end)
    text = first.get("analyze", "")
    found = re.search(r"^Startup finished in .*= (.+?)\s*$", text, re.M)
    lines = [f"systemd: started in {found[1]}" if found else "systemd: silent"]
    text = last.get("redis-check", "")
    words = re.findall(r"^\[(\S*clocksource)\]\.\.\.(\w+)", text, re.M)
    lines.append("Redis: " + ", ".join(f"{what} {word}" for what, word in words))
    found = re.search(r"^Reference ID .*\((\w*)\)", last.get("chrony", ""), re.M)
    source = found[1] if found and found[1] else "nobody"
    return [*lines, f"chrony: follows {source}"]


def check_alert(said: dict[str, str]) -> dict[str, list[str]]:
    """Raised after a demotion, and gone after the reboot that followed."""
    problems = []
    if ALERT not in said["alert"]:
        problems.append(f"no alert was raised: {said['alert'].strip()}")
    calm = said["calm"].partition("alerts:\n")
    if not calm[1] or ALERT in calm[2]:
        problems.append(f"after a reboot the alerts are: {said['calm'].strip()}")
    return {"alert": problems}


def check_programs(
    begin: str, end: str, *, follows: bool, resumes: int
) -> dict[str, list[str]]:
    """Everything, by the names that the report shows."""
    first, last = sections(begin), sections(end)
    return {
        "systemd": check_started(first) + check_failed(last) + check_beats(last),
        "postgresql": check_pair(
            last, "postgresql", "rows are older than the one before"
        )
        + check_pair(last, "pgbench", "transactions took less than no time"),
        "redis": check_redis(last),
        "journal": check_journal(last),
        "python": check_pair(last, "stamps", "time stamps are older than the last"),
        "node_exporter": check_pair(last, "counters", "CPU counters have shrunk")
        + check_metrics(last),
        "chrony": check_chrony(last, follows=follows) + check_bursts(last, resumes),
    }
