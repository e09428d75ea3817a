# SPDX-License-Identifier: GPL-2.0-only
"""A matrix that runs on many machines has the report of one that runs on one."""

from __future__ import annotations

import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from lab.__main__ import parser_of_all
from lab.base.common import LabError
from lab.commands.matrix import join as report
from lab.commands.matrix.outcome import Outcome, Side
from lab.commands.result import Result
from lab.commands.matrix.report import html
from lab.commands.matrix.run import finish
from lab.commands.matrix.store import FILE, Shard, join, load
from lab.commands.matrix.table import cells
from lab.commands.options import part_of, shard

CELLS = cells()[:5]
NAMES = [str(cell) for cell in CELLS]


def outcome(number: int, result: Result = Result.SAME) -> Outcome:
    old = Side({"clocks": ["goes back"]}, 40_000.0, "xen", "build/lab/x.log")
    new = Side({"clocks": []}, 4_000.0, "tsc", again=1)
    return Outcome(CELLS[number], result, 7.0, old=old, new=new, drawing="<svg/>")


def saved(path: Path, numbers: list[int], outcomes: list[Outcome]) -> Path:
    own = [NAMES[number] for number in numbers]
    path.mkdir()
    Shard("6.12", NAMES, own, outcomes, 60.0).save(path / FILE)
    return path


@pytest.mark.parametrize("parts", [1, 2, 3, 7, 200])
def test_each_case_is_in_one_shard(parts: int) -> None:
    every = [part_of(cells(), (number, parts)) for number in range(1, parts + 1)]
    assert [cell for part in every for cell in part] == cells()
    assert max(map(len, every)) - min(map(len, every)) <= 1


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/", "a/b", "1/2/3", "-1/2"])
def test_what_is_no_shard(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser_of_all().parse_args(["matrix", f"--shard={text}"])
    assert f"'{text}' is not like 3/8" in capsys.readouterr().err
    assert shard("3/8") == (3, 8)


def test_joined_it_is_as_in_one(tmp_path: Path) -> None:
    outcomes = [outcome(number) for number in range(5)]
    outcomes[3] = Outcome(CELLS[3], Result.SKIPPED, reason="no such Xen")
    one = saved(tmp_path / "one", [0, 1, 2], outcomes[:3])
    two = saved(tmp_path / "two", [3, 4], outcomes[3:])
    joined = join([load(two), load(one)])
    assert joined.outcomes == outcomes and joined.seconds == 60.0
    assert html(joined.outcomes, "x") == html(outcomes, "x")


@pytest.mark.parametrize(
    ("own", "results", "status"),
    [
        (NAMES, [Result.SAME, Result.SKIPPED], 0),
        (NAMES, [Result.SKIPPED], 1),
        (NAMES[:1], [Result.SKIPPED], 0),
        ([], [], 0),
        (NAMES[:1], [Result.WORSE], 1),
    ],
)
def test_exit_status(
    tmp_path: Path, own: list[str], results: list[Result], status: int
) -> None:
    """A shard may have nothing to compare, but not the whole."""
    outcomes = [outcome(number, result) for number, result in enumerate(results)]
    assert finish(Shard("6.12", NAMES, own, outcomes), tmp_path, None) == status


def test_a_shard_that_died_is_lost(tmp_path: Path) -> None:
    """One has died in its second case, one has left nothing."""
    broken = outcome(0, Result.WORSE)
    broken.details = "4.14: clocks: goes back"
    one = saved(tmp_path / "one", [0, 1], [broken])
    junit = tmp_path / "junit.xml"
    words = ["report", str(one), f"--junit={junit}", f"--output={tmp_path}/lab"]
    args = parser_of_all().parse_args(words)
    assert report.main(args) == 1
    joined = load(tmp_path / "lab")
    assert [one.result.value for one in joined.outcomes] == ["worse"] + ["lost"] * 4
    reasons = [one.reason for one in joined.outcomes[1:]]
    assert "ended before it" in reasons[0]
    assert all("has left no report" in reason for reason in reasons[1:])
    page = (tmp_path / "lab/report.html").read_text()
    assert all(f'<h2 id="{name}">' in page for name in NAMES)
    root = xml.parse(junit).getroot()
    assert root.get("tests") == "5" and root.get("failures") == "5"
    first = root.find("testcase")
    assert first is not None and first.get("name") == NAMES[0]
    assert "goes back" in (first.findtext("failure") or "")


def test_shards_of_different_runs(tmp_path: Path) -> None:
    one = load(saved(tmp_path / "one", [0], [outcome(0)]))
    with pytest.raises(LabError, match="not shards of one run"):
        join([one, Shard("6.1", NAMES, NAMES[1:])])


def test_what_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="there is no "):
        load(tmp_path)
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(LabError, match="is not a report"):
        load(tmp_path)
