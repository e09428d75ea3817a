# SPDX-License-Identifier: GPL-2.0-only
"""The series itself: what it is made of, and how it applies."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from lab.base.common import TOP
from tests.tree import KERNEL, EACH, KERNELS, PATCHES, TREE, added, git, mails, run
from tests.tree import steps, tracked, tree_of

# A brace, an #include, and the call of a function: what a hook is made of
GLUE = re.compile(
    r"\W*(return( -?\w+)?|else|do|help|u64 \w+)?\W*|#include .*|[\w.]+\(\);|\* Context: any\."
    r"|for_each_possible_cpu\(cpu\) {"
)
PARTS = ("fixes", "watchdog", "policy", "ptp")
# Of this project's lab, and so none of the kernel's
LAB_PAGES = "Documentation/lab/"


def test_every_kernel_file_is_added_once() -> None:
    places = ("arch", "drivers", "include", "Documentation", "tools/testing")
    ours = [name for name in tracked(*places) if not name.startswith(LAB_PAGES)]
    for kernel in KERNELS:
        assert sorted(added(steps(kernel))) == ours


@pytest.mark.parametrize("kernel", EACH)
def test_kernel_is_prepared(kernel: str) -> None:
    header = tree_of(kernel) / "include/generated/autoconf.h"
    assert header.exists(), f"scripts/kernel {kernel} prepare does it"
    assert "#define CONFIG_XEN_TSC_RELIABLE 1\n" in header.read_text()


def test_steps_of_an_old_kernel(tmp_path: Path) -> None:
    """What is for a version is for all older ones too, unless something is nearer."""
    shutil.copytree(TOP / "scripts", tmp_path / "scripts")
    for name, text in {
        "0001-a": "Subject: a",
        "0002-b": "Subject: b",
        "6.9/0000-early": "Subject: early",
        "6.9/0001-a": "Subject: another a",
        "6.9/0002-b": "Hooks for b",
        "6.10/0002-b": "Hooks for b that nobody needs before 6.10",
        "5.8/0001-a": "Dropped: no a before 5.9",
    }.items():
        patch = tmp_path / "series" / f"{name}.patch"
        patch.parent.mkdir(parents=True, exist_ok=True)
        patch.write_text(f"{text}\n")

    early, a, b = "6.9/0000-early", "6.9/0001-a", "0002-b 6.9/0002-b"
    for kernel, wanted in {
        "6.11": ["0001-a", "0002-b"],
        "6.10": ["0001-a", "0002-b 6.10/0002-b"],
        "6.9": [early, a, b],
        "6.1": [early, a, b],
        "5.8": [early, b],
    }.items():
        done = run(tmp_path / "scripts/steps", kernel)
        lines = [line.strip() for line in done.stdout.splitlines()]
        assert [re.sub(r"series/|\.patch", "", line) for line in lines] == wanted

    (tmp_path / "series/5.8/0003-c.patch").write_text("Hooks for nothing\n")
    done = run(tmp_path / "scripts/steps", "5.8")
    assert done.returncode != 0 and "no step that is named 0003-c" in done.stdout


@pytest.mark.parametrize("has", ["", "sid", "backports"])
def test_the_source_is_taken_where_it_is(tmp_path: Path, has: str) -> None:
    """If it is nowhere that is said, by an exit status of its own, too."""
    shutil.copytree(TOP / "scripts", tmp_path / "scripts")
    (tmp_path / "series").mkdir()
    (tmp_path / "series/kernels").write_text("9.9\tsid,backports\tlinux-9.9\t5\n")
    (tmp_path / "series/0001-a.patch").write_text("Subject: a\n")
    (tmp_path / "lab/kconfig").mkdir(parents=True)
    (tmp_path / "lab/kconfig/kernel.config.9.9").touch()
    (tmp_path / "lab/kconfig/series.config").touch()
    fetch = tmp_path / "scripts/fetch"
    fetch.write_text(
        f'#!/bin/sh\necho "asked $1" >&2\n[ "$1" = "{has}" ] && echo deb\n'
    )
    fetch.chmod(0o755)
    note = tmp_path / "build/9.9/unavailable"
    note.parent.mkdir(parents=True)
    note.write_text("long ago\n")

    done = run(tmp_path / "scripts/kernel", "9.9", "tree")
    asked = re.findall(r"^asked (.*)$", done.stdout, re.M)
    assert asked == (["sid"] if has == "sid" else ["sid", "backports"])
    if has:
        # This is no package
        assert done.returncode == 1 and "deb could not be unpacked" in done.stdout
        assert not note.exists()
    else:
        assert done.returncode == 69
        assert note.read_text() == "linux-9.9 cannot be had from sid or backports\n"
        assert "error" not in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("patch", PATCHES, ids=[p.stem for p in PATCHES])
def test_patch_holds_hooks_only(patch: Path) -> None:
    text = patch.read_text()
    assert "\nnew file mode" not in text and "\n--- /dev/null" not in text
    # Not more context than the three lines that a hook needs
    for hunk in re.split(r"^@@.*\n", text, flags=re.M)[1:]:
        lines = hunk.split("\ndiff --git")[0].splitlines()
        context = [line[:1] in (" ", "") for line in lines]
        assert False in context[:4] and False in context[-4:], hunk


def test_no_logic_is_there_twice() -> None:
    """In hooks of different steps, or in hooks and in the files that are added.

    A step that has another form for older kernels is one step.  What a later step
    takes out of a hook it may put into a file.
    """
    where: dict[str, set[str]] = {}
    moved: set[str] = set()
    ours = added(PATCHES)
    for patch in PATCHES:
        for hooks in patch.read_text().split("\ndiff --git a/")[1:]:
            # A step may extend a file that an earlier one adds
            if hooks.split()[0] not in ours:
                for line in re.findall(r"^\+(?!\+\+)(.*)", hooks, re.M):
                    where.setdefault(line.strip(), set()).add(patch.name)
                lost = re.findall(r"^-(?!--)(.*)", hooks, re.M)
                moved |= {line.strip() for line in lost}
    for name in ours:
        if name.endswith(".c"):
            for line in (TOP / name).read_text().splitlines():
                where.setdefault(line.strip(), set()).add(name)
    twice = {
        line: names
        for line, names in where.items()
        if len(names) > 1 and any(name.endswith(".patch") for name in names)
    }
    assert not [line for line in twice.keys() - moved if not GLUE.fullmatch(line)]


@pytest.mark.usefixtures("trees")
@pytest.mark.parametrize("kernel", EACH)
def test_git_log_is_the_series(kernel: str) -> None:
    tree = tree_of(kernel)
    log = git(tree, "log", "--reverse", "--format=%s", "base..series").splitlines()
    assert len(log) == len(steps(kernel)) == len(mails(kernel))
    for subject, step in zip(log, steps(kernel)):
        assert f"Subject: {subject}" in step.read_text().split("\n\n")[0].splitlines()
    assert git(tree, "diff", "--stat", "series") == ""
    for name in added(steps(kernel)):
        assert (tree / name).read_bytes() == (TOP / name).read_bytes()


@pytest.mark.usefixtures("trees")
@pytest.mark.parametrize("kernel", EACH)
def test_every_new_file_has_its_maintainers(kernel: str) -> None:
    words = ("--nogit", "--nogit-fallback", "--norolestats", "-f")
    for name in added(steps(kernel)):
        tree = tree_of(kernel)
        done = run("scripts/get_maintainer.pl", *words, name, cwd=tree)
        assert "xen-devel@lists.xenproject.org" in done.stdout, (name, done.stdout)


@pytest.fixture(name="kdir")
def fixture_kdir(trees: None, tmp_path: Path) -> Path:
    """A kernel source of the user's own, no more of it than the series touches."""
    kdir = tmp_path / "their linux"
    touched = git(TREE, "diff", "--name-only", "--diff-filter=M", "base", "series")
    for name in ["Makefile", *touched.splitlines()]:
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

    done = run("scripts/apply", kdir)
    assert done.returncode == 0, done.stdout
    assert f"is Linux {KERNEL}: taking the series for it" in done.stdout
    same_as_tree(kdir)
    assert all((kdir / name).exists() for name in added(steps(KERNEL)))
    if in_git:
        commits = git(kdir, "rev-list", "HEAD").split()
        assert len(commits) == len(steps(KERNEL)) + 1

    before = snapshot(kdir)
    again = run("scripts/apply", kdir)
    assert again.returncode != 0
    assert "error:" in again.stdout
    assert snapshot(kdir) == before


