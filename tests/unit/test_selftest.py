# SPDX-License-Identifier: GPL-2.0-only
"""The kselftest of the series, as the kernel builds it, and the check of its output."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.base.common import TOP
from lab.checks.kselftest import NUMBER, check_tap
from tests.tree import TREE, make, run

SELFTEST = TOP / "tools/testing/selftests/xen"
GOOD = "TAP version 13\n1..{}\n{}\n"
NAMES = [f"file{number} by CPUID" for number in range(1, NUMBER + 1)]


@pytest.fixture(name="built", scope="session")
def fixture_built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By the kernel's rules for selftests."""
    place = tmp_path_factory.mktemp("selftests")
    for name in ("lib.mk", "kselftest.h", "kselftest_harness.h"):
        shutil.copy(TREE / "tools/testing/selftests" / name, place)
    shutil.copytree(SELFTEST, place / "xen", ignore=shutil.ignore_patterns("tsc"))
    make("-s", "USERCFLAGS=-Wextra -Werror", cwd=place / "xen")
    return place / "xen" / "tsc"


def test_not_under_xen(built: Path) -> None:
    done = run(built)
    assert done.returncode == 4
    assert done.stdout.splitlines()[1:] == ["1..0 # SKIP this is no domain of Xen"]


def test_what_is_built_is_ignored(built: Path) -> None:
    sources = {path.name for path in SELFTEST.iterdir()}
    made = {path.name for path in built.parent.iterdir()} - sources
    ignored = (SELFTEST / ".gitignore").read_text().splitlines()[1:]
    assert made | {"tsc"} == set(ignored)


def tap(session: list[str]) -> str:
    lines = [line.replace("N", str(n), 1) for n, line in enumerate(session, 1)]
    return GOOD.format(len(session), "\n".join(lines))


def test_good() -> None:
    assert not check_tap(tap([f"ok N {name}" for name in NAMES]), 0)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (("ok 3", "not ok 3"), 0),
        (("ok 3 ", "ok 3 # SKIP "), 0),
        (("ok 3 file3 by CPUID\n", ""), 0),
        ((f"1..{NUMBER}", f"1..{NUMBER - 1}"), 0),
        (("", ""), 1),
    ],
)
def test_wrong(change: tuple[str, str], status: int) -> None:
    text = tap([f"ok N {name}" for name in NAMES]).replace(*change, 1)
    assert len(check_tap(text, status)) == 1
