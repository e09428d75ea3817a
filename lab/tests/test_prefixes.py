# SPDX-License-Identifier: GPL-2.0-only
"""Each step of the series builds, for each kernel."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from lab.common import BUILD
from lab.tests.tree import KERNELS, git, make, run, tree_of

# Where the series adds and changes code
DIRECTORIES = ["arch/x86/xen/", "drivers/xen/", "kernel/sched/", "kernel/time/"]


def warnings(said: str) -> set[str]:
    return {line for line in said.splitlines() if "warning:" in line}


def forget_objects(tree: Path) -> None:
    """So that all that there is to say is said."""
    for name in DIRECTORIES:
        for path in (tree / name).rglob("*.o"):
            path.unlink()


def symbols(tree: Path) -> tuple[set[str], set[str]]:
    """What the code there defines, and what it wants.

    An object that has no source is that of a later step.
    """
    objects = [path for name in DIRECTORIES for path in (tree / name).rglob("*.o")]
    of_now = [
        path
        for path in objects
        if any(path.with_suffix(suffix).exists() for suffix in (".c", ".S"))
    ]
    done = run("nm", *of_now)
    assert done.returncode == 0, done.stdout
    defined = set(re.findall(r"^[0-9a-f]+ \w (\S+)$", done.stdout, re.M))
    return defined, set(re.findall(r"^ +U (\S+)$", done.stdout, re.M))


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_prefix_builds(kernel: str) -> None:
    """And says no more than the kernel without the series does.

    It uses nothing that a later step brings.  Begins with the last, whose objects
    are there: some steps change headers that most objects depend on.
    """
    tree = tree_of(kernel)
    shutil.rmtree(tree / ".git/rebase-apply", ignore_errors=True)
    commits = git(tree, "rev-list", "base..series").split()
    lines = (BUILD / kernel / "System.map").read_text().splitlines()
    elsewhere = {line.split()[2] for line in lines}
    said = {}
    try:
        for commit in [*commits, "base"]:
            git(tree, "checkout", "-q", "--detach", commit)
            # Options that a step does not know yet are dropped from .config
            shutil.copy(BUILD / kernel / "config", tree / ".config")
            make("olddefconfig", cwd=tree)
            # The rest is compiled where a step changes it
            if commit in (commits[0], "base"):
                forget_objects(tree)
            said[commit] = make("W=1", *DIRECTORIES, cwd=tree)
            defined, wanted = symbols(tree)
            if commit == commits[0]:
                elsewhere -= defined
            lacking = wanted - defined - elsewhere
            assert not lacking, (git(tree, "log", "-1", "--format=%s"), lacking)
    finally:
        git(tree, "checkout", "-q", "series")
    for commit in commits:
        assert warnings(said[commit]) <= warnings(said["base"]), said[commit]
