# SPDX-License-Identifier: GPL-2.0-only
"""Judges of the sleep, without QEMU: what is wrong must be called wrong."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from lab.checks import demotion, suspend
from lab.guest import suspend as sleep
from lab.guest.scenario import Life, tick
from lab.base.kmsg import Tick
from lab.guest.suspend import Cycles, Cycle
from tests.unit.test_lab import RECORDED
from lab.guest.report import SUSPENDING, Report, parse

# Of a guest that sleeps for 1.5 s of every 3, but longer at first, and of dom0: each
# tick is a quarter of a second after the cycle, and heard of by dom0 in another quarter
TICKS = [Tick(103.0 + 3 * n, 10.25 + 1.5 * n, 12.75 + 3 * n) for n in range(4)]
CYCLES = [Cycle(52.5, 53.5, 101.75, 102.5)]
CYCLES += [Cycle(100.5 + at, 101.5 + at, 101.75 + at, 102.5 + at) for at in (3, 6, 9)]


def test_recorded_sleep_is_right() -> None:
    report = parse(RECORDED)
    assert not suspend.check_timers(report)
    assert not suspend.check_accounts(report)
    assert not suspend.check_wakes(report, 1)
    assert not suspend.check_suspends(report, 1)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("sleeper.0 182 0 ", "sleeper.0 182 1 ", "vCPU 0 woke early 1 times"),
        ("180 0 35130462", "180 0 9000000000", "vCPU 1 woke 9000000000 ns late"),
        ("sleeper.1 180 ", "sleeper.1 0 ", "vCPU 1 never woke"),
        ("periodic 49 0 0", "periodic 90 40 0", "expired 40 times too often"),
        ("periodic 49 0 0", "periodic 11 0 39", "missed 39 of its periods"),
        (
            "0.stolen 0 0\n",
            "0.stolen 10000000 0\n",
            "stolen time goes back 10000000 ns",
        ),
        ("0.interrupt 0 0", "0.interrupt 0 15000000000", "interrupt time of vCPU 0"),
        ("1.total 0 0\n", "1.total 10000000 0\n", "total time goes back 10000000 ns"),
        ("1.stolen 0 0\n", "1.stolen 0 600000000000\n", "runs 600000000000 ns ahead"),
    ],
)
def test_wrong_sleep_is_wrong(old: str, new: str, complaint: str) -> None:
    assert old in RECORDED
    report = parse(RECORDED.replace(old, new))
    found = suspend.check_timers(report) + suspend.check_accounts(report)
    assert len(found) == 1 and complaint in found[0], found


def test_clocks_lack_a_pause_in_which_the_tsc_was_set_back() -> None:
    report = parse(RECORDED.replace("1.stolen 0 0\n", "1.stolen 0 2000000000\n"))
    assert suspend.check_accounts(report)
    assert not suspend.check_accounts(report, lost=1.5)


def cycles(ticks: list[Tick]) -> list[str]:
    """What is said of a guest of the recorded report, which slept so often."""
    report = parse(RECORDED.replace("2596127 2\n", f"2596127 {1 + len(CYCLES)}\n"))
    life = Life(None, report, {}, 0.0)  # type: ignore[arg-type]
    slept = Cycles(len(CYCLES), print, CYCLES, ticks, ticks[:1], ticks[-1:])
    return suspend.check_cycles(slept, life)


def later(number: int, **change: float) -> list[Tick]:
    """The ticks, of which all from a certain one on are off by so much."""
    return [
        replace_tick(tick, change) if index >= number else tick
        for index, tick in enumerate(TICKS)
    ]


def replace_tick(tick: Tick, change: dict[str, float]) -> Tick:
    return tick._replace(**{k: getattr(tick, k) + v for k, v in change.items()})


@pytest.mark.parametrize(
    ("ticks", "complaint"),
    [
        (TICKS, ""),
        # dom0 may have heard of it late, and said so early
        (later(3, boottime=1.4, monotonic=1.4), ""),
        (later(3, boottime=-1.4, monotonic=-1.4), ""),
        (later(2, boottime=1.6, monotonic=1.6), "gained from 1.100 to 2.100 s"),
        (later(3, boottime=-1.6, monotonic=-1.6), "gained from -2.100 to -1.100 s"),
        # Of the sleep it must count neither too little nor too much
        (later(1, monotonic=-0.7), "in cycle 2 the clocks say that 2.200 s were slept"),
        (later(3, monotonic=1.4), "in cycle 4 the clocks say that 0.100 s were slept"),
        (later(2, boottime=-1.4), "in cycle 3 the clocks say that 0.100 s were slept"),
        (later(2, boottime=0.7), "in cycle 3 the clocks say that 2.200 s were slept"),
        # The first makes up for what was lost at boot
        (later(0, boottime=5.0), ""),
    ],
)
def test_cycles(ticks: list[Tick], complaint: str) -> None:
    found = cycles(ticks)
    assert bool(found) == bool(complaint), found
    assert not complaint or any(complaint in problem for problem in found), found


def test_a_guest_that_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cycles of an earlier life are none of its own."""
    event = Cycles(2, print)
    event.cycles, event.ticks, event.early = CYCLES[:], TICKS[:], TICKS[:]
    event.late = TICKS[:]
    ticks = iter(TICKS)
    guest: Any = SimpleNamespace(
        name="weary", ticks=[], cycle=lambda _: (0.0, 0.1, 0.2, 0.3)
    )
    guest.wait_ticks = lambda _: guest.ticks.__setitem__(slice(None), [next(ticks)])
    monkeypatch.setattr(sleep, "tick", lambda *_: None)
    event.run(guest)
    assert event.ticks == TICKS[:2] and len(event.cycles) == 2
    assert event.early == TICKS[:1] and event.late == TICKS[1:2]


