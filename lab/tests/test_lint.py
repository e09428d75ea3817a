# SPDX-License-Identifier: GPL-2.0-only
"""Style: every tool has nothing to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.common import TOP
from lab.tests.tree import MAILS, STEPS, TREE, added, make, run, silent, tracked

CHECKPATCH = ["--strict", "--quiet", "--no-summary", "--terse"]
SOURCES = [name for step in STEPS for name in added(step)]
OBJECTS = [
    name[:-2] + ".o"
    for name in SOURCES
    if name.endswith(".c") and not name.startswith("tools/")
]


def shell_scripts() -> list[str]:
    return [
        name
        for name in tracked()
        if name.endswith(".sh")
        or (TOP / name).read_bytes()[:32].startswith((b"#!/bin/sh", b"#!/bin/bash"))
    ]


def test_shellcheck() -> None:
    silent("shellcheck", *shell_scripts())


def test_black() -> None:
    silent("black", "--check", "--quiet", "lab")


def test_mypy() -> None:
    done = run("mypy", "--strict", "lab")
    assert done.returncode == 0, done.stdout


def test_codespell() -> None:
    silent("codespell", *(name for name in tracked() if name != "COPYING"))


@pytest.mark.parametrize("mail", MAILS, ids=[mail.stem for mail in MAILS])
def test_checkpatch_series(mail: Path) -> None:
    # New files are at places that have their entries in MAINTAINERS
    silent(
        TREE / "scripts/checkpatch.pl",
        f"--root={TREE}",
        *CHECKPATCH,
        "--ignore=FILE_PATH_CHANGES",
        mail,
    )


def test_checkpatch_programs() -> None:
    # These are programs, not kernel code: no kernel tree around them.
    names = [f"lab/{name}/*.[ch]" for name in ("guest", "dom0", "fuzzer", "tests")]
    names += ["tools/*.[ch]"]
    files = tracked(*names)
    silent(TREE / "scripts/checkpatch.pl", "--no-tree", *CHECKPATCH, "-f", *files)


def test_kernel_doc() -> None:
    silent("scripts/kernel-doc", "-none", *SOURCES, cwd=TREE)


def test_w1_and_sparse() -> None:
    for name in OBJECTS:
        (TREE / name).unlink(missing_ok=True)
    said = make("W=1", "C=1", "CHECK=sparse", *OBJECTS)
    about_ours = [
        line
        for line in said.splitlines()
        if ("warning:" in line or "error:" in line)
        and any(line.startswith(name) for name in SOURCES)
    ]
    assert OBJECTS and not about_ours, "\n".join(about_ours)
    for name in OBJECTS:
        assert f"CHECK   {name[:-2]}.c" in said, f"sparse did not look at {name}"
