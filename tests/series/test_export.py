# SPDX-License-Identifier: GPL-2.0-only
"""How the series is put together, mailed, applied and taken off, with a toy series."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Callable

import pytest

from lab.base.common import TOP
from lab.images.kernel import git

NEW = "arch/x86/xen/new.c"
TIME = "arch/x86/xen/time.c"
THOR = "A. U. Thor <thor@example.com>"
# What the step of each part makes of both files
PARTS = {"fixes": "one", "watchdog": "two", "policy": "three", "ptp": "four"}


def lines(third: str) -> str:
    return f"a\nb\n{third}\nz\n"


def hook(path: str, old: str, new: str) -> str:
    return (
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -1,4 +1,4 @@\n a\n b\n-{old}\n+{new}\n z\n"
    )


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


class Toy:
    """A project, and a kernel's source.

    A step of each part changes time.c; the first adds a file that the others change.
    """

    def __init__(self, path: Path) -> None:
        self.top = path / "project"
        self.kdir = path / "their linux"
        shutil.copytree(TOP / "scripts", self.top / "scripts")
        shutil.copytree(TOP / "lab", self.top / "lab")
        for name in ("Makefile", "xen-lab"):
            shutil.copy(TOP / name, self.top)
        write(self.top / "series/kernels", "9.1\tsid\tlinux\t5\n9.4\tsid\tlinux\t5\n")
        write(self.top / NEW, lines("four"))
        old = "zero"
        for part, new in PARTS.items():
            write(self.letter(part), f"toy: The {part}\n\nText of {part}.\n")
            adds = f"Adds: {NEW}\n" if part == "fixes" else ""
            hooks = hook(TIME, old, new) + ("" if adds else hook(NEW, old, new))
            text = f"Subject: toy: Add {new}\n\nIt is {new}.\n\nFixes: 0123 (b)\n---\n"
            write(self.patch(part), f"{text}Part: {part}\n{adds}\n{hooks}")
            old = new
        write(self.kdir / "Makefile", "VERSION = 9\nPATCHLEVEL = 4\nSUBLEVEL = 2\n")
        write(self.kdir / TIME, lines("zero"))

    def patch(self, part: str) -> Path:
        return self.top / f"series/{list(PARTS).index(part) + 1:04}-{part}.patch"

    def letter(self, part: str) -> Path:
        return self.top / f"series/cover-letter.{part}"

    def make(self, target: str, **variables: str) -> str:
        """What it says when it succeeds."""
        done = self.run(target, **variables)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def refused(self, target: str, **variables: str) -> str:
        """What it says when it fails, and nothing has changed."""
        before = files(self.kdir)
        done = self.run(target, **variables)
        assert done.returncode != 0 and "error: " in done.stdout, done.stdout
        assert files(self.kdir) == before
        return done.stdout

    def run(self, target: str, **variables: str) -> subprocess.CompletedProcess[str]:
        settings = {"KDIR": str(self.kdir), **variables}
        ours = ("KERNEL", "MAKEFLAGS", "MAKELEVEL")
        environ = {
            name: value for name, value in os.environ.items() if name not in ours
        }
        nobody = {"HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
        words = [f"{name}={value}" for name, value in settings.items() if value]
        return subprocess.run(
            ["make", "-s", target, *words],
            cwd=self.top,
            env={**environ, **nobody},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def into_git(self) -> None:
        git(self.kdir, "init", "-q")
        git(self.kdir, "config", "user.name", "they")
        git(self.kdir, "config", "user.email", "they@example.com")
        git(self.kdir, "add", "-A")
        git(self.kdir, "commit", "-qm", "theirs")

    def log(self) -> list[str]:
        return git(self.kdir, "log", "--reverse", "--format=%s").splitlines()


def files(path: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file() and ".git" not in file.parts
    }


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


def test_a_later_step_changes_a_file_that_is_added(toy: Toy) -> None:
    toy.into_git()
    toy.make("apply")
    for number, new in enumerate(reversed(PARTS.values())):
        for name in (TIME, NEW):
            assert git(toy.kdir, "show", f"HEAD~{number}:{name}") == lines(new)


def test_a_later_step_does_not_fit_the_file_that_is_added(toy: Toy) -> None:
    write(toy.top / NEW, lines("three"))
    said = toy.refused("apply")
    assert "0004-ptp.patch cannot be taken off the files that this project" in said
    assert f"patch failed: {NEW}:1" in said and "four" in said


def test_parts(toy: Toy) -> None:
    toy.make("series", SIGNOFF=THOR)
    out = toy.top / "build/9.4"
    assert len(list((out / "series").iterdir())) == len(PARTS)
    assert "+four\n" in (out / "series.diff").read_text()
    for number, part in enumerate(PARTS):
        letter, patch = sorted((out / "mail" / part).iterdir())
        assert letter.name == "0000-cover-letter.patch"
        assert f"Subject: [PATCH 1/1] toy: Add {PARTS[part]}\n" in patch.read_text()
        text = letter.read_text()
        assert f"Subject: [PATCH 0/1] toy: The {part}\n" in text
        assert f"\nText of {part}.\n" in text and "*** " not in text
        assert "\nbase: Linux v9.4.2 (stable tag)\n" in text
        earlier = [f"prerequisite: {p}: toy: The {p}" for p in list(PARTS)[:number]]
        assert [t for t in text.splitlines() if "prerequisite" in t] == earlier

    whole = files(out)
    shutil.rmtree(out)
    toy.make("series", SIGNOFF=THOR, PART="watchdog")
    assert files(out) == {n: whole[n] for n in whole if n.startswith("mail/watchdog/")}


def test_a_part_that_is_not_there(toy: Toy) -> None:
    said = toy.refused("series", SIGNOFF=THOR, PART="fix")
    assert "invalid choice: 'fix'" in said and "'fixes', 'watchdog'," in said


def test_parts_have_an_order(toy: Toy) -> None:
    patch = toy.patch("policy")
    text = patch.read_text()
    patch.write_text(text.replace("Part: policy", "Part: fixes"))
    said = toy.refused("series", SIGNOFF=THOR)
    assert "is of part fixes, but follows a step of part watchdog" in said
    patch.write_text(text.replace("Part: policy\n", ""))
    assert "says of no part" in toy.refused("series", SIGNOFF=THOR)


def test_series_is_reproducible(toy: Toy) -> None:
    git(toy.top, "init", "-q")
    git(toy.top, "add", "-A")
    for name, date in ((NEW, "@10000 +0000"), ("series", "@20000 +0000")):
        os.environ["GIT_COMMITTER_DATE"] = date
        try:
            who = ("-c", "user.name=they", "-c", "user.email=t@h.ey")
            git(toy.top, *who, "commit", "-qm", name, "--", name)
        finally:
            del os.environ["GIT_COMMITTER_DATE"]
    toy.make("series", SIGNOFF=THOR)
    first = files(toy.top / "build/9.4")
    toy.make("series", SIGNOFF=THOR)
    assert files(toy.top / "build/9.4") == first
    for name, text in first.items():
        if name.endswith(".patch"):
            assert text.startswith(b"From 0000000"), name
            assert b"\nDate: Thu, 1 Jan 1970 05:33:20 +0000\n" in text, name
            assert not text.rstrip().splitlines()[-1].startswith(b"2."), name


def test_sender(toy: Toy) -> None:
    trailers = r"Assisted-by: a machine\nTested-by: B <b@c.d>; Link: https://e.f"
    toy.make("series", SIGNOFF=THOR, TRAILERS=trailers)
    for patch in (toy.top / "build/9.4/series").iterdir():
        text = patch.read_text()
        assert f"\nFrom: {THOR}\n".replace("A. U. Thor", '"A. U. Thor"') in text
        assert (
            "\n\nFixes: 0123 (b)\nAssisted-by: a machine\nTested-by: B <b@c.d>\n"
            f"Link: https://e.f\nSigned-off-by: {THOR}\n---\n"
        ) in text


def test_sender_is_who_git_knows(toy: Toy) -> None:
    assert "git does not know who writes" in toy.refused("series")
    git(toy.top, "init", "-q")
    git(toy.top, "config", "user.name", "they")
    git(toy.top, "config", "user.email", "they@example.com")
    assert "have no Signed-off-by" in toy.make("series")
    for patch in (toy.top / "build/9.4/series").iterdir():
        assert "\nFrom: they <they@example.com>\n" in patch.read_text()
        assert "Signed-off-by" not in patch.read_text()


@pytest.mark.parametrize("name", ["Thor", "<a@b.c>", "A <a at b>", "A <a@b> B"])
def test_sender_is_malformed(toy: Toy, name: str) -> None:
    assert f'SIGNOFF="{name}" names nobody' in toy.refused("series", SIGNOFF=name)


def test_trailer_is_malformed(toy: Toy) -> None:
    said = toy.refused("series", SIGNOFF=THOR, TRAILERS="Link: x; tested")
    assert "is no trailer: tested" in said


def test_internal_export_takes_nobody(toy: Toy, tmp_path: Path) -> None:
    words = (toy.top / "scripts/export", "9.4", toy.kdir, tmp_path / "out", "watchdog")
    subprocess.run(words, check=True, env={"PATH": os.environ["PATH"]})
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_plain_tree(toy: Toy) -> None:
    """Once, not twice; and off again, once."""
    before = files(toy.kdir)
    toy.make("apply")
    assert files(toy.kdir)[NEW] == files(toy.kdir)[TIME] == lines("four").encode()
    assert f"already\n    It has {NEW}" in toy.refused("apply")
    toy.make("apply", R="1")
    assert files(toy.kdir) == before
    assert "is not applied" in toy.refused("apply", R="1")


def test_plain_tree_with_the_first_parts(toy: Toy) -> None:
    before = files(toy.kdir)
    toy.make("apply", PART="watchdog")
    assert files(toy.kdir)[NEW] == files(toy.kdir)[TIME] == lines("two").encode()
    assert "cannot be taken off" in toy.refused("apply", R="1")
    toy.make("apply", PART="watchdog", R="1")
    assert files(toy.kdir) == before
    assert "invalid choice: 'fix'" in toy.refused("apply", PART="fix")


def test_tree_that_does_not_fit(toy: Toy) -> None:
    write(toy.kdir / TIME, lines("theirs"))
    said = toy.refused("apply")
    assert "0001-fixes.patch does not fit" in said
    assert "while searching for:" in said and "    zero\n" in said
    write(toy.kdir / TIME, lines("one"))
    assert "0001-fixes.patch already" in toy.refused("apply")


def test_work_of_others_is_kept(toy: Toy) -> None:
    toy.make("apply")
    with (toy.kdir / NEW).open("a") as file:
        file.write("theirs\n")
    assert f"{NEW} is not as the series adds it" in toy.refused("apply", R="1")
    write(toy.kdir / NEW, lines("four"))
    write(toy.kdir / TIME, lines("theirs"))
    assert "0004-ptp.patch cannot be taken off" in toy.refused("apply", R="1")
    write(toy.kdir / TIME, lines("four") + "theirs\n")
    toy.make("apply", R="1")
    assert (toy.kdir / TIME).read_text() == lines("zero") + "theirs\n"


def test_git_tree(toy: Toy) -> None:
    """What is on top of the series is kept, and so is the history."""
    toy.into_git()
    toy.make("apply")
    series = ["theirs", *(f"toy: Add {new}" for new in PARTS.values())]
    assert toy.log() == series
    assert "already" in toy.refused("apply")
    assert "reset --keep HEAD~4" in toy.refused("apply", R="1")
    assert toy.log() == series

    write(toy.kdir / "more", "theirs\n")
    assert "uncommitted" not in toy.refused("apply", R="1")
    git(toy.kdir, "add", "more")
    assert "uncommitted" in toy.refused("apply", R="1")
    git(toy.kdir, "commit", "-qm", "more")
    toy.make("apply", R="1")
    off = [*series, "more", "Revert the series for the clocks of Xen guests"]
    assert toy.log() == off
    assert sorted(files(toy.kdir)) == ["Makefile", TIME, "more"]
    assert (toy.kdir / TIME).read_text() == lines("zero")
    assert git(toy.kdir, "status", "--porcelain") == ""


def test_git_tree_that_git_cannot_read(toy: Toy) -> None:
    toy.into_git()
    (toy.kdir / ".git/HEAD").unlink()
    assert "git does not work in" in toy.refused("apply")


def test_plain_tree_in_a_git_tree_of_others(toy: Toy) -> None:
    git(toy.kdir.parent, "init", "-q")
    test_plain_tree(toy)


@pytest.mark.parametrize("target", ["series", "apply"])
def test_kernel_is_one_of_ours(toy: Toy, target: str) -> None:
    for kernel in ("abc", "5.10", "9.", "9.1.1"):
        said = toy.refused(target, KERNEL=kernel, SIGNOFF=THOR)
        assert f"no series for Linux {kernel}\n" in said and "9.1 9.4\n" in said
    write(toy.kdir / "Makefile", "VERSION = 5\nPATCHLEVEL = 10\n")
    assert "is for 9.1 or later" in toy.refused(target, SIGNOFF=THOR)


def package(toy: Toy) -> None:
    """Have Debian's package with the source fetched, without Debian."""
    home = toy.top.parent / "deb"
    tar = home / "usr/src/linux.tar.xz"
    tar.parent.mkdir(parents=True)
    source = ("-C", toy.kdir.parent, toy.kdir.name)
    subprocess.run(["tar", "-cJf", tar, *source], check=True)
    fields = ("Package: linux", "Version: 9", "Architecture: all", "Maintainer: a")
    write(home / "DEBIAN/control", "\n".join((*fields, "Description: a\n")))
    deb = toy.top / "linux.deb"
    subprocess.run(["dpkg-deb", "-b", home, deb], check=True, capture_output=True)
    for name in ("fetch", "setup"):
        write(toy.top / "scripts" / name, f"#!/bin/sh\necho '{deb}'\n")


