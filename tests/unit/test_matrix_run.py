# SPDX-License-Identifier: GPL-2.0-only
"""How a case of the matrix is run and checked, without QEMU."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.checks import all as checks
from lab.commands.matrix import run as matrix_run
from lab.guest import session
from lab.images import kernel as linux

from lab.base.common import TOP, LabError
from lab.config import GuestSpec, XENS, Xen
from lab.images.initramfs import Images
from lab.checks.all import Slept, check_series
from lab.guest.scenario import Scenario, Life
from lab.guest.lifecycle import Crowd
from lab.commands.matrix.table import LIFECYCLES, Cell, Stage, cells
from lab.base.select import select
from lab.commands.matrix.run import Sessions, outcome_of
from lab.commands.matrix.outcome import ALIVE
from lab.commands.result import Result
from lab.images.debian import Unavailable
from lab.host.host import YOUNGER
from lab.config import Settings
from tests.unit.test_death import empty_kernel, stand_in
from tests.unit.test_lab import HOST, RECORDED
from tests.unit.test_cycles import CYCLES, TICKS
from lab.guest.report import parse

SAVE, PAUSE = select("4.17-untrusted-pv-save", cells()) + select(
    "4.17-untrusted-pv-pause", cells()
)
CROWD = select("4.17-untrusted-pv-crowd", cells())[0]
YOUNG = select("4.14-untrusted-pv-move-younger", cells())[0]
OLD = select("4.17-untrusted-pv-move-older", cells())[0]
SETTINGS = Settings()
# Of the recorded guest, and of others
RIGHT, WRONG = "emulated", "native"


def test_a_xen_that_cannot_be_had_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def unavailable(xen: Xen, kernel: str) -> Images:
        asked.append(xen.version)
        raise Unavailable("bullseye is not signed\n  more of it")

    monkeypatch.setattr(session, "make_images", unavailable)
    with Sessions(Settings()) as hosts:
        chosen = select("4.14 and pv-save", cells())
        outcomes = [outcome_of(hosts, cell, SETTINGS) for cell in chosen]
    assert [outcome.result for outcome in outcomes] == [Result.SKIPPED] * len(chosen)
    assert str(outcomes[0]).endswith("skipped: bullseye is not signed")
    # Once is enough
    assert asked == ["4.14"]


@pytest.mark.parametrize(
    ("condition", "result"),
    [("snapshot_test", Result.SKIPPED), ("exclusive", Result.LOST)],
)
def test_what_a_kernel_cannot_do_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, condition: str, result: Result
) -> None:
    """As its source has it; the other one gets as far as to its packages."""
    source = tmp_path / "6.1/linux/kernel/power/swap.c"
    source.parent.mkdir(parents=True)
    source.write_text(f"\tif ({condition})\n\t\tmode |= FMODE_EXCL;\n")
    monkeypatch.setattr(linux, "BUILD", tmp_path)

    def missing(*_: object) -> Images:
        raise LabError("there are no packages")

    monkeypatch.setattr(session, "make_images", missing)
    cell = select("4.17-untrusted-pvh-hibernate", cells())[0]
    with Sessions(Settings()) as hosts:
        outcome = outcome_of(hosts, cell, replace(SETTINGS, kernel="6.1"))
    assert outcome.result is result
    if result is Result.SKIPPED:
        assert str(outcome).endswith("only from a swap that nobody else uses")


@pytest.mark.parametrize("lifecycle", ["checkpoint", "failed-save", "failed-migration"])
def test_what_a_xen_cannot_do_is_skipped(lifecycle: str) -> None:
    cell = select(f"4.14 and {lifecycle}", cells())[0]
    with Sessions(Settings()) as hosts:
        outcome = outcome_of(hosts, cell, SETTINGS)
    assert outcome.result is Result.SKIPPED and "panics" in outcome.reason
    newer = select(f"4.17 and {lifecycle}", cells())[0]
    assert not newer.life.refused("6.12", XENS["4.17"])


def test_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a machine that died, and after guests that did."""
    died = tmp_path / "died"
    kernel = empty_kernel(tmp_path)
    (tmp_path / "nothing").touch()
    script = f"""echo ready
    if [ ! -e {died} ]; then touch {died}; echo '(XEN) Panic on CPU 0:' > console.log
    fi
    while read -r id rest; do
        for guest in *.cfg; do echo 'Kernel panic' >> guest-${{guest%.cfg}}.log; done
        echo 5 > commands/$id.out; echo done $id 0
    done"""
    images = stand_in(tmp_path, monkeypatch, script)
    monkeypatch.setattr(session, "make_images", lambda *_: images)
    monkeypatch.setattr(Settings, "image", lambda self, **_: kernel)
    monkeypatch.setattr(matrix_run, "say", lambda text: None)
    with Sessions(Settings()) as hosts:
        first = outcome_of(hosts, SAVE, SETTINGS)
        second = outcome_of(hosts, PAUSE, SETTINGS)
    assert first.result is Result.LOST and "Xen died" in first.details
    assert "./xen-lab matrix --kernel 6.12 -k 4.17-untrusted-pv-save" in first.details
    assert second.result is Result.LOST and second.new is not None
    assert "Kernel panic" in second.new.findings[ALIVE][0]


