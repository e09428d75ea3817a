# SPDX-License-Identifier: GPL-2.0-only
"""What programs that follow the clock of the host have measured."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

# In seconds: dom0 is set by more than that, and nothing else is as much
BIG = 1.0
# Averages of chrony's, or measurements of phc2sys', until the guest's clock is right: the
# latter takes two to find out how fast it drifts, and steps by the third
CHRONY_POLLS, PHC2SYS_POLLS = 2, 3
# In seconds
AGREED = 0.001
# chronyc's signs for a source that is wrong, too variable, or not there
DOUBTED = "x~?"
CHRONY_STEPPED = "System clock was stepped"
PHC2SYS = re.compile(r"^phc2sys\[.*\]: .* offset +(-?\d+) s([012]) ", re.M)


@dataclass(frozen=True)
class Sample:
    """How far the guest's clock is off, in seconds; an average of some, or one alone."""

    offset: float
    average: bool = True


def read_chrony(text: str) -> list[Sample]:
    """Of its refclocks.log, where averages have no number and no raw offset."""
    samples = []
    measured = text.partition("measured:\n")[2].partition("logged:\n")[0]
    for line in measured.splitlines():
        words = line.split()
        if len(words) == 9 and words[3] == "-":
            samples.append(Sample(float(words[7])))
        elif len(words) == 9 and words[3].isdigit():
            samples.append(Sample(float(words[6]), average=False))
    return samples


def read_phc2sys(text: str) -> list[Sample]:
    return [Sample(int(ns) / 1e9) for ns, _ in PHC2SYS.findall(text)]


def wrong(samples: list[Sample]) -> list[Sample]:
    return [sample for sample in samples if abs(sample.offset) > BIG]


def polls_until_right(samples: list[Sample]) -> int:
    """How many averages were taken while the clock was off, from the first sample on."""
    off = wrong(samples)
    if not off:
        return 0
    first = samples.index(off[0])
    last = len(samples) - 1 - samples[::-1].index(off[-1])
    return sum(sample.average for sample in samples[first : last + 1])


def check_followed(samples: list[Sample], most: int) -> list[str]:
    """dom0's clock was set, and the guest's is as soon as that."""
    polls = polls_until_right(samples)
    if not wrong(samples):
        return ["dom0's clock was set, and nothing was measured of that"]
    if wrong(samples[-1:]):
        return ["the guest's clock has not followed"]
    return [f"it took {polls} polls, at most {most}"] if polls > most else []


def check_stayed(samples: list[Sample]) -> list[str]:
    """The guest's clock was right from the first measurement on."""
    if not samples:
        return ["nothing was measured"]
    return [f"the clock was off: {sample}" for sample in wrong(samples)]


def check_chrony_steps(text: str, steps: int) -> list[str]:
    """None that nobody asked for."""
    seen = text.partition("logged:\n")[2].count(CHRONY_STEPPED)
    return [f"chrony stepped {seen} times, expected {steps}"] if seen != steps else []


@dataclass(frozen=True)
class Source:
    """What chrony thinks of it: its state, and by how much the guest is ahead, in s."""

    name: str
    state: str
    offset: float
    # How far the true time can be from that
    error: float


def read_sources(text: str) -> dict[str, Source]:
    """As "chronyc -c sources" prints them, and then others print other things."""
    sources = {}
    for line in text.splitlines():
        words = line.split(",")
        if len(words) == 10 and words[0] in "^=#":
            source = Source(words[2], words[1], float(words[7]), float(words[9]))
            sources[source.name] = source
    return sources


def check_agree(sources: dict[str, Source], names: tuple[str, ...]) -> list[str]:
    """Within a millisecond, and what NTP itself says that the network makes of it."""
    missing = [f"chrony has no source {name}" for name in names if name not in sources]
    if missing:
        return missing
    problems = [
        f"chrony doubts {one}" for one in sources.values() if one.state in DOUBTED
    ]
    host, ntp = (sources[name] for name in names)
    if abs(host.offset - ntp.offset) > AGREED + host.error + ntp.error:
        problems.append(f"{host} and {ntp} do not agree")
    return problems


def tool_offset(text: str) -> float | None:
    """By xen-clock at the end, in seconds."""
    said = json.loads(text.partition("tool:\n")[2])["host_clock"]["offset_ns"]
    return None if said is None else said / 1e9
