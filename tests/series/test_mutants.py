# SPDX-License-Identifier: GPL-2.0-only
"""The errors of "xen-lab mutants": they fit the series, and there are tests for them."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as xml
from dataclasses import replace
from pathlib import Path

import pytest

from lab.base.common import LabError
from lab.commands import mutants as command
from lab.commands import options
from lab.commands.mutants import HERE, Mutant, mutants, read
from tests.tree import KERNEL, TREE, run

ALL = mutants(KERNEL)


@pytest.mark.usefixtures("trees")
@pytest.mark.parametrize("mutant", ALL, ids=[mutant.name for mutant in ALL])
def test_it_fits(mutant: Mutant) -> None:
    patch = HERE / f"{mutant.name}.patch"
    done = run("git", "-C", TREE, "apply", "--check", patch)
    assert done.returncode == 0, done.stdout
    done = run(sys.executable, "-m", "pytest", "--collect-only", "-q", *mutant.test)
    assert done.returncode == 0 and "::" in done.stdout, done.stdout


def test_only_those_of_the_kernel() -> None:
    mutant = Mutant("x", "x", [], [], since="6.12", until="6.12")
    assert [mutant.fits(kernel) for kernel in ("6.1", "6.12", "7.3")] == [0, 1, 0]
    assert replace(mutant, since="").fits("6.1")
    assert replace(mutant, until="").fits("7.3")


def test_not_complete(tmp_path: Path) -> None:
    patch = tmp_path / "half.patch"
    patch.write_text("Subject: x\nTest: boot\n\ndiff --git a/x b/x\n")
    with pytest.raises(LabError, match="lacks Kernel"):
        read(patch)


@pytest.mark.parametrize(
    ("dies", "not_run"), [("no-kick", {"no-kick", "no-look"}), ("no-look", {"no-look"})]
)
def test_a_run_that_dies_has_told_of_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies: str, not_run: set[str]
) -> None:
    def die(mutant: Mutant, *_: str) -> list[str]:
        if mutant.name == dies:
            raise LabError("the disk is full")
        return ["test_a_jump_is_noticed"]

    monkeypatch.setattr(command, "killers", die)
    for name in ("script", "build_probes"):
        monkeypatch.setattr(command, name, lambda *_: None)
    parser = options.Parser()
    command.arguments(parser)
    junit = tmp_path / "junit.xml"
    args = parser.parse_args(["-k", "no-kick or no-look", f"--junit={junit}"])
    with pytest.raises(LabError, match="full"):
        command.main(args)
    cases = xml.parse(junit).getroot().findall("testcase")
    assert {case.get("name") for case in cases} == {"no-kick", "no-look"}
    skipped = {one.get("name") for one in cases if one.find("skipped") is not None}
    assert skipped == not_run