class Ticked:
    """A guest, as far as its life asks for its ticks."""

    rounds: list[int] = []

    def __init__(self, times: tuple[float, ...], late: float) -> None:
        self.ticks = [Tick(at, 700.0 + 2 * n, 0.0) for n, at in enumerate(times)]
        self.ticks[-1] = self.ticks[-1]._replace(
            monotonic=698.0 + 2 * len(times) + late
        )


@pytest.mark.parametrize(
    ("times", "late", "wrong"),
    [
        ((0, 2, 4, 6, 8, 10), 0, False),
        ((1.5, 2, 4, 6, 8, 10), 0, False),
        ((0, 1.97, 4.14, 6.09, 8.44, 10.67), 0, False),
        ((0, 2.11, 4.52, 7.38), 1.3, False),
        ((0, 2, 4, 6), 1.3, True),
        # Slept for too long by both clocks
        ((0, 2, 4, 12), 6.0, True),
        ((0, 2.6, 5.2, 7.8, 10.4, 13.0), 0, True),
        ((0, 4, 8, 12, 16, 20), 0, True),
        ((0, 1, 2, 3, 4, 5), 0, True),
        ((0, 600, 602, 604), 0, True),
    ],
)
def test_ticks(times: tuple[float, ...], late: float, wrong: bool) -> None:
    life = Life(Ticked(times, late), parse(RECORDED), {}, 0.0)  # type: ignore[arg-type]
    assert bool(demotion.check_ticks(life)) == wrong


class Heard:
    """A guest with ticks each two seconds, of which dom0 hears so much later."""

    def __init__(self, late: tuple[float, ...]) -> None:
        self.coming = [Tick(2 * n + s, 700.0 + 2 * n, 0.0) for n, s in enumerate(late)]
        self.ticks: list[Tick] = []
        self.rounds: list[int] = []
        self.asked: list[str] = []

    def phase(self, phase: str) -> None:
        self.asked.append(phase)

    def wait_ticks(self, number: int) -> None:
        self.ticks = self.coming[:number]


