# SPDX-License-Identifier: GPL-2.0-only
"""The errors of `make lab-mutants`: they fit the series, and there are tests for them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lab.base.common import LabError
from lab.commands.mutants import HERE, Mutant, mutants, read
from tests.tree import TREE, run

ALL = mutants([])


@pytest.mark.usefixtures("trees")
@pytest.mark.parametrize("mutant", ALL, ids=[mutant.name for mutant in ALL])
def test_it_fits(mutant: Mutant) -> None:
    patch = HERE / f"{mutant.name}.patch"
    done = run("git", "-C", TREE, "apply", "--check", patch)
    assert done.returncode == 0, done.stdout
    done = run(sys.executable, "-m", "pytest", "--collect-only", "-q", *mutant.test)
    assert done.returncode == 0 and "::" in done.stdout, done.stdout


def test_unknown() -> None:
    with pytest.raises(LabError, match="MUTANT=tree is none of: .*no-freeze"):
        mutants(["tree"])


def test_not_complete(tmp_path: Path) -> None:
    patch = tmp_path / "half.patch"
    patch.write_text("Subject: x\nTest: boot\n\ndiff --git a/x b/x\n")
    with pytest.raises(LabError, match="lacks Kernel"):
        read(patch)