def test_kernel_is_the_newest(toy: Toy) -> None:
    """Of Debian's package no more is unpacked than what the series changes."""
    package(toy)
    toy.make("series", SIGNOFF=THOR, KDIR="")
    of_debian = files(toy.top / "build/9.4")
    toy.make("series", SIGNOFF=THOR)
    assert of_debian == files(toy.top / "build/9.4")


# Its image is the file that the series adds; an option that it does not know is lost.
# It notes how old a header is
MAKE = """#!/bin/sh
cd "$2" || cd "$3"
case "$*" in
*allnoconfig*) for f; do case $f in *=*) cp "${f#*=}" .config ;; esac; done ;;
*bzImage*) mkdir -p arch/x86/boot && touch System.map vmlinux &&
    stat -c %y include/linux/clocksource_ids.h >> ../stamps &&
    cp arch/x86/xen/new.c arch/x86/boot/bzImage ;;
esac
"""
# The header that all builds share
SHARED = "include/linux/clocksource_ids.h"
CONFIG = """CONFIG_ALWAYS=y
# Part: policy
CONFIG_OF_POLICY=y
# Part: fixes
CONFIG_OF_FIXES=y
"""
ALL = {"CONFIG_ALWAYS=y", "CONFIG_OF_FIXES=y", "CONFIG_OF_POLICY=y"}