@pytest.mark.parametrize(
    ("late", "asked", "wrong"),
    [
        ((0, 0, 0, 0), 1, False),
        # It hears of the last one late, or of the first, or of the last one again
        ((0, 0, 0, 3, 3, 0, 0, 0), 2, False),
        ((3, 0, 0, 0, 0, 0, 0, 0), 2, False),
        ((0, 0, 0, 3, 0, 0, 0, 3), 2, False),
        # It was busy for the first three of them
        ((2.1, 2, 1.4) + (0,) * 13, 4, False),
        # However many it was asked for, the last of the first round counts
        ((0,) * 6 + (3,) * 22, 4, True),
        # Of the last ones never more than two count
        ((0,) * 3 + (3,) * 5 + (0, 0, 3, 3) * 2, 4, True),
        # The guest's clock loses time, or gains it, or stands still once
        (tuple(n / 2 for n in range(16)), 4, True),
        (tuple(-n / 2 for n in range(16)), 4, True),
        ((0,) + (3,) * 15, 4, True),
    ],
)
def test_ticks_that_are_heard_of_late(
    late: tuple[float, ...], asked: int, wrong: bool
) -> None:
    guest: Any = Heard(late)
    number = len(late) // asked - 1
    tick(guest, number)
    assert guest.asked == ([f"rest {number}", f"rest {number} more"] * 2)[:asked]
    assert bool(demotion.check_ticks(Life(guest, parse(RECORDED), {}, 0.0))) == wrong


def test_out_of_use() -> None:
    report = parse(RECORDED)
    assert not demotion.out_of_use(report)
    text = "tsc: Marking TSC unstable due to clocksource watchdog"
    last = report.kmsg[-1].sequence
    # After the resume the kernel has said what it had to say
    for sequence, out_of_use in ((1, True), (last, False)):
        watched = replace(report.kmsg[-1], sequence=sequence, text=text)
        seen = replace(report, kmsg=[*report.kmsg, watched])
        assert demotion.out_of_use(seen) == out_of_use
    verdict = RECORDED.replace("xen: TSC reliable:", "xen: TSC unstable:")
    assert demotion.out_of_use(parse(verdict))


def test_drift_is_between_order_and_answer() -> None:
    slept = Cycles(4, print, CYCLES, TICKS, TICKS[:1], TICKS[-1:])
    assert slept.drift == (-0.5, 0.5)
    # Of several answers the one counts that was least late
    late = [tick._replace(at=tick.at + 5.0) for tick in TICKS]
    slept = Cycles(4, print, CYCLES, TICKS, [TICKS[0], late[1]], [late[3], TICKS[3]])
    assert slept.drift == (-0.5, 0.5)
    slept = Cycles(4, print, CYCLES, TICKS, [late[0]], [late[3]])
    assert slept.drift == (-5.5, 5.5)


def test_cycles_are_counted() -> None:
    life = Life(None, parse(RECORDED), {}, 0.0)  # type: ignore[arg-type]
    slept = Cycles(4, print, CYCLES, TICKS, TICKS[:1], TICKS[-1:])
    found = suspend.check_cycles(slept, life)
    assert len(found) == 1 and "woke 4 times, yet" in found[0]


def test_every_suspend_counts() -> None:
    report = parse(RECORDED)
    for number in (0, 2):
        found = suspend.check_suspends(report, number)
        assert found == [f"1 suspends, expected {number}"]
    # Another one before, over which printk jumps forward or goes backwards
    at = next(n for n, r in enumerate(report.kmsg) if r.text.startswith(SUSPENDING))
    one, two = report.kmsg[at : at + 2]
    for jump, wrong in ((0, False), (4_000_000, True), (-2_000_000, True)):
        early = [one, replace(two, usec=two.usec + jump)]
        found = suspend.check_suspends(Report(kmsg=early + report.kmsg), 2)
        assert bool(found) == wrong, found
