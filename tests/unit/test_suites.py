# SPDX-License-Identifier: GPL-2.0-only
"""The checks of programs that others wrote, and their tables, without QEMU."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.commands.suites import build
from lab.base.common import LAB, LabError
from lab.config import XENS
from lab.commands.suites.check import (
    KILLED,
    SKIPPED,
    Results,
    compare,
    faults_of,
    table,
    word,
)
from lab.commands.result import Result
from lab.guest.batch import Said, parse
from lab.images.debian import Unavailable
from lab.commands.suites.table import (
    LEFT_OUT,
    PROGRAMS,
    SELFTESTS,
    WHENS,
    Program,
)
from lab.commands.suites.table import batches, script, usual
from lab.base.select import select
from tests.tree import EACH, tree_of

BY_NAME = {str(program): program for program in PROGRAMS}
LATENCY = BY_NAME["timers/set-timer-lat"]
POSIX = BY_NAME["timers/posix_timers"]
RIGHT = BY_NAME["vDSO/vdso_test_correctness"]
TIMING = BY_NAME["postgresql/pg_test_timing"]
ABI = BY_NAME["vDSO/vdso_test_abi"]
TAI = BY_NAME["timers/set-tai"]

TAP = "TAP version 13\n1..2\nok 1 __vdso_gettimeofday\nok 2 __vdso_time\n"
EARLY = "CLOCK_TAI ABSTIME PERIODIC timer fired early:       1 : [FAILED]\n"
LATE = "CLOCK_TAI ABSTIME PERIODIC max latency:  126753563 ns : [FAILED]\n"
BUSY = "1..2\nDiff too high: 3651770..not ok 1 ITIMER_VIRTUAL\nok 2 ITIMER_REAL\n"
OLD = "1..2\nok 1 ITIMER_REAL\nnot ok 2 check_rearm\n"
BROKEN = "1..2\nnot ok 1 ITIMER_REAL\nnot ok 2 check_rearm\n"
CPUS = "Testing clock_gettime for clock CLOCK_MONOTONIC (1)...\n[OK]\n"
CPUS += "[SKIP]\tNo vDSO, so skipping clock_gettime64() tests\n"
NO_CPU = f"{CPUS}[FAIL]\tCPU 1: syscall: cpu 1, node 0 vdso: cpu 123, node 0\n"
BACK = f"{CPUS}[FAIL]\tTimes are out of sequence\n"
TIMED = "Histogram of timing durations:\n     1      5.52684       7935\n"
BACKWARDS = "Detected clock going backwards in time.\nTime warp: -1 ms\n"


@pytest.mark.parametrize(
    ("program", "status", "text", "came"),
    [
        (ABI, 0, TAP, "passed"),
        (ABI, 1, TAP, "failed"),
        (ABI, 0, TAP.replace("ok 2", "not ok 2"), "failed"),
        (ABI, 0, TAP.replace("ok 2 __vdso_time\n", ""), "failed"),
        (ABI, SKIPPED, "1..0 # SKIP Couldn't find AT_SYSINFO_EHDR\n", "skipped"),
        (ABI, KILLED, TAP, "failed"),
        (TAI, 0, "[OK]\n", "passed"),
        # It is slow, which is the machine's affair; to be early is the kernel's
        (LATENCY, 1, LATE, "passed*"),
        (LATENCY, 1, LATE.replace(":  1", ": 91"), "failed"),
        (LATENCY, 1, LATE + EARLY, "failed"),
        (LATENCY, 1, "timer_create() failed\n", "failed"),
        (POSIX, 1, BUSY, "passed*"),
        (POSIX, 1, OLD, "passed*"),
        (POSIX, 1, BROKEN, "failed"),
        (RIGHT, 0, CPUS, "passed"),
        (RIGHT, 1, NO_CPU, "passed*"),
        (RIGHT, 1, BACK, "failed"),
        # It ends well, but has tested nothing
        (RIGHT, 0, f"[WARN]\tfailed to find vDSO\n{CPUS}", "failed"),
        (RIGHT, 0, CPUS.replace("64", ""), "failed"),
        (TIMING, 0, TIMED, "passed"),
        (TIMING, 0, TIMED + BACKWARDS, "failed"),
        (TIMING, 1, BACKWARDS, "failed"),
        (TIMING, 0, "", "failed"),
    ],
)
def test_program(program: Program, status: int, text: str, came: str) -> None:
    said = Said(status, 1, text)
    assert word(program, said) == came
    assert bool(faults_of(program, said)) == (came in ("failed", "skipped"))


def results(program: Program, before: Said | None, after: Said | None) -> Results:
    pairs = zip(WHENS, (before, after))
    return {(when, str(program)): said for when, said in pairs if said is not None}


GOOD, BAD = Said(0, 1, TAP), Said(1, 1, TAP)
SKIP = Said(SKIPPED, 0, "")
WELL, ILL = results(ABI, GOOD, GOOD), results(ABI, BAD, BAD)
ILL_AFTER = results(ABI, GOOD, BAD)
DEAD = results(ABI, GOOD, None)


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        (WELL, WELL, Result.SAME),
        (ILL_AFTER, WELL, Result.FIXED),
        (DEAD, WELL, Result.FIXED),
        (WELL, ILL_AFTER, Result.WORSE),
        (WELL, DEAD, Result.WORSE),
        (WELL, results(ABI, GOOD, SKIP), Result.WORSE),
        # Better before it is restored, and worse after
        (results(ABI, BAD, GOOD), ILL_AFTER, Result.WORSE),
        # What it is there for has to pass
        (ILL, ILL, Result.LOST),
        (ILL_AFTER, ILL_AFTER, Result.LOST),
        (results(ABI, SKIP, SKIP), results(ABI, SKIP, SKIP), Result.SKIPPED),
    ],
)
def test_comparison(old: Results, new: Results, result: Result) -> None:
    verdict = compare(ABI, old, new)
    assert verdict.result is result
    assert bool(verdict.problems) == (result is not Result.SAME)
    assert result.value in table([verdict]).splitlines()[1]


def test_known_failures_are_those_of_both() -> None:
    known, none = Said(1, 1, NO_CPU), Said(0, 1, CPUS)
    other = Said(1, 1, NO_CPU.replace("CPU 1: syscall: cpu 1", "CPU 2: syscall: cpu 2"))
    for old, new, result in (
        (known, known, Result.SAME),
        (known, other, Result.SAME),
        (known, none, Result.SAME),
        (none, known, Result.WORSE),
    ):
        pair = (results(RIGHT, one, one) for one in (old, new))
        assert compare(RIGHT, *pair).result is result


def test_report_of_a_batch() -> None:
    found = parse(
        "seconds.timers/set-tai 7\nstatus.timers/set-tai 1\n"
        "said.timers/set-tai+ one line\nsaid.timers/set-tai  of it\n"
        "said.timers/set-tai\nsaid.timers/set-tai status.x 5\n"
        "seconds.vDSO/x 0\nstatus.vDSO/x 0\n"
    )
    assert found == {
        "timers/set-tai": Said(1, 7, "one line of it\n\nstatus.x 5\n"),
        "vDSO/x": Said(0, 0, ""),
    }


def test_batches() -> None:
    """Only what sleeps has neighbours; what sets the clock comes last."""
    every = batches(usual())
    assert all(program.sleeps for program in every[0])
    assert [len(batch) for batch in every[1:]] == [1] * (len(every) - 1)
    names = [str(batch[0]) for batch in every]
    steers = names.index("timers/clocksource-switch")
    assert {"timers/set-tai", "timers/adjtick"} <= set(names[steers:])
    assert not {"timers/threadtest", "stress-ng/clock"} & set(names[steers:])
    # The guest's program has room for these
    assert all(len(batch) <= 16 for batch in every)
    lines = [line for batch in every for line in script(batch).splitlines()]
    assert all(re.fullmatch(r"\S{1,63} .{1,511}", line) for line in lines)
    assert len(lines) == len(set(lines))


def test_choice() -> None:
    assert select("timers/leapcrash", list(PROGRAMS)) == [BY_NAME["timers/leapcrash"]]
    assert not any(program.long for program in usual())
    assert {
        program.suite for program in select("vDSO or postgresql", list(PROGRAMS))
    } == {
        "vDSO",
        "postgresql",
    }
    with pytest.raises(LabError, match="'nothing' matches none of"):
        select("nothing", list(PROGRAMS))


@pytest.mark.parametrize("kernel", EACH)
@pytest.mark.parametrize("suite", SELFTESTS)
def test_no_program_is_forgotten(kernel: str, suite: str) -> None:
    """Each of the kernel's is run, or there is a reason why it is not."""
    makefile = tree_of(kernel) / "tools/testing/selftests" / suite / "Makefile"
    joined = makefile.read_text().replace("\\\n", " ")
    lines = re.findall(r"^(?:TEST_GEN_PROGS|DESTRUCTIVE_TESTS) .?= (.*)", joined, re.M)
    names = {name.rpartition("/")[2] for line in lines for name in line.split()}
    assert names and not set(BY_NAME) & set(LEFT_OUT)
    assert {f"{suite}/{name}" for name in names} <= set(BY_NAME) | set(LEFT_OUT)


def test_packages_that_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others are run without them."""

    def unavailable(what: str, suite: str, packages: tuple[str, ...]) -> None:
        raise Unavailable(f"the packages of {what} could not be fetched from {suite}")

    monkeypatch.setattr(build, "Tree", unavailable)
    monkeypatch.setattr(build, "IMAGES", LAB / tmp_path.name)
    chosen = select("pg_test_timing or vDSO", list(PROGRAMS))
    archives, gone = build.packaged(XENS["4.17"].suite, chosen)
    assert not archives and set(gone) == {str(TIMING)}
    assert gone[str(TIMING)].endswith("postgresql could not be fetched from bookworm")
