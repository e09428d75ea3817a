# SPDX-License-Identifier: GPL-2.0-only
"""A guest's connection to dom0, and the cable between two hosts, without QEMU."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.config import GuestSpec
from lab.host.qemu_args import CABLE, CARD
from lab.base.common import LabError
from lab.checks.all import Slept, check_guest
from lab.checks.network import check_connection
from lab.guest.report import Connection
from lab.guest.scenario import TICKS
from lab.host.network import AWAY, HOME, MIGRATION, Cable
from lab.guest.suspend import ThereAndBack
from tests.unit.test_lab import RECORDED
from tests.unit.test_matrix_run import recorded
from lab.guest.report import parse

LINE = "connection 240 10 1700000000\n"


@pytest.mark.parametrize(
    ("lines", "complaints"),
    [
        (LINE, []),
        ("connection 10 10 1700000000\n", ["no round trip before the end"]),
        (
            "connection 200 3 0\nconnection.over Connection reset by peer\n",
            ["over after 200 round trips: Connection reset by peer", "3 round trips"],
        ),
        ("connection 0 0 0\nconnection.over closed by dom0\n", ["over", "0", "no"]),
    ],
)
def test_judge(lines: str, complaints: list[str]) -> None:
    found = check_connection(parse(RECORDED + lines))
    assert len(found) == len(complaints)
    assert all(text.startswith(start) for text, start in zip(found, complaints))


def test_what_is_told() -> None:
    assert parse(RECORDED + LINE).connection == Connection(240, 10, 1_700_000_000)
    with pytest.raises(LabError, match="has no 'connection'"):
        check_connection(parse(RECORDED))


def test_only_of_guests_that_have_one() -> None:
    life = recorded("guest", "emulated")
    guest: Any = life.guest
    guest.ticks, guest.rounds, guest.lost = [], [], 0.0
    life.report.values["connection"] = "10 10 0"
    for network in (False, True):
        findings = check_guest(GuestSpec("guest", network=network), life, Slept(1, 1))
        assert bool(findings.get("connection")) == network


class FakeHost:
    def __init__(self, directory: Path) -> None:
        self.run = SimpleNamespace(directory=directory, path=directory.joinpath)
        self.orders: list[str] = []
        directory.mkdir()

    def must(self, command: str) -> None:
        self.orders.append(command)


def test_cable(tmp_path: Path) -> None:
    """Each card's other end is the other card, also that of a machine that came later."""
    hosts: Any = [FakeHost(tmp_path / name) for name in ("home", "old", "new")]
    for host in hosts:
        host.run.path(CARD).touch()
    home, old, new = hosts
    for away in (old, new):
        cable = Cable(home, away)
        cable.lay()
        assert home.run.path(CABLE).samefile(away.run.path(CARD))
        assert away.run.path(CABLE).samefile(home.run.path(CARD))
    # It is told to listen, the other where
    for host, address in ((home, HOME), (new, AWAY)):
        assert f"nc {address} {MIGRATION} " in cable.receive(host)
        assert host.orders[-1].startswith(f"nc -l -p {MIGRATION} ")


def test_there_and_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []
    home, away = (FakeHost(tmp_path / name) for name in ("home", "away"))
    guest: Any = SimpleNamespace(
        host=home, ticks=[], phase=asked.append, wait_state=lambda _: None
    )
    guest.migrate_over = lambda cable: asked.append("over")
    guest.wait_ticks = lambda _: None
    other: Any = away
    ThereAndBack(other).run(guest)
    assert [word for word in asked if not word.startswith("pause")] == [
        "over",
        f"rest {TICKS}",
        "over",
        f"rest {TICKS + 1}",
    ]
