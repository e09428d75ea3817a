# SPDX-License-Identifier: GPL-2.0-only
"""Each step of the series builds, in the lab's configuration."""

from __future__ import annotations

import hashlib
import inspect
import shutil
from pathlib import Path

import pytest

from lab.base.common import BUILD, output
from lab.images.kernel import git
from lab.commands.bisect.build import Prefixes
from tests.tree import KERNEL, TREE, make


def digest() -> str:
    """Of all that the result depends on: the steps, how they are built and looked at."""
    texts = [
        git(TREE, "rev-parse", "base", "series"),
        *(output(tool, "--version") for tool in ("gcc", "ld", "nm")),
        *((BUILD / KERNEL / name).read_text() for name in ("config", "System.map")),
        Path(inspect.getfile(Prefixes)).read_text(),
        inspect.getsource(make),
        Path(__file__).read_text(),
    ]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


@pytest.mark.usefixtures("own_trees")
def test_every_prefix_builds() -> None:
    """And says no more than the kernel without the series does.

    It uses nothing that a later step brings.  "xen-lab bisect" does this, and more,
    with any kernel.  What was built already is not built again.
    """
    stamp = BUILD / KERNEL / "prefixes"
    given = digest()
    if stamp.exists() and stamp.read_text() == given:
        return
    shutil.rmtree(TREE / ".git/rebase-apply", ignore_errors=True)
    prefixes = Prefixes(TREE, BUILD / KERNEL / "config")
    try:
        prefixes.build_base()
        wrong = {commit: prefixes.build(commit) for commit in prefixes.steps}
    finally:
        # However it ends, others find the tree as scripts/kernel has left it
        git(TREE, "checkout", "-q", "--force", "series")
        shutil.copy(BUILD / KERNEL / "config", TREE / ".config")
        make("olddefconfig", "prepare", cwd=TREE)
    for commit, symbols in prefixes.lacking(BUILD / KERNEL / "System.map").items():
        wrong[commit] += [f"{symbol} is not there" for symbol in symbols]
    told = {prefixes.subject(commit): wrong[commit] for commit in prefixes.steps}
    assert {subject: problems for subject, problems in told.items() if problems} == {}
    stamp.write_text(given)


MAKEFILE = """
olddefconfig:
kernel/sched/ kernel/time/:
\tfor file in $@*.c; do cc -Wall -c $$file -o $${file%.c}.o || exit; done
.PHONY: kernel/sched/ kernel/time/
"""
OLD = "int old(void) { int unused; return 0; }\n"
# The code of some steps, and what is wrong with each
STEPS = {
    "int a(void) { return 0; }\n": "",
    "int later(void);\nint a(void) { return later(); }\n": "later",
    "int later(void) { int bad; return 1; }\nint a(void) { return later(); }\n": "bad",
    "int later(void) { return missing; }\n": "missing",
    "int later(void) { return 1; }\nint a(void) { return later(); }\n": "",
}


def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    """In a tree that is made like the kernel's, without Xen."""
    git(tmp_path, "init", "-q")
    git(tmp_path, "config", "user.name", "they")
    git(tmp_path, "config", "user.email", "they@example.com")
    (tmp_path / "Makefile").write_text(MAKEFILE)
    (tmp_path / "config").write_text("")
    for name in ("sched", "time"):
        (tmp_path / "kernel" / name).mkdir(parents=True)
        (tmp_path / "kernel" / name / f"{name}.c").write_text(OLD)
    for number, text in enumerate(["", *STEPS]):
        (tmp_path / "kernel/time/new.c").write_text(text)
        git(tmp_path, "add", "-A", "Makefile", "kernel/*.c")
        git(tmp_path, "commit", "-qm", f"step {number}")
        if not number:
            git(tmp_path, "tag", "base")
    prefixes = Prefixes(tmp_path, tmp_path / "config", "HEAD")
    prefixes.build_base()
    wrong = [prefixes.build(commit) for commit in prefixes.steps]
    (tmp_path / "map").write_text("0 T later\n1 T a\n2 T old\n")
    lacking = prefixes.lacking(tmp_path / "map")
    wrong = [found + lacking.get(c, []) for c, found in zip(prefixes.steps, wrong)]
    for problems, word in zip(wrong, STEPS.values()):
        assert bool(problems) == bool(word), wrong
        assert word in "".join(problems)
