# SPDX-License-Identifier: GPL-2.0-only
"""xen-clock watch, while what it samples changes or a clock goes wrong."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.base.common import TOP, output
from tests.recorded import OUT, PATCHED, Done, Guest, Tool, documents, good
from tests.tree import silent

TOOL = TOP / "tools/xen-clock"
SELFTEST = TOP / "tools/testing/selftests/xen"
STEP_NS = 5_000_000_000
# The machine can hold it up between two clocks of one sample
HELD_UP_NS = 1_000_000_000
# A sample that something interrupts is taken again, up to so many times
ATTEMPTS = 5


def test_watch_is_quiet(tool: Tool) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = tool(PATCHED, "watch", "--seconds", "1", build="static")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "0 steps back, 0 jumps, 0 changes" in good(done)
    told = re.search(r"^(\d+) samples in ([\d.]+) s", done.stdout, re.M)
    assert told is not None
    # Every 100 ms on each CPU, and one at its start
    rounds = len(os.sched_getaffinity(0)) * (float(told[2]) * 10 + 2)
    assert 0 < int(told[1]) <= ATTEMPTS * rounds
    # It sleeps in between
    assert after.ru_nvcsw > before.ru_nvcsw


def test_watch_json(tool: Tool) -> None:
    done = tool(PATCHED, "watch", "--seconds=1", "--interval=20", "--json")
    assert done.returncode == 0
    said = documents(done)
    assert said[0]["event"] == "start" and said[-1]["event"] == "summary"
    assert said[-1]["steps_back"] == 0 and said[-1]["samples"] > 20


def watching(
    tool: Tool, guest: Guest, change: Callable[[Path, Path], None]
) -> list[dict[str, Any]]:
    """What watch prints while something changes, ended by a signal."""
    env = tool.record(guest)
    with subprocess.Popen(
        [OUT / "san" / "xen-clock", "watch", "--json"],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        change(Path(env["XEN_CLOCK_ROOT"]), Path(env["XEN_CLOCK_CPUID"]))
        time.sleep(2.5)
        process.send_signal(signal.SIGINT)
        lines += process.stdout.readlines()
    assert process.returncode == 0
    return [json.loads(line) for line in lines]


def replace(path: Path, text: str) -> None:
    """At once, as the kernel does it."""
    new = path.with_suffix(".new")
    new.write_text(text + "\n")
    new.replace(path)


def test_watch_sees_a_restore(tool: Tool) -> None:
    def change(root: Path, cpuid: Path) -> None:
        time.sleep(0.5)
        replace(cpuid, Guest(incarnation=3).cpuid())
        replace(root / "sys/hypervisor/tsc/verdict", "unstable")
        replace(root / "sys/hypervisor/tsc/demoted", "1")
        sources = root / "sys/devices/system/clocksource/clocksource0"
        replace(sources / "current_clocksource", "xen")

    said = watching(tool, PATCHED, change)
    changes = {
        (one["what"], one["from"], one["to"])
        for one in said
        if one["event"] == "change"
    }
    assert changes == {
        ("incarnation", "2", "3"),
        ("verdict", "reliable", "unstable"),
        ("demoted", "0", "1"),
        ("clocksource", "tsc", "xen"),
    }
    assert said[-1]["event"] == "summary" and said[-1]["changes"] == 4


@pytest.fixture(scope="session", name="stepping")
def fixture_stepping(built: None) -> Path:
    library = OUT / "stepping.so"
    source = Path(__file__).parents[1] / "stepping.c"
    silent("gcc", "-shared", "-fPIC", "-O2", "-Wall", "-o", library, source)
    return library


@pytest.fixture(scope="session", name="pace")
def fixture_pace(built: None) -> Path:
    program = OUT / "pace"
    source = Path(__file__).parents[1] / "pace.c"
    where = (TOOL, TOOL / "include", TOP / "arch/x86/xen", SELFTEST)
    options = ["-O2", "-Wall", *(f"-I{directory}" for directory in where)]
    silent("gcc", *options, "-o", program, source, TOOL / "watch_detect.c")
    return program


# Of a watch that has just begun: when MONOTONIC was read, the TSC, and how long it took
EVEN = [(100 * n, 100 * n, 0) for n in range(4)]
# Something ran for 20 ms between the two
HELD = [*EVEN[:3], (300, 320, 20)]


@pytest.mark.parametrize(
    ("samples", "jump"),
    [
        ([*EVEN, (1800, 1800, 0)], 0),
        # All that is known of the frequency is that it is off by up to 20 ms in 300
        ([*HELD, (1800, 1800, 0)], 0),
        ([*HELD, (400, 400, 0)], 0),
        ([*HELD, (1800, 2100, 0)], 168),
        ([*EVEN, (1800, 1850, 0)], 50),
        ([*EVEN, (1800, 1750, 0)], -50),
    ],
)
def test_the_tsc_jumps(
    pace: Path, samples: list[tuple[int, int, int]], jump: int
) -> None:
    words = [str(number) for sample in samples for number in sample]
    seen = [int(line) for line in output(str(pace), "2000000", *words).split()]
    assert seen == [0] * (len(samples) - 1) + [jump]


def wrong_clock(tool: Tool, stepping: Path, clock: int, ns: int) -> Done:
    return tool(
        PATCHED,
        *("watch", "--seconds", "2", "--interval", "20", "--json"),
        build="shared",
        LD_PRELOAD=str(stepping),
        WRONG_CLOCK=str(clock),
        WRONG_AFTER="60",
        WRONG_NS=str(ns),
    )


@pytest.mark.parametrize(
    ("clock", "name"),
    [
        (time.CLOCK_REALTIME, "realtime"),
        (time.CLOCK_MONOTONIC, "monotonic"),
        (time.CLOCK_MONOTONIC_RAW, "monotonic_raw"),
        (time.CLOCK_BOOTTIME, "boottime"),
    ],
)
def test_watch_sees_a_step(tool: Tool, stepping: Path, clock: int, name: str) -> None:
    done = wrong_clock(tool, stepping, clock, -STEP_NS)
    said = documents(done)
    assert done.returncode == 4, done
    steps = [one for one in said if one["event"] == "step_back"]
    assert [one["clock"] for one in steps] == [name], done
    # As much as it stepped, less the time between two samples
    assert 0 < steps[0]["ns"] <= STEP_NS
    assert said[-1]["biggest_step_back_ns"][name] == steps[0]["ns"]


def test_watch_sees_a_jump(tool: Tool, stepping: Path) -> None:
    done = wrong_clock(tool, stepping, time.CLOCK_BOOTTIME, STEP_NS)
    jumps = [one for one in documents(done) if one["event"] == "jump"]
    assert done.returncode == 5 and documents(done)[-1]["unexplained_jumps"] == 1
    assert [one["clock"] for one in jumps] == ["boottime"]
    assert abs(jumps[0]["ns"] - STEP_NS) < HELD_UP_NS


def test_watch_sees_the_tsc_jump(tool: Tool, stepping: Path) -> None:
    """MONOTONIC ahead of all others, the TSC too."""
    done = wrong_clock(tool, stepping, time.CLOCK_MONOTONIC, 500_000_000)
    jumps = {one["clock"] for one in documents(done) if one["event"] == "jump"}
    assert {"tsc", "monotonic_raw", "boottime"} <= jumps


def told(tool: Tool, stepping: Path, guest: Guest, *words: str, **environ: str) -> Done:
    """What a command says while a timer of its own is cancelled."""
    environ = {"LD_PRELOAD": str(stepping), "CANCEL_MS": "300", **environ}
    return tool(guest, *words, build="shared", **environ)


def events(done: Done) -> list[str]:
    return [one["event"] for one in documents(done)]


@pytest.mark.parametrize("guest", [PATCHED, Guest()])
def test_watch_is_told_of_a_resume(tool: Tool, stepping: Path, guest: Guest) -> None:
    """The jump that it makes is seen, and is no fault."""
    words = ("watch", "--seconds", "3", "--json")
    done = told(tool, stepping, guest, *words, SUSPENDED_NS=str(STEP_NS))
    assert done.returncode == 0, done
    assert events(done).count("resume") == 1 and "clock_set" not in events(done)
    jumps = [one["clock"] for one in documents(done) if one["event"] == "jump"]
    assert jumps == ["boottime"]
    summary = documents(done)[-1]
    assert (summary["resumes"], summary["unexplained_jumps"]) == (1, 0)


def test_watch_is_told_of_a_clock_that_is_set(tool: Tool, stepping: Path) -> None:
    done = told(tool, stepping, PATCHED, "watch", "--seconds", "1", "--json")
    assert done.returncode == 0 and "resume" not in events(done)
    assert events(done).count("clock_set") == 1
    text = good(told(tool, stepping, PATCHED, "watch", "--seconds", "1"))
    assert "CLOCK_REALTIME was set" in text
    # With the date, as it may run for days
    assert all(line.startswith("20") for line in text.splitlines()[:2])


def test_a_read_that_takes_long_is_no_resume(tool: Tool, stepping: Path) -> None:
    """The clock was set, as NTP does it, while other programs kept the CPU busy."""
    words = ("wait", "--for", "resume", "--seconds", "1", "--json")
    done = told(tool, stepping, Guest(), *words, LATE_US="20000")
    assert events(done) == ["timeout"], done


def test_watch_sees_a_wrong_frequency(tool: Tool, stepping: Path) -> None:
    """MONOTONIC runs 2 % fast, which between two samples is no jump."""
    quiet = tool(PATCHED, "watch", "--seconds", "1", "--json", build="shared")
    khz = int(documents(quiet)[-1]["tsc_khz"])
    guest = Guest(khz=khz, host_khz=khz)
    words = ("watch", "--seconds", "2", "--interval", "20", "--json")
    for ppm, status in ((0, 0), (20_000, 5)):
        done = tool(
            guest,
            *words,
            build="shared",
            LD_PRELOAD=str(stepping),
            WRONG_CLOCK=str(time.CLOCK_MONOTONIC),
            WRONG_PPM=str(ppm),
            XEN_CLOCK_SAME_TSC="1",
        )
        assert done.returncode == status, done
        assert documents(done)[-1]["wrong_frequency"] is (status == 5)
        assert documents(done)[-1]["unexplained_jumps"] == 0


@pytest.mark.parametrize("wanted", [[], ["--for", "resume"], ["--for=demotion"]])
def test_wait_for_a_resume(tool: Tool, stepping: Path, wanted: list[str]) -> None:
    words = ["wait", "--seconds", "2", "--json", *wanted]
    done = told(tool, stepping, PATCHED, *words, SUSPENDED_NS=str(STEP_NS))
    status, event = (7, "timeout") if "--for=demotion" in wanted else (0, "resume")
    assert (done.returncode, events(done)) == (status, [event])
    assert documents(done)[0]["incarnation"] == 2


def test_wait_is_not_for_a_clock_that_is_set(tool: Tool, stepping: Path) -> None:
    done = told(tool, stepping, PATCHED, "wait", "--seconds", "1")
    assert done.returncode == 7 and done.stdout.startswith("timeout: ")


def waiting(
    tool: Tool, guest: Guest, words: list[str], change: Callable[[Path, Path], None]
) -> tuple[int, str]:
    env = tool.record(guest)
    with subprocess.Popen(
        [OUT / "san" / "xen-clock", "wait", "--seconds", "30", *words],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        # It has read all that changes when it waits, in poll(2)
        wchan = Path(f"/proc/{process.pid}/syscall")
        while wchan.read_text().split()[0] != "271":
            time.sleep(0.01)
        change(Path(env["XEN_CLOCK_ROOT"]), Path(env["XEN_CLOCK_CPUID"]))
        assert process.stdout is not None
        text = process.stdout.read()
    return process.returncode, text


def demote(root: Path, cpuid: Path) -> None:
    sources = root / "sys/devices/system/clocksource/clocksource0"
    replace(sources / "current_clocksource", "xen")
    if (root / "sys/hypervisor/tsc").exists():
        replace(root / "sys/hypervisor/tsc/demoted", "1")


@pytest.mark.parametrize("guest", [PATCHED, Guest(clocksource="tsc")])
def test_wait_for_a_demotion(tool: Tool, guest: Guest) -> None:
    """Of a kernel without the series, too, which does not tell."""
    status, text = waiting(tool, guest, ["--for", "demotion"], demote)
    assert status == 6 and text.startswith("demotion: ")


def test_wait_for_a_restore(tool: Tool) -> None:
    def change(root: Path, cpuid: Path) -> None:
        replace(cpuid, Guest(incarnation=3).cpuid())

    status, text = waiting(tool, PATCHED, [], change)
    assert status == 0 and text.startswith("resume: incarnation 3, ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_wait_ends_by_a_signal(tool: Tool, number: int) -> None:
    env = tool.record(PATCHED)
    with subprocess.Popen(
        [OUT / "san" / "xen-clock", "wait"], env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        while Path(f"/proc/{process.pid}/syscall").read_text().split()[0] != "271":
            time.sleep(0.01)
        process.send_signal(number)
        assert process.stdout is not None
        assert process.stdout.read().startswith("signal: ")
    assert process.returncode == 7