@pytest.fixture(name="build")
def fixture_build(toy: Toy) -> Callable[..., str]:
    """Runs scripts/kernel, with a package and a make that are there; what it says."""
    write(toy.kdir / SHARED, "")
    package(toy)
    for name in (
        "kconfig/kernel.config",
        "kconfig/kernel.config.9.4",
        "payload/probe/hooks.patch",
    ):
        write(toy.top / "lab" / name, "# Nothing\n")
    write(toy.top / "lab/kconfig/series.config", CONFIG)
    write(toy.top / "bin/make", MAKE)
    (toy.top / "bin/make").chmod(0o755)
    path = f"{toy.top}/bin:{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path, "SIGNOFF": "nobody"}

    def build(*words: str) -> str:
        command = [str(toy.top / "scripts/kernel"), "9.4", *words]
        done = subprocess.run(
            command, check=True, env=environ, stderr=subprocess.PIPE, text=True
        )
        return done.stderr

    return build


@pytest.mark.parametrize("part", ["", *PARTS])
def test_kernel_of_a_part(toy: Toy, build: Callable[..., str], part: str) -> None:
    build(*([f"part={part}"] if part else []))
    out = toy.top / "build" / (f"9.4-{part}" if part else "9.4")
    assert (out / "bzImage").read_text() == lines(PARTS[part or "ptp"])
    options = set((out / "config").read_text().splitlines())
    assert ALL - options == (
        {"CONFIG_OF_POLICY=y"} if part in ("fixes", "watchdog") else set()
    )


