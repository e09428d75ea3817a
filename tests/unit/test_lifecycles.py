# SPDX-License-Identifier: GPL-2.0-only
"""What happens to guests, told to a dom0 that is none."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.config import GuestSpec
from lab.guest import lifecycle
from lab.guest.clock_trace import Course
from lab.host.errors import OrderFailed
from lab.guest.scenario import TICKS, Scenario, Steps, live
from lab.checks.demotion import LATE_NS
from lab.guest.lifecycle import PAUSE_SECONDS, Crowd, replug, together
from lab.base.kmsg import Tick


class FakeHost:
    """Has a shell, and so many guests as have asked for one."""

    dead = False

    def __init__(self) -> None:
        self.orders: list[str] = []

    def must(self, command: str) -> str:
        self.orders.append(command)
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
        if done.returncode:
            raise OrderFailed(f"{done.returncode}: {done.stderr}")
        return done.stdout


class FakeGuest:
    """Notes what it is asked for; its name is that of a state, too."""

    vcpus = 2
    domid = 7
    spec = GuestSpec("fake")

    def __init__(self, name: str, host: FakeHost) -> None:
        self.name = name
        self.host = host
        self.asked: list[str] = []
        self.ticks: list[Tick] = []
        self.save_command = f"echo {name}"
        self.restore_command = "true"

    def __getattr__(self, name: str) -> Any:
        return lambda *words: self.asked.append(" ".join([name, *map(str, words)]))

    def phase(self, phase: str) -> None:
        self.asked.append(phase)
        if phase.startswith(("tick", "rest")):
            first = len(self.ticks)
            self.ticks += [Tick(98.0 + 2 * n, 49.0 + n, 0.0) for n in range(first, 5)]


def test_together(tmp_path: Path) -> None:
    """Each waits for the other: one after the other they would never end."""
    host = FakeHost()
    guests: list[Any] = [FakeGuest(name, host) for name in "ab"]
    wait = "touch {0}/{1}; n=0; until [ -e {0}/{2} ] || [ $n -gt 100 ]; do sleep 0.1; "
    wait += "n=$((n + 1)); done; [ -e {0}/{2} ]"
    together(guests, [wait.format(tmp_path, *names) for names in ("ab", "ba")])
    for commands in (["true", "exit 3"], ["exit 3", "true"]):
        with pytest.raises(OrderFailed, match="^3"):
            together(guests, commands)


def test_replugged_asleep() -> None:
    """Each time it is told before that happens."""
    host = FakeHost()
    guest: Any = FakeGuest("g", host)
    host.must = guest.asked.append  # type: ignore[assignment]
    replug.run(guest)
    away, back = (f"xl vcpu-set --ignore-host 7 {number}" for number in (1, 2))
    wanted = ["online 1", away, "save", "restore", "online 2", back, f"rest {TICKS}"]
    asked = [order for order in guest.asked if order in wanted]
    assert asked[: len(wanted)] == wanted


def test_neighbours_do_not_outlive_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost()
    guests: list[Any] = [FakeGuest(name, host) for name in "abc"]
    guests[1].save_command = "exit 4"
    with pytest.raises(OrderFailed, match="^4"):
        Crowd(guests[1:]).run(guests[0])
    assert all("destroy" in guest.asked for guest in guests[1:])


def test_all_of_a_crowd_report(monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost()
    guests: list[Any] = [FakeGuest(name, host) for name in "abc"]
    monkeypatch.setattr(lifecycle, "finish", lambda guest: ("outside", guest.name))
    crowd = Crowd(guests[1:])
    crowd.run(guests[0])
    reports: list[Any] = [life.report for life in crowd.others]
    assert reports == ["b", "c"]
    assert all("find" in guest.asked for guest in guests)


@pytest.mark.parametrize("error", [OrderFailed, ValueError])
def test_no_guest_outlives_an_error(error: type[Exception]) -> None:
    """Its memory is for those that follow."""

    class Fails(Scenario):
        def run(self, guest: Any) -> None:
            raise error("what is that?")

    host: Any = FakeHost()
    host.dead = False
    guest: Any = FakeGuest("g", host)
    with pytest.raises(error):
        live(guest, Fails(), quiet=True)
    assert guest.asked[0] == "create" and guest.asked[-1] == "destroy"


def test_nobody_is_late_by_what_the_lab_does() -> None:
    """Half of what is late is left for the machine."""
    assert 2 * PAUSE_SECONDS * 1e9 < LATE_NS


def test_course() -> None:
    """From the event on, by each of the two clocks."""
    guest: Any = FakeGuest("g", FakeHost())

    @Steps
    def event(_: Any) -> None:
        guest.ticks = [Tick(7.0, 60.0, 0.0), Tick(9.0, 61.0, 0.0)]

    course = Course(event)
    course.run(guest)
    assert course.points[-4:] == [(-2.0, -1.0), (0.0, 0.0), (0.0, 0.0), (2.0, 1.0)]
    # One that is run once more begins anew
    before = len(course.points)
    guest.ticks = []
    course.run(guest)
    assert len(course.points) == before
