# SPDX-License-Identifier: GPL-2.0-only
"""The series itself: what it is made of, how it applies, that each step builds."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from lab.common import BUILD, TOP
from lab.tests.tree import KERNEL, MAILS, STEPS, TREE, added, make, run, tracked


# Of this project's lab, and so none of the kernel's
LAB_PAGES = "Documentation/lab/"


def git(tree: Path, *words: str) -> str:
    done = run("git", "-C", tree, *words)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_every_kernel_file_is_added_once() -> None:
    kernel = ("arch", "drivers", "include", "Documentation", "tools/testing")
    ours = [name for name in tracked(*kernel) if not name.startswith(LAB_PAGES)]
    assert sorted(name for step in STEPS for name in added(step)) == ours


@pytest.mark.parametrize("step", STEPS, ids=[step.stem for step in STEPS])
def test_patch_holds_hooks_only(step: Path) -> None:
    text = step.read_text()
    assert "\nnew file mode" not in text and "\n--- /dev/null" not in text
    # Not more context than the three lines that a hook needs
    for hunk in re.split(r"^@@.*\n", text, flags=re.M)[1:]:
        lines = hunk.split("\ndiff --git")[0].splitlines()
        context = [line[:1] in (" ", "") for line in lines]
        assert False in context[:4] and False in context[-4:], hunk


def test_git_log_is_the_series() -> None:
    log = git(TREE, "log", "--reverse", "--format=%s", "base..series").splitlines()
    assert len(log) == len(STEPS) == len(MAILS)
    for subject, step in zip(log, STEPS):
        assert f"\nSubject: {subject}\n" in step.read_text()
    assert git(TREE, "diff", "--stat", "series") == ""
    for step in STEPS:
        for name in added(step):
            assert (TREE / name).read_bytes() == (TOP / name).read_bytes()


@pytest.fixture(name="kdir")
def fixture_kdir(tmp_path: Path) -> Path:
    """A kernel source of the user's own, no more of it than the series touches."""
    kdir = tmp_path / "their linux"
    touched = git(TREE, "diff", "--name-only", "--diff-filter=M", "base", "series")
    for name in touched.splitlines():
        (kdir / name).parent.mkdir(parents=True, exist_ok=True)
        (kdir / name).write_text(git(TREE, "show", f"base:{name}"))
    return kdir


def snapshot(kdir: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(kdir)): path.read_bytes()
        for path in kdir.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def same_as_tree(kdir: Path) -> None:
    for name in snapshot(kdir):
        assert (kdir / name).read_bytes() == (TREE / name).read_bytes(), name


def into_git(kdir: Path) -> None:
    git(kdir, "init", "-q")
    git(kdir, "config", "user.name", "they")
    git(kdir, "config", "user.email", "they@example.com")
    git(kdir, "add", "-Af")
    git(kdir, "commit", "-qm", "theirs")


@pytest.mark.parametrize("in_git", [True, False], ids=["git", "plain"])
def test_apply_once_and_not_twice(kdir: Path, in_git: bool) -> None:
    if in_git:
        into_git(kdir)

    done = run("scripts/apply", KERNEL, kdir)
    assert done.returncode == 0, done.stdout
    same_as_tree(kdir)
    assert all((kdir / name).exists() for step in STEPS for name in added(step))
    if in_git:
        assert len(git(kdir, "rev-list", "HEAD").split()) == len(STEPS) + 1

    before = snapshot(kdir)
    again = run("scripts/apply", KERNEL, kdir)
    assert again.returncode != 0
    assert "error:" in again.stdout
    assert snapshot(kdir) == before


def test_apply_refuses_what_does_not_fit(kdir: Path) -> None:
    time_c = kdir / "arch/x86/xen/time.c"
    time_c.write_text(time_c.read_text().replace("xen_tsc_khz", "their_tsc_khz"))
    before = snapshot(kdir)

    done = run("scripts/apply", KERNEL, kdir)
    assert done.returncode != 0
    assert re.search(
        r"does not fit .*\n.*patch failed: arch/x86/xen/time.c", done.stdout
    )
    assert snapshot(kdir) == before


def test_apply_refuses_uncommitted_changes(kdir: Path) -> None:
    into_git(kdir)
    with (kdir / "MAINTAINERS").open("a") as file:
        file.write("changed\n")
    git(kdir, "add", "MAINTAINERS")
    before = snapshot(kdir)

    done = run("scripts/apply", KERNEL, kdir)
    assert done.returncode != 0 and "uncommitted changes" in done.stdout
    assert snapshot(kdir) == before


def test_apply_refuses_where_nobody_commits(kdir: Path) -> None:
    into_git(kdir)
    git(kdir, "config", "--unset", "user.email")
    git(kdir, "config", "--unset", "user.name")
    git(kdir, "config", "user.useConfigOnly", "true")
    before = snapshot(kdir)

    done = run("env", "HOME=/nonexistent", "scripts/apply", KERNEL, kdir)
    assert done.returncode != 0 and "does not know who commits" in done.stdout
    assert snapshot(kdir) == before


def test_apply_refuses_what_is_no_kernel(tmp_path: Path) -> None:
    done = run("scripts/apply", KERNEL, tmp_path)
    assert done.returncode != 0
    assert "is not a Linux source tree" in done.stdout


def test_every_prefix_builds() -> None:
    shutil.rmtree(TREE / ".git/rebase-apply", ignore_errors=True)
    try:
        for commit in git(TREE, "rev-list", "--reverse", "base..series").split():
            git(TREE, "checkout", "-q", "--detach", commit)
            # Options that a step does not know yet are dropped from .config
            shutil.copy(BUILD / KERNEL / "config", TREE / ".config")
            make("olddefconfig")
            said = make("vmlinux")
            assert "warning:" not in said, said
    finally:
        git(TREE, "checkout", "-q", "series")
