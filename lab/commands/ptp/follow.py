# SPDX-License-Identifier: GPL-2.0-only
"""Guests without a network, in which chrony or phc2sys follows the clock of the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from lab.base.common import say
from lab.checks.followers import (
    CHRONY_POLLS,
    CHRONY_STEPPED,
    PHC2SYS_POLLS,
    Sample,
    check_agree,
    check_chrony_steps,
    check_followed,
    check_stayed,
    polls_until_right,
    read_chrony,
    read_phc2sys,
    read_sources,
    tool_offset,
)
from lab.guest.batch import Said, parse
from lab.guest.guest import Guest
from lab.guest.phc import set_forward, time_of
from lab.host.host import Host
from lab.host.network import DOM0

# What chrony-host.conf calls the clock of the host
PHC = "XEN"
# By how many seconds dom0's clock is set
STEP = 5
# The clock of the host to which the guest returns is behind by more than that takes
BEHIND = 600
# By how much less than that xen-clock may see it off in the end
CLOSE = 0.5

# What phc_ctl says when it reads the clock, and when it fails to set it. Its status is 0
# in any case, and it says that it has adjusted the clock, too.
PHC_CTL = (
    "clock time is",
    "offset from CLOCK_REALTIME is",
    "failed to set clock time",
    "failed to step clock",
)


class Follower:
    """A guest in which one of lab/payload/ptp/ does what it is told."""

    def __init__(self, guest: Guest, script: str) -> None:
        self.guest = guest
        self.problems: list[str] = []
        self._script = script
        self._number = 0

    def begin(self, order: str) -> None:
        self._number += 1
        self._order = f"{self._number} {self._script}-{order}"
        self.guest.phase(f"run {self._order}")

    def end(self) -> str:
        """What it printed."""
        self.guest.wait_state(f"ran {self._order}")
        number, name = self._order.split()
        said: Said = parse(self.guest.report())[name]
        path = f"{self.guest.name}-{number}-{name}.txt"
        self.guest.host.run.path(path).write_text(said.text)
        if said.status:
            self.problem(name, [f"status {said.status}: {said.text.strip()}"])
        return said.text

    def do(self, order: str) -> str:
        self.begin(order)
        return self.end()

    def problem(self, when: str, found: list[str]) -> None:
        self.problems += [f"{when}: {text}" for text in found]


def told(samples: list[Sample]) -> str:
    worst = max((abs(sample.offset) for sample in samples), default=0.0)
    return f"{len(samples)} measurements, {worst * 1e6:.0f} us at most"


@dataclass(frozen=True)
class Kind:
    """A program that follows: what it has measured, and how soon it must be right."""

    samples: Callable[[str], list[Sample]]
    polls: int
    # What else is wrong, by what it printed and how often it may have stepped
    check: Callable[[str, int], list[str]]


def _lives(follower: Follower, kind: Kind, away: Host) -> None:
    """dom0's clock is set, first while the guest runs, then while it is saved; and the
    guest is moved to a host whose clock is ahead, and back to one that is behind."""
    guest = follower.guest
    # At its boot the guest's clock may be off as well
    steps = follower.do("start").count(CHRONY_STEPPED) + 1
    follower.begin("step")
    set_forward(guest.host, STEP)
    _followed(follower, kind, "dom0's clock was set", steps)
    guest.save()
    set_forward(guest.host, STEP)
    guest.restore()
    _stay(follower, kind, "restored", steps)
    home = guest.host
    _move(guest, away, STEP)
    _stay(follower, kind, "moved", steps)
    follower.begin("step")
    _move(guest, home, -BEHIND)
    _followed(follower, kind, "moved to a host that is behind", steps + 1)
    guest.shutdown()


def _move(guest: Guest, away: Host, ahead: int) -> None:
    """To a host whose clock is ahead or behind by so many seconds.

    If it is ahead, the kernel itself makes up for that.
    """
    guest.save(share=True)
    set_forward(away, time_of(guest.host) + ahead - time_of(away))
    guest.move_to(away)


def _followed(follower: Follower, kind: Kind, when: str, steps: int) -> None:
    """It was stepped, and is right as soon as that."""
    text = follower.end()
    samples = kind.samples(text)
    polls = polls_until_right(samples)
    say(f"ptp: {follower.guest.name}: {when}: right again after {polls} polls")
    found = check_followed(samples, kind.polls) + kind.check(text, steps)
    follower.problem(when, found)


def _stay(follower: Follower, kind: Kind, when: str, steps: int) -> None:
    """Right from the first measurement on, without a step."""
    text = follower.do("stay")
    samples = kind.samples(text)
    say(f"ptp: {follower.guest.name}: {when}: {told(samples)}")
    follower.problem(when, check_stayed(samples) + kind.check(text, steps))


def _check_chrony(text: str, steps: int) -> list[str]:
    offset = tool_offset(text)
    problems = check_chrony_steps(text, steps)
    if offset is None or abs(offset) > CLOSE:
        problems.append(f"xen-clock says that the guest is {offset} s ahead")
    return problems


def run_chrony(guest: Guest, away: Host) -> list[str]:
    follower = Follower(guest, "chrony")
    _lives(follower, Kind(read_chrony, CHRONY_POLLS, _check_chrony), away)
    return follower.problems


def run_ntp(guest: Guest) -> list[str]:
    """dom0 is an NTP server as well: both ways to its clock lead to the same time."""
    follower = Follower(guest, "chrony")
    guest.host.must("chrony serve")
    guest.connect()
    follower.do("network")
    follower.do("start")
    _agree(follower, "started")
    guest.save()
    guest.restore()
    _agree(follower, "restored")
    guest.shutdown()
    return follower.problems


def _agree(follower: Follower, when: str) -> None:
    sources = read_sources(follower.do("sources"))
    for one in sources.values():
        say(f"ptp: {follower.guest.name}: {when}: {one}")
    follower.problem(when, check_agree(sources, (PHC, DOM0)))


def run_linuxptp(guest: Guest, away: Host) -> list[str]:
    follower = Follower(guest, "linuxptp")
    text = follower.do("ctl")
    for words in PHC_CTL:
        if words not in text:
            follower.problem("phc_ctl", [f"it has not said '{words}': {text}"])
    _lives(follower, Kind(read_phc2sys, PHC2SYS_POLLS, lambda _, __: []), away)
    return follower.problems