OLDEST, SECOND, *_, NEWEST = KERNELS
CHOICES = [
    (NEWEST, [], f"is Linux {NEWEST}: taking the series for it"),
    ("4.19", [], f"is Linux 4.19, and the series is for {OLDEST} or later"),
    (f"{OLDEST}1", [], f"the series for {SECOND}, the next newer one\n.*Nobody"),
    ("99.1", [], f"the series for {NEWEST}, the newest there is\n.*Nobody"),
    ("99.1", [OLDEST], f"is Linux 99.1; taking the series for {OLDEST}, as you say"),
]


@pytest.mark.parametrize(("version", "words", "says"), CHOICES)
def test_apply_goes_by_the_version(
    tmp_path: Path, version: str, words: list[str], says: str
) -> None:
    """Of a tree that no series fits, as there is nothing else in it."""
    major, minor = version.split(".")
    makefile = tmp_path / "Makefile"
    makefile.write_text(f"VERSION = {major}\nPATCHLEVEL = {minor}\nSUBLEVEL = 0\n")
    done = run("scripts/apply", tmp_path, *words)
    assert done.returncode != 0 and "error: " in done.stdout
    assert re.search(says, done.stdout), done.stdout
    assert os.listdir(tmp_path) == ["Makefile"]


def test_apply_refuses_uncommitted_changes(kdir: Path) -> None:
    into_git(kdir)
    with (kdir / "MAINTAINERS").open("a") as file:
        file.write("changed\n")
    git(kdir, "add", "MAINTAINERS")
    before = snapshot(kdir)

    done = run("scripts/apply", kdir)
    assert done.returncode != 0 and "uncommitted changes" in done.stdout
    assert snapshot(kdir) == before


