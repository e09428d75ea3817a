# SPDX-License-Identifier: GPL-2.0-only
"""What Debian's programs in a guest make of its clocks."""

from __future__ import annotations

import re

# Prometheus', see tools/xen-clock/prometheus/alerts.yml
ALERT = "XenClockDemoted"

Sections = dict[str, str]

EXISTS = re.compile(r"exists ([01]), asked from (\d+) to (\d+) ms, lives (\d+) ms")
BACK = re.compile(r"(\S+) (\d+) entries, (\d+) back")
# Chrony's bound on how fast the clock runs, beyond which it cannot correct it
MAX_PPM = 500.0


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
    found = EXISTS.search(said.get("redis", ""))
    if not found:
        return [f"Redis says nothing of its key: {said.get('redis', '').strip()}"]
    exists, begin, end, lives = map(int, found.groups())
    # The key was set a moment after the clock was read
    if not exists and end < lives:
        return [f"the key of {lives} ms was gone after {end} ms"]
    if exists and begin > lives + 1000:
        return [f"the key of {lives} ms was there after {begin} ms"]
    return []


def check_journal(said: Sections) -> list[str]:
    problems = []
    found = BACK.findall(said.get("journal", ""))
    if len(found) != 2:
        problems.append(f"the journal says nothing: {said.get('journal', '').strip()}")
    for field, entries, back in found:
        if not int(entries):
            problems.append(f"the journal has no {field}")
        if int(back) and field == "__MONOTONIC_TIMESTAMP":
            problems.append(f"{field} went back {back} times in {entries} entries")
    return problems


def check_beats(said: Sections) -> list[str]:
    if "in order" not in said.get("beats", ""):
        return [f"systemd's timer: {said.get('beats', '').strip() or 'silent'}"]
    return []


def check_chrony(said: Sections, *, follows: bool) -> list[str]:
    """With a PTP clock it follows that, at a rate that it can hold."""
    text = said.get("chrony", "")
    if not follows:
        return []
    if not re.search(r"Reference ID .*\(XEN\)", text):
        return [f"chrony does not follow the host's clock: {text.strip()}"]
    found = re.search(r"^Frequency +: ([\d.]+) ppm", text, re.MULTILINE)
    if not found or float(found[1]) > MAX_PPM:
        return ["chrony cannot hold the clock's frequency"]
    return []


def check_bursts(said: Sections, resumes: int) -> list[str]:
    """By xen-clock-chrony.service chrony measures as often as the guest resumes."""
    found = numbers(said.get("bursts", ""))
    return [] if found == [resumes] else [f"measured {found} times, not {resumes}"]


def summary(begin: str, end: str) -> list[str]:
    """What the programs themselves say of their clocks, for people."""
    first, last = sections(begin), sections(end)
    found = re.search(r"^Startup finished in .*= (.+?)\s*$", first["analyze"], re.M)
    lines = [f"systemd: started in {found[1]}" if found else "systemd: silent"]
    words = re.findall(r"^\[(\S*clocksource)\]\.\.\.(\w+)", last["redis-check"], re.M)
    lines.append("Redis: " + ", ".join(f"{what} {word}" for what, word in words))
    found = re.search(r"^Reference ID .*\((\w*)\)", last["chrony"], re.M)
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
        "node_exporter": check_pair(last, "counters", "CPU counters have shrunk"),
        "chrony": check_chrony(last, follows=follows) + check_bursts(last, resumes),
    }
