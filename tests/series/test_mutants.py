# SPDX-License-Identifier: GPL-2.0-only
"""The errors of "xen-lab mutants": they fit the series, and there are tests for them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lab.base.common import LabError
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