def test_several_kernels(toy: Toy, build: Callable[..., str]) -> None:
    """In one order whatever is missing, and nothing is changed that is the same."""
    words = "part=watchdog and part=fixes and series".split()
    places = {"9.4-watchdog": "two", "9.4-fixes": "one", "9.4": "four"}
    said = build(*words)
    assert re.findall("done: build/(.*)/bzImage", said) == list(places)
    for place, third in places.items():
        assert (toy.top / "build" / place / "bzImage").read_text() == lines(third)
    tree = toy.top / "build/9.4/linux"
    assert (tree / TIME).read_text() == lines("four")
    assert git(tree, "branch", "--show-current") == "series\n"

    changed = (tree / TIME).stat().st_mtime_ns
    (toy.top / "build/9.4/inputs").unlink()
    said = build(*words)
    assert re.findall("build/(.*)/bzImage is up to date", said) == list(places)[:2]
    assert re.findall("done: build/(.*)/bzImage", said) == ["9.4"]
    assert (tree / TIME).stat().st_mtime_ns == changed
    # Or all that depends on that header would be compiled again
    stamps = (toy.top / "build/9.4/stamps").read_text().splitlines()
    assert len(stamps) == len(places) + 1 and len(set(stamps)) == 1


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
def test_deb_reads_a_configuration(toy: Toy, packed: bool) -> None:
    """It goes on, to what this project does not have."""
    config = toy.top / "config"
    text = b"CONFIG_X86=y\nCONFIG_XEN=y\n"
    config.write_bytes(gzip.compress(text) if packed else text)
    write(toy.top / "scripts/kernel", "#!/bin/sh\necho error: reached >&2\nexit 1\n")
    write(toy.top / "scripts/setup", "#!/bin/sh\n")
    assert "error: reached" in toy.refused(
        "deb", CONFIG=str(config), KERNEL="9.4", KDIR=""
    )
