# SPDX-License-Identifier: GPL-2.0-only
"""The built kernel trees, for the tests that look at the series itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from lab.base.common import BUILD, TOP, output
from lab.config import DEFAULT_KERNEL, XENS, Settings
from lab.images.kernel import kernels

# The tests have these from here
from lab.images.kernel import git as git  # pylint: disable=unused-import
from lab.images.kernel import make as make  # pylint: disable=unused-import
from lab.images.kernel import tree_of as tree_of


# What "xen-lab check" and "xen-lab mutants" chose
KERNEL = os.environ.get("KERNEL") or DEFAULT_KERNEL
XEN = os.environ.get("XEN") or "4.17"
SETTINGS = Settings(KERNEL, XENS[XEN], mutant=os.environ.get("MUTANT", ""))
TREE = tree_of(KERNEL)
KERNELS = kernels()
# With the series
BUILT = [name for name in KERNELS if (BUILD / name / "bzImage").exists()]

PATCHES = sorted((TOP / "series").rglob("[0-9]*.patch"))


def repeat_test(test: str, case: object) -> str:
    """Return the command that runs the tests of a case again, in one file."""
    where = f"tests/boot/test_{test}.py -k {case}"
    return f"./xen-lab check --kernel {KERNEL} --xen {XEN} {where}"


def unavailable(kernel: str) -> str:
    """Why its source could not be had, if so, in the words of scripts/kernel."""
    note = BUILD / kernel / "unavailable"
    return note.read_text().strip() if kernel not in BUILT and note.exists() else ""


def each(kernel: str, *values: object) -> ParameterSet:
    """Values for a test that looks at the kernel, or is skipped with a reason."""
    reason = unavailable(kernel)
    skip = pytest.mark.skipif(bool(reason), reason=reason)
    return pytest.param(*(values or (kernel,)), marks=skip)


EACH = [each(kernel) for kernel in KERNELS]


def each_built(kernel: str, *values: object) -> ParameterSet:
    """The same for a test that boots it, or looks at how it was built."""
    if kernel in BUILT or unavailable(kernel):
        return each(kernel, *values)
    reason = f'Linux {kernel} is not built yet, which "xen-lab kernel --all" does'
    return pytest.param(*(values or (kernel,)), marks=pytest.mark.skip(reason=reason))


EACH_BUILT = [each_built(kernel) for kernel in KERNELS]


def mails(kernel: str) -> list[Path]:
    """The series for a kernel, as it was applied to its tree."""
    return sorted((BUILD / kernel / "applied").glob("[0-9]*.patch"))


def steps(kernel: str, *part: str) -> list[Path]:
    """The patches that the series for a kernel is made of, up to the end of a part."""
    lines = output(str(TOP / "scripts" / "steps"), kernel, *part).splitlines()
    return [TOP / line.split()[0] for line in lines]


def run(*command: str | Path, cwd: Path = TOP) -> subprocess.CompletedProcess[str]:
    """Run a command; standard output and error come as one text."""
    return subprocess.run(
        command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def silent(*command: str | Path, cwd: Path = TOP) -> None:
    """A check that succeeds and has nothing to say."""
    done = run(*command, cwd=cwd)
    words = " ".join(map(str, command))
    assert done.returncode == 0, f"{words}\n{done.stdout}"
    assert done.stdout.strip() == "", f"{words}\n{done.stdout}"


def tracked(*patterns: str) -> list[str]:
    """Files of the project, also those that are not committed yet."""
    listed = run("git", "ls-files", "-co", "--exclude-standard", "--", *patterns)
    return sorted(name for name in listed.stdout.split() if (TOP / name).is_file())


def added(patches: list[Path]) -> list[str]:
    """The new files that steps of the series bring."""
    lines = [line for patch in patches for line in patch.read_text().splitlines()]
    return [line.removeprefix("Adds: ") for line in lines if line.startswith("Adds: ")]
