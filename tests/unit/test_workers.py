# SPDX-License-Identifier: GPL-2.0-only
"""Tests in several processes: what a run says, and that nothing outlives it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable

import pytest

from lab.base.common import TOP
from tests.workers import GROUPS, LOOKS_AT_TREES, group_of, rank_of

COMMAND = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p"]
COMMAND += ["no:cacheprovider", "-n", "2", "--dist=loadscope"]
COMMAND += ["-o", "console_output_style=classic"]

FAST = """
import pytest
from lab.base.common import LabError

def test_right():
    pass

@pytest.mark.parametrize("number", range(2))
def test_wrong(number):
    raise LabError("it is wrong", hint="Mend it.")

def test_skipped():
    pytest.skip("it takes too long")
"""
# As a host is, in whose time something hangs
SLOW = """
import subprocess, time
import pytest

@pytest.fixture(scope="module")
def host(tell):
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as process:
        tell(f"booted {process.pid}")
        yield
        process.kill()
        tell("ended")

def test_slow(host):
    time.sleep(1000)
"""


@pytest.fixture(name="toy")
def fixture_toy(tmp_path: Path) -> Path:
    for name, text in {"unit/test_fast.py": FAST, "boot/test_slow.py": SLOW}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    return tmp_path


def start(toy: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *words],
        cwd=toy,
        env={**os.environ, "PYTHONPATH": str(TOP)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_what_a_run_says(toy: Path) -> None:
    """An error in full once, a line for each file, and all in numbers at last."""
    said, _ = start(toy, "unit").communicate()
    assert said.count("error: it is wrong\n    Mend it.\n") == 1, said
    assert said.count("error: it is wrong\n") == 2
    done = r"\n100 %  unit/test_fast\.py: 2 failed, 1 passed, 1 skipped in \d+ s\n"
    assert re.search(done, said)
    assert "\nfailed: unit/test_fast.py::test_wrong[0]\n" in said
    assert "SKIPPED [1] unit/test_fast.py:13: it takes too long\n" in said
    assert said.endswith("\n1 passed, 2 failed, 1 skipped\n")


@pytest.mark.parametrize(
    ("kill", "number"), [(os.killpg, signal.SIGINT), (os.kill, signal.SIGTERM)]
)
def test_nothing_outlives_it(
    toy: Path, kill: Callable[[int, int], None], number: signal.Signals
) -> None:
    """Ctrl-C tells all processes of a run that it ends, a CI may tell only the first."""
    with start(toy, "boot") as process:
        assert process.stdout is not None
        said = ""
        while "lab: booted" not in said:
            said = process.stdout.readline()
            assert said, "it has ended"
        host = int(said.split()[-1])
        time.sleep(0.5)
        kill(process.pid, number)
        rest = process.stdout.read()
    assert rest.endswith("\n0 passed, 1 failed, 0 skipped\n"), rest
    assert "lab: ended\n" in rest
    with pytest.raises(ProcessLookupError):
        os.kill(host, 0)
    assert process.returncode == pytest.ExitCode.INTERRUPTED


def test_groups() -> None:
    for name in GROUPS:
        assert (TOP / "tests" / name).exists(), name
    nodeid = "tests/boot/test_jump.py::test_a_jump_is_noticed[5-s-forward]"
    assert group_of(nodeid) == group_of("tests/boot/test_sleep.py::test_x")
    assert group_of("tests/boot/test_kit.py::test_x") == "tests/boot/test_kit.py"


def test_who_compiles_makes_nobody_wait() -> None:
    """Tests that look at a tree come after all that do without, but boots."""
    order = (
        "series/test_prefixes",
        "unit/test_tool",
        "series/test_cocci",
        "boot/test_s3",
    )
    ranks = [rank_of(f"tests/{name}.py::test_x") for name in order]
    assert ranks == sorted(ranks) and len(set(ranks)) == len(order)
    assert rank_of(f"tests/{LOOKS_AT_TREES}::test_x") == ranks[2]


# As those of scripts/ are
SCRIPT = f"""\
. {TOP}/scripts/common.sh
make --no-print-directory -f - <<< 'all: ; @echo $$PPID; sleep 1000'
"""
RUN_IT = """
import sys
from pathlib import Path
from lab.base.common import run_main
from lab.images import kernel

kernel.TOP = Path(sys.argv[1])
run_main(lambda: kernel.status_of("slow"))
"""


def test_a_script_ends_with_its_command(tmp_path: Path) -> None:
    """And the make that it runs, which nobody else tells of a SIGTERM."""
    script = tmp_path / "scripts" / "slow"
    script.parent.mkdir()
    script.write_text(f"#!/bin/bash\n{SCRIPT}")
    script.chmod(0o755)
    with subprocess.Popen(
        [sys.executable, "-c", RUN_IT, tmp_path],
        cwd=TOP,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        inner = int(process.stdout.readline())
        process.terminate()
        said, _ = process.communicate(timeout=60)
    assert (
        "slow: interrupted; run it again" in said and "Nothing is left running." in said
    ), said
    with pytest.raises(ProcessLookupError):
        os.kill(inner, 0)