def test_a_guest_that_is_not_created_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That one without the series is not, is no gain of it."""
    script = """echo ready
    while read -r id rest; do
        echo unable to add vif devices > commands/$id.out; echo done $id 3
    done"""
    images = stand_in(tmp_path, monkeypatch, script)
    kernel = empty_kernel(tmp_path)
    (tmp_path / "nothing").touch()
    monkeypatch.setattr(session, "make_images", lambda *_: images)
    monkeypatch.setattr(Settings, "image", lambda self, **_: kernel)
    with Sessions(Settings()) as hosts:
        outcome = outcome_of(hosts, SAVE, SETTINGS)
    assert outcome.result is Result.LOST and outcome.old is None
    assert "unable to add vif" in outcome.reason


VERDICT = re.compile("xen: TSC reliable: .*")


def recorded(name: str, rule: str, *, decided: bool = True) -> Life:
    """It foresaw this rule, and decided on the one that was recorded."""
    text = RECORDED if decided else VERDICT.sub("nothing", RECORDED)
    report = parse(text)
    verdict = {"verdict": "reliable", "rule": rule, "by": "policy"}
    verdict["reason"] = "emulated at a constant frequency, across migration too"
    report.said["xen-clock.before"] = json.dumps({"verdict": verdict})
    guest: Any = SimpleNamespace(log=SimpleNamespace(path=TOP / name))
    return Life(guest, report, {}, 0.0)


class Foreseen:
    """Has lives at once: a guest's, and a neighbour's; each foresaw one of the rules."""

    settings = Settings()
    tell = print

    def __init__(self, rules: tuple[str, str], decided: bool = True) -> None:
        self.rules = rules
        self.decided = decided

    def at(self, cell: object, place: str) -> Any:
        return self

    def run(self, case: GuestSpec, scenario: Scenario) -> Life:
        one, two = (
            recorded(case.name, rule, decided=self.decided or not case.patched)
            for rule in self.rules
        )
        if isinstance(scenario, Crowd):
            scenario.lives.append(two)
        return one

    def guest(self, case: GuestSpec) -> None:
        pass


@pytest.mark.parametrize(
    ("cell", "rules", "decided", "result"),
    [
        (SAVE, (RIGHT, WRONG), True, Result.SAME),
        (SAVE, (WRONG, RIGHT), True, Result.WORSE),
        (CROWD, (RIGHT, RIGHT), True, Result.SAME),
        (CROWD, (RIGHT, WRONG), True, Result.WORSE),
        (SAVE, (RIGHT, RIGHT), False, Result.WORSE),
    ],
)
def test_the_old_kernel_foresees_the_new(
    monkeypatch: pytest.MonkeyPatch,
    cell: Cell,
    rules: tuple[str, str],
    decided: bool,
    result: Result,
) -> None:
    for name in ("check_guest", "check_series"):
        monkeypatch.setattr(matrix_run, name, lambda *_: {})
    hosts: Any = Foreseen(rules, decided)
    outcome = outcome_of(hosts, cell, SETTINGS)
    assert outcome.result is result
    assert ("foresight: " in outcome.details) == result.failed


class Places(Foreseen):
    """Of which it is told when a machine is booted, and how old it has to be."""

    def __init__(self, home: float, away: float) -> None:
        super().__init__((RIGHT, RIGHT))
        self.home, self.away = home, away
        self.done: list[str] = []

    def at(self, cell: Any, place: str) -> Any:
        def host(kind: str) -> Any:
            self.done.append(place)
            return SimpleNamespace(
                wait_age=lambda age: self.done.append(f"{age:.0f}"),
                uptime=self.home if place == cell.place else self.away,
            )

        return SimpleNamespace(
            run=self.run, host=host, settings=self.settings, tell=print
        )


def test_the_younger_machine_is_booted_later(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("check_guest", "check_series"):
        monkeypatch.setattr(matrix_run, name, lambda *_: {})
    hosts: Any = Places(home=YOUNGER, away=20.0)
    assert outcome_of(hosts, YOUNG, SETTINGS).result is Result.SAME
    assert hosts.done == ["untrusted", f"{YOUNGER:.0f}", "younger"] * 2


@pytest.mark.parametrize(("cell", "away"), [(YOUNG, 200.0), (OLD, 20.0)], ids=str)
def test_a_host_of_the_wrong_age_is_not_what_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, cell: Cell, away: float
) -> None:
    for name in ("check_guest", "check_series"):
        monkeypatch.setattr(matrix_run, name, lambda *_: {})
    hosts: Any = Places(home=100.0, away=away)
    outcome = outcome_of(hosts, cell, SETTINGS)
    assert outcome.result is Result.LOST
    assert f"has been up for {away:.0f} s" in outcome.reason
    hosts = Places(home=away, away=100.0)
    assert outcome_of(hosts, cell, SETTINGS).result is Result.SAME


@pytest.mark.parametrize("error", [ValueError, OSError, KeyError])
def test_what_nobody_foresaw_ends_one_case(error: type[Exception]) -> None:
    def at(*_: object) -> None:
        raise error("what is that?")

    hosts: Any = SimpleNamespace(at=at)
    settings = replace(SETTINGS, mutant="stable")
    outcome = outcome_of(hosts, SAVE, settings)
    assert outcome.result is Result.LOST and error.__name__ in outcome.reason
    again = "./xen-lab matrix --kernel 6.12 --mutant stable -k 4.17-untrusted-pv-save"
    assert outcome.details.endswith(f"Repeat with: {again}")


def test_cycles_are_judged() -> None:
    """The recorded guest has slept once only."""
    life = LIFECYCLES["cycles"]
    nobody: Any = None
    event: Any = life.scenario(Stage(nobody, nobody, print))
    assert event.number == life.slept.suspends == life.slept.wakes == 100
    event.cycles, event.ticks = CYCLES, TICKS
    event.early, event.late = TICKS[:1], TICKS[-1:]
    found = life.also(recorded("tired", RIGHT), event)
    assert ["woke 100 times" in problem for problem in found["cycles"]] == [True]


def test_a_kernel_that_decides_nothing() -> None:
    case = SAVE.case(patched=True)
    life = recorded("silent", RIGHT, decided=False)
    findings = check_series(case, life, HOST, Slept(1, 1))
    assert any("no verdict" in problem for problem in findings["policy"])


def test_evaluations_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recorded guest has not evaluated its TSC again."""
    monkeypatch.setattr(checks, "check_selftest", lambda *_, **__: [])
    case = SAVE.case(patched=True)
    for slept, wrong in (
        (Slept(1, 1), True),
        # One that Xen has cancelled counts, too
        (Slept(1, 0), True),
        (Slept(), False),
        (LIFECYCLES["hibernate"].slept, True),
    ):
        found = check_series(case, recorded("blind", RIGHT), HOST, slept)
        problems = found["still reliable"]
        assert any("again 0 times" in problem for problem in problems) == wrong
