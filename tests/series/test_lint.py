# SPDX-License-Identifier: GPL-2.0-only
"""Style: every tool has nothing to say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from lab.base.common import BUILD, TOP
from tests.tree import EACH_BUILT, KERNELS, PATCHES, TREE, added, mails
from tests.tree import run, silent, tracked, tree_of

pytestmark = pytest.mark.usefixtures("trees")

CHECKPATCH = ["--strict", "--quiet", "--no-summary", "--terse"]
SOURCES = added(PATCHES)
MAILS = [(kernel, mail) for kernel in KERNELS for mail in mails(kernel)]


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
    silent("black", "--check", "--quiet", "lab", "tests", "xen-lab")


def test_mypy() -> None:
    done = run("mypy", "--strict", "lab", "tests", "xen-lab")
    assert done.returncode == 0, done.stdout


def test_pylint() -> None:
    """The checks that .pylintrc has: mistakes that the others do not see."""
    silent("pylint", "--score=n", "lab", "tests", "xen-lab")


def test_sizes() -> None:
    """A subject a module, and functions that fit a page."""
    for name in tracked("*.py"):
        text = (TOP / name).read_text()
        assert len(text.splitlines()) <= 500, name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                assert lines <= 60, f"{name}: {node.name}() has {lines} lines"
    for name in tracked("*.c"):
        text = (TOP / name).read_text()
        assert len(text.splitlines()) <= 500, name
        for head, body in re.findall(r"^(.+)\n\{\n(.*?)^\}$", text, re.M | re.S):
            lines = body.count("\n")
            assert lines <= 60, f"{name}: {head} has {lines} lines"


def test_codespell() -> None:
    silent("codespell", *(name for name in tracked() if name != "COPYING"))


@pytest.mark.parametrize(
    ("kernel", "mail"), MAILS, ids=[f"{kernel}-{mail.stem}" for kernel, mail in MAILS]
)
def test_checkpatch_series(kernel: str, mail: Path) -> None:
    # Whether they have an entry in MAINTAINERS is for test_series to find, and the
    # trees have no history in which the commits of Fixes: could be looked up
    silent(
        tree_of(kernel) / "scripts/checkpatch.pl",
        f"--root={tree_of(kernel)}",
        *CHECKPATCH,
        "--ignore=FILE_PATH_CHANGES,UNKNOWN_COMMIT_ID",
        # Who mails them signs them off
        "--no-signoff",
        mail,
    )


def test_checkpatch_programs() -> None:
    # These are programs, not kernel code: no kernel tree around them.
    files = tracked("lab/payload/*.[ch]", "kit/*.[ch]", "tests/*.[ch]", "tools/*.[ch]")
    # But for the probes, and the stand-ins for macros, which have to look like those
    kernel = ("lab/payload/probe/", "lab/payload/bench/kernel.h")
    files = [file for file in files if not file.startswith(kernel)]
    silent(TREE / "scripts/checkpatch.pl", "--no-tree", *CHECKPATCH, "-f", *files)


def test_kernel_doc() -> None:
    silent("scripts/kernel-doc", "-none", *SOURCES, cwd=TREE)


@pytest.mark.parametrize("kernel", EACH_BUILT)
def test_objtool(kernel: str) -> None:
    """When the kernel was linked it looked for what noinstr code must not call."""
    config = (BUILD / kernel / "config").read_text().splitlines()
    assert "CONFIG_NOINSTR_VALIDATION=y" in config
    said = (BUILD / kernel / "build.log").read_text()
    assert "  LD      vmlinux.o\n" in said, "it did not look"
    complaints = re.finditer(r".*warning: objtool: (\w+).*", said)
    # Linux 6.1 has some of its own
    ours = [TOP / name for name in SOURCES if name.endswith(".c")] + PATCHES
    text = "\n".join(path.read_text() for path in ours)
    about_us = [c[0] for c in complaints if re.search(rf"\b{c[1]}\b", text)]
    assert not about_us, "\n".join(about_us)
