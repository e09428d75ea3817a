# SPDX-License-Identifier: GPL-2.0-only
"""What is wrong with a guest's connection to dom0 is called wrong, without QEMU."""

from __future__ import annotations

from typing import Any

import pytest

from lab.cases import Case
from lab.common import LabError
from lab.judge_all import Slept, judge_guest
from lab.judge_connection import Connection, connection_of, judge_connection
from lab.tests.test_lab import RECORDED
from lab.tests.test_matrix import recorded
from lab.witness import parse

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
    found = judge_connection(parse(RECORDED + lines))
    assert len(found) == len(complaints)
    assert all(text.startswith(start) for text, start in zip(found, complaints))


def test_what_is_told() -> None:
    assert connection_of(parse(RECORDED + LINE)) == Connection(240, 10, 1_700_000_000)
    with pytest.raises(LabError, match="has no 'connection'"):
        judge_connection(parse(RECORDED))


def test_only_of_guests_that_have_one() -> None:
    life = recorded("guest", 4)
    guest: Any = life.guest
    guest.ticks = []
    life.report.values["connection"] = "10 10 0"
    for network in (False, True):
        findings = judge_guest(Case("guest", network=network), life, Slept(1, 1))
        assert bool(findings.get("connection")) == network