def test_apply_refuses_where_nobody_commits(kdir: Path) -> None:
    into_git(kdir)
    git(kdir, "config", "--unset", "user.email")
    git(kdir, "config", "--unset", "user.name")
    git(kdir, "config", "user.useConfigOnly", "true")
    before = snapshot(kdir)

    done = run("env", "HOME=/nonexistent", "scripts/apply", kdir)
    assert done.returncode != 0 and "does not know who commits" in done.stdout
    assert snapshot(kdir) == before


def test_apply_refuses_what_is_no_kernel(tmp_path: Path) -> None:
    done = run("scripts/apply", tmp_path)
    assert done.returncode != 0
    assert "is not a Linux source tree" in done.stdout


@pytest.mark.parametrize("kernel", KERNELS)
def test_parts_are_complete(kernel: str) -> None:
    """Each has steps, they come in order, and together they are the series."""
    before: list[Path] = []
    for part in PARTS:
        prefix = steps(kernel, part)
        assert len(before) < len(prefix) and prefix[: len(before)] == before
        before = prefix
    assert before == steps(kernel)


def test_ptp_applies_without_other_parts(kdir: Path) -> None:
    """But for two lines, its hooks fit a tree without what the others add."""
    exclude = [f"--exclude={name}" for name in ("MAINTAINERS", "*/index.rst")]
    for step in steps(KERNEL)[len(steps(KERNEL, "policy")) :]:
        done = run("git", "apply", *exclude, step, cwd=kdir)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("part", PARTS)
def test_cover_letter(part: str) -> None:
    """The subject, an empty line, and the text."""
    subject, empty, *lines = (
        (TOP / f"series/cover-letter.{part}").read_text().splitlines()
    )
    assert subject and not empty and lines
    assert [line for line in (subject, *lines) if len(line) > 72] == []


def test_options_of_the_lab_know_their_part() -> None:
    text = (TOP / "lab/kconfig/series.config").read_text()
    assert set(re.findall(r"^# Part: (.*)$", text, re.M)) <= set(PARTS)
