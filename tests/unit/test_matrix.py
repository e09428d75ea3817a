# SPDX-License-Identifier: GPL-2.0-only
"""The matrix, its choice, its verdicts and its report, without QEMU."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lab.base.common import LabError
from lab.config import XENS
from lab.checks.all import Findings
from lab.commands.matrix.table import LIFECYCLES, MODES, PLACES, ROWS, cells
from lab.base.select import select
from lab.commands.matrix.report import html, markdown
from lab.commands.matrix.outcome import ALIVE, Outcome, Side, compare
from lab.commands.result import Result

SAVE, PAUSE = select("4.17-untrusted-pv-save", cells()) + select(
    "4.17-untrusted-pv-pause", cells()
)
MOVE = select("4.17-itsc-pv-itsc-advised-move-1ghz", cells())[0]
WELL: Findings = {"clocks": [], "ticks": []}
SLOW: Findings = {"clocks": [], "ticks": ["ticks of 2 s take 4 s"]}
BACK: Findings = {"clocks": ["steps <back>"], "ticks": []}
DEAD: Findings = {ALIVE: ["guest died: Kernel panic"]}


def test_names() -> None:
    names = [str(cell) for cell in cells()]
    assert len(set(names)) == len(names)
    assert {row.place for row in ROWS} <= set(PLACES)
    assert {mode for row in ROWS for mode in row.modes.split()} == set(MODES)
    lives = {life for row in ROWS for life in row.lifecycles.split()}
    assert lives == set(LIFECYCLES)
    # The two guests of a case have the same life, but not the same name or kernel
    for cell in cells():
        old, new = (cell.case(patched=patched) for patched in (False, True))
        assert replace(old, name="", patched=True, cmdline="") == replace(
            new, name="", cmdline=""
        )
        assert old.name != new.name and not old.patched and new.patched
        assert old.cmdline.startswith(new.cmdline)


def test_only_what_a_xen_can_do() -> None:
    migrated = {cell.xen for cell in select("pv-migrate", cells())}
    assert migrated == {xen.version for xen in XENS.values() if xen.migrates_pv}
    old = {cell.xen for cell in select("older", cells())}
    assert old == {xen.version for xen in XENS.values() if xen.symbols}
    shown = {cell.xen for cell in select("pv-itsc", cells())}
    assert shown == {xen.version for xen in XENS.values() if xen.shows_itsc}


def test_machines_are_shared() -> None:
    """Those of one place come in one go: each place boots once."""
    places = [(cell.xen, cell.place) for cell in cells()]
    changes = sum(one != two for one, two in zip(places, places[1:]))
    assert changes == len(set(places)) - 1


@pytest.mark.parametrize(
    ("expression", "number"),
    [
        ("4.17-untrusted-pv-save", 1),
        ("4.14 and pv-migrate", 1),
        ("not 4.14 and not 4.17 and crowd", 1),
        ("", len(cells())),
    ],
)
def test_choice(expression: str, number: int) -> None:
    assert len(select(expression, cells())) == number


@pytest.mark.parametrize("wrong", ["4.14 and", "and", "nothing-like-that", "("])
def test_wrong_choice(wrong: str) -> None:
    with pytest.raises(LabError, match=re.escape(f"'{wrong}'")):
        select(wrong, cells())


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        (WELL, WELL, Result.SAME),
        (SLOW, WELL, Result.FIXED),
        (DEAD, WELL, Result.FIXED),
        (WELL, SLOW, Result.WORSE),
        (WELL, DEAD, Result.WORSE),
        (SLOW, DEAD, Result.WORSE),
        (SLOW, BACK, Result.WORSE),
        # A check of the series has not seen the kernel without it
        (WELL, {**WELL, "policy": ["rule is native"]}, Result.WORSE),
        (SLOW, SLOW, Result.UNFIXED),
        (DEAD, DEAD, Result.LOST),
    ],
)
def test_comparison(old: Findings, new: Findings, result: Result) -> None:
    assert compare(Side(old), Side(new)) is result
    assert result.failed == (result not in (Result.SAME, Result.FIXED))


def test_report() -> None:
    old = Side(SLOW, 47_000.0, "xen", "g.log", again=1)
    new = Side(WELL, 90.0, "tsc")
    outcomes = [
        Outcome(MOVE, Result.FIXED, 61.0, old=old, new=new, drawing="<svg/>"),
        Outcome(SAVE, Result.WORSE, 61.0, old=new, new=Side(BACK, 90.0, "tsc")),
        Outcome(PAUSE, Result.SKIPPED, reason="no such suite & no more"),
    ]
    text = markdown(outcomes, "a title")
    assert "| host | mode | save | pause | move-1ghz |" in text
    assert "| Xen 4.17, untrusted | pv | worse | skipped |  |" in text
    assert "| Xen 4.17, itsc | pv-itsc-advised |  |  | fixed |" in text
    assert "with the series: clocks: steps <back>" in text
    assert "without the series: ticks: ticks of 2 s take 4 s" in text
    assert "without the series: lived again 1 times" in text
    assert str(outcomes[0]).endswith("; lived again 1, 0 times")
    assert "47.00 us (xen) | 0.09 us (tsc)" in text
    page = html(outcomes, "a title")
    assert "steps &lt;back&gt;" in page and "no such suite &amp; no more" in page
    assert page.count("<svg/>") == 1
    assert not re.findall(r'src=|href="[^#]', page), "it needs another file"
    for outcome in outcomes:
        assert f'href="#{outcome.cell}"' in page and f'id="{outcome.cell}"' in page
