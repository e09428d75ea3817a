# SPDX-License-Identifier: GPL-2.0-only
"""tools/xen-clock on recorded guests; the clocks are those of this machine."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.common import LAB, TOP
from lab.tests.tree import silent

SOURCE = TOP / "tools" / "xen-clock"
MANUAL = SOURCE / "xen-clock.1"
OUT = LAB / "tool"
# What make is told for each build
BUILDS: dict[str, list[str]] = {"static": [], "shared": ["STATIC=0"], "san": ["SAN=1"]}

POLICY = (TOP / "arch/x86/xen/tsc_policy.c").read_text()
RULES = {
    int(row): (verdict.lower(), reason)
    for row, verdict, reason in re.findall(
        r'\{ (\d+), XEN_TSC_(\w+), "([^"]+)" \}', POLICY
    )
}
KHZ = 2596128
COMMANDS: tuple[list[str], ...] = (
    [],
    ["metrics"],
    ["bench", "--reads", "100"],
    ["watch", "--seconds", "1"],
)
Done = subprocess.CompletedProcess[str]


@dataclasses.dataclass(frozen=True)
class Guest:
    """What Xen and the kernel of a guest say."""

    kind: str = "PV"
    version: tuple[int, int, str] = (4, 17, ".7")
    largest: int = 5
    flags: int = 1
    mode: int = 0
    khz: int = KHZ
    incarnation: int = 1
    pvclock_khz: int = KHZ
    itsc: bool = False
    dom0: bool = False
    clocksource: str = "xen"
    # /sys/hypervisor/tsc/
    kernel: dict[str, str] = dataclasses.field(default_factory=dict)

    def cpuid(self) -> str:
        base = 0x40000000
        major, minor, _ = self.version
        leaves = [
            (base, 0, base + self.largest, 0x566E6558, 0x65584D4D, 0x4D4D566E),
            (base + 1, 0, major << 16 | minor, 0, 0, 0),
            (base + 3, 0, self.flags, self.mode, self.khz, self.incarnation),
            (0x80000000, 0, 0x80000008, 0, 0, 0),
            (0x80000007, 0, 0, 0, 0, int(self.itsc) << 8),
        ]
        return "".join(" ".join(map(hex, leaf)) + "\n" for leaf in leaves)

    def files(self) -> dict[str, str]:
        sources = "sys/devices/system/clocksource/clocksource0"
        major, minor, extra = self.version
        mhz = f"{self.pvclock_khz // 1000}.{self.pvclock_khz % 1000:03}"
        files = {
            "sys/hypervisor/type": "xen",
            "sys/hypervisor/guest_type": self.kind,
            "sys/hypervisor/version/major": str(major),
            "sys/hypervisor/version/minor": str(minor),
            "sys/hypervisor/version/extra": extra,
            f"{sources}/current_clocksource": self.clocksource,
            f"{sources}/available_clocksource": "xen tsc ",
            "proc/cpuinfo": f"processor\t: 0\ncpu MHz\t\t: {mhz}",
            "proc/xen/capabilities": "control_d" if self.dom0 else "",
        }
        files |= {f"sys/hypervisor/tsc/{k}": v for k, v in self.kernel.items()}
        return files


# As a guest in the lab had it, after a restore
PATCHED = Guest(
    incarnation=2,
    clocksource="tsc",
    kernel={
        "mode": "default",
        "emulated": "1",
        "host_reliable": "0",
        "frequency_khz": str(KHZ),
        "incarnation": "2",
        "verdict": "reliable",
        "row": "4",
        "reason": "emulated at a constant rate, also across migration",
        "request": "auto",
        "sched_clock": "TSC",
        "sched_clock_stable": "1",
        "resumes": "1",
        "demotions": "0",
        "last_demotion": "none",
    },
)

ROWS = [
    (1, Guest(version=(3, 4, ".4"))),
    (2, Guest(largest=2)),
    (3, Guest(pvclock_khz=2600000)),
    (3, Guest(khz=0)),
    (4, Guest()),
    (4, Guest(mode=1, kind="PVH")),
    (5, Guest(flags=2)),
    (6, Guest(flags=0, khz=0, dom0=True)),
    (6, Guest(flags=2, mode=1)),
    (7, Guest(flags=2, mode=2, itsc=True, kind="HVM")),
    (8, Guest(flags=2, mode=2)),
    (8, Guest(flags=0, mode=2, itsc=True)),
    (9, Guest(flags=4, mode=3, version=(4, 11, ".4"))),
    (10, Guest(mode=7)),
]


class Tool:
    """The three builds, and recorded guests for them to look at."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def record(self, guest: Guest | None) -> dict[str, str]:
        root, cpuid = self.place / "root", self.place / "cpuid"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        cpuid.write_text(guest.cpuid() if guest else "0 0 13 0 0 0\n")
        for name, text in guest.files().items() if guest else ():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text + "\n")
        return {
            **os.environ,
            "XEN_CLOCK_ROOT": str(root),
            "XEN_CLOCK_CPUID": str(cpuid),
        }

    def __call__(
        self, guest: Guest | None, *arguments: str, build: str = "san", **more: str
    ) -> Done:
        return subprocess.run(
            [str(OUT / build / "xen-clock"), *arguments],
            env={**self.record(guest), **more},
            capture_output=True,
            text=True,
        )


@pytest.fixture(scope="session", autouse=True, name="built")
def fixture_built() -> None:
    for name, variables in BUILDS.items():
        silent("make", "-s", "-C", SOURCE, f"O={OUT / name}", *variables)


@pytest.fixture(name="tool")
def fixture_tool(tmp_path: Path) -> Tool:
    return Tool(tmp_path)


def good(done: Done) -> str:
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def documents(done: Done) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found and all(isinstance(document, dict) for document in found)
    return found


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_static() -> None:
    said = subprocess.run(
        ["readelf", "--program-headers", str(OUT / "static" / "xen-clock")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "INTERP" not in said


def test_all_rows() -> None:
    assert {row for row, _ in ROWS} == set(RULES) == set(range(1, 11))


@pytest.mark.parametrize(("row", "guest"), ROWS)
def test_unpatched(tool: Tool, row: int, guest: Guest) -> None:
    verdict, reason = RULES[row]
    text = one_line(good(tool(guest)))
    assert f"would with the series: {verdict}, row {row}: {reason}" in text
    assert "without the series" in text
    [said] = documents(tool(guest, "--json"))
    assert said["verdict"] == {
        "verdict": verdict,
        "reason": reason,
        "row": row,
        "by": "policy",
    }
    assert (said["time_leaf"] is None) == (row == 2)
    assert said["resumes"] is said["sched_clock"]["stable"] is None


def test_patched(tool: Tool) -> None:
    text = one_line(good(tool(PATCHED)))
    assert "with the series time leaf" in text and "would" not in text
    assert f"verdict reliable, row 4: {RULES[4][1]}" in text
    assert "mode default, TSC emulated, 2596128 kHz" in text
    assert "clocksource tsc, of xen tsc" in text
    assert "scheduler clock TSC, stable" in text
    assert "resumes 1 since the boot, TSC never given up" in text
    [said] = documents(tool(PATCHED, "--json"))
    assert said["verdict"]["by"] == "kernel" and said["time_leaf"]["incarnation"] == 2


def test_kernel_wins(tool: Tool) -> None:
    """What the kernel says is shown, even where the policy would say otherwise."""
    why = "it jumped by -15000 ms and there was no suspend"
    kernel = {
        **PATCHED.kernel,
        "verdict": "unstable",
        "reason": why,
        "demotions": "1",
        "last_demotion": why,
        "sched_clock": "pvclock",
        "sched_clock_stable": "0",
    }
    text = one_line(good(tool(Guest(kernel=kernel))))
    assert f"verdict unstable, row 4: {why}" in text
    assert f"given up because {why}" in text and "pvclock, filtered" in text
    assert "booted again" in text


@pytest.mark.parametrize(
    ("guest", "words"),
    [
        (PATCHED, "PV"),
        (Guest(kind="PVH"), "PVH"),
        (Guest(dom0=True), "PV dom0"),
        (Guest(kind=""), "HVM or PVH"),
    ],
)
def test_domain(tool: Tool, guest: Guest, words: str) -> None:
    [said] = documents(tool(guest, "--json"))
    assert said["domain"] == words and said["xen_version"] == "4.17.7"


def test_advice_is_short(tool: Tool) -> None:
    for _, guest in ROWS:
        for source in ("xen", "tsc"):
            text = good(tool(dataclasses.replace(guest, clocksource=source)))
            assert len(text.splitlines()) <= 24
            assert max(map(len, text.splitlines())) <= 80, text


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_not_under_xen(tool: Tool, command: list[str]) -> None:
    done = tool(None, *command)
    assert done.returncode == 3 and "not a guest of Xen" in done.stderr
    if command == ["metrics"]:
        assert done.stdout.splitlines()[-1] == "xen_clock_up 0"
        return
    assert not done.stdout
    done = tool(None, *command, "--json")
    assert done.returncode == 3 and documents(done) == [{"xen": False}]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["wach"], "unknown command 'wach'"),
        ([""], "unknown command ''"),
        (["--jsn"], "unknown option '--jsn'"),
        (["-x"], "unknown option '-x'"),
        (["--json=1"], "unknown option '--json=1'"),
        (["watch", "bench"], "extra argument 'bench'"),
        (["bench", "5"], "extra argument '5'"),
        (["watch", "--seconds"], "--seconds needs a number"),
        (["watch", "--seconds", "x"], "--seconds 'x'"),
        (["watch", "--seconds="], "--seconds ''"),
        (["watch", "--seconds", "0"], "--seconds '0'"),
        (["watch", "--seconds", "-1"], "--seconds '-1'"),
        (["watch", "--seconds", "5s"], "--seconds '5s'"),
        (["watch", "--interval=70000"], "--interval '70000'"),
        (["bench", "--reads", "99999999999999999999"], "--reads '999"),
        (["bench", "--seconds", "1"], "--seconds is an option of watch only"),
        (["--reads", "1"], "--reads is an option of bench only"),
        (["metrics", "--json"], "--json is no option of metrics"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_wrong_usage(tool: Tool, arguments: list[str], told: str) -> None:
    done = tool(PATCHED, *arguments)
    assert done.returncode == 2 and not done.stdout
    assert told in done.stderr and "try xen-clock --help" in done.stderr


def test_help_and_version(tool: Tool) -> None:
    said = good(tool(None, "--help"))
    for word in ("watch", "bench", "metrics", "--json", "--seconds", "Exit status"):
        assert word in said
    assert re.fullmatch(r"xen-clock \d+\.\d+\n", good(tool(None, "--version")))


@pytest.mark.parametrize(
    "command", [*COMMANDS, ["--json"], ["--help"], ["--version"]], ids=" ".join
)
def test_disk_full(tool: Tool, command: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [OUT / "san" / "xen-clock", *command],
            env=tool.record(PATCHED),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert "cannot write to standard output" in done.stderr


@pytest.mark.parametrize(
    ("cpuid", "told"),
    [(None, "No such file"), ("0x40000000 0 zero\n", "cpuid:1: not six numbers")],
)
def test_unreadable_leaves(tool: Tool, cpuid: str | None, told: str) -> None:
    env = tool.record(PATCHED)
    Path(env["XEN_CLOCK_CPUID"]).unlink()
    if cpuid:
        Path(env["XEN_CLOCK_CPUID"]).write_text(cpuid)
    done = subprocess.run(
        [OUT / "san" / "xen-clock"], env=env, capture_output=True, text=True
    )
    assert done.returncode == 1 and told in done.stderr and not done.stdout


def test_nonsense_in_a_file(tool: Tool) -> None:
    guest = Guest(kernel={**PATCHED.kernel, "resumes": "many"})
    done = tool(guest)
    assert done.returncode == 1 and "'many', which is no number" in done.stderr


NASTY = 'a "quoted" back\\slash,\ttab and \u00e9'


def test_json_escapes(tool: Tool) -> None:
    guest = Guest(kernel={**PATCHED.kernel, "reason": NASTY})
    [said] = documents(tool(guest, "--json"))
    assert said["verdict"]["reason"].startswith('a "quoted" back\\slash,\ttab and ')


def test_bench(tool: Tool) -> None:
    assert "null_syscall" in good(tool(PATCHED, "bench", "--reads", "100"))
    [said] = documents(tool(PATCHED, "bench", "--reads", "1000", "--json"))
    assert said["batches"] == 50
    results = said["results"]
    assert len(results) == 7 * len(os.sched_getaffinity(0))
    for one in results:
        spread = [one[f"{name}_ns"] for name in ("min", "p50", "p90", "p99", "max")]
        assert spread == sorted(spread) and spread[-1] > 0, one


@pytest.mark.parametrize(
    "guest", [PATCHED, Guest(), Guest(kernel={**PATCHED.kernel, "reason": NASTY}), None]
)
def test_promtool(tool: Tool, guest: Guest | None) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is missing: it is in Debian's package prometheus")
    text = tool(guest, "metrics").stdout
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), text


def test_metrics(tool: Tool) -> None:
    lines = good(tool(PATCHED, "metrics")).splitlines()
    for line in (
        "xen_clock_up 1",
        "xen_clock_tsc_frequency_hertz 2596128000",
        'xen_clock_tsc_verdict{verdict="reliable"} 1',
        'xen_clock_clocksource{clocksource="tsc"} 1',
        "xen_clock_resumes_total 1",
    ):
        assert line in lines
    assert "resumes" not in tool(Guest(), "metrics").stdout


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_valgrind(tool: Tool, command: list[str]) -> None:
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is missing: it is in Debian's package of this name")
    checks = ["--error-exitcode=99", "--leak-check=full", "--quiet"]
    for guest in (PATCHED, Guest()):
        done = subprocess.run(
            ["valgrind", *checks, OUT / "shared" / "xen-clock", *command],
            env=tool.record(guest),
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_manual() -> None:
    environ = {**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
    for command in (
        ["man", "--warnings", "-l", str(MANUAL)],
        ["groff", "-man", "-ww", "-z", str(MANUAL)],
    ):
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is missing")
        done = subprocess.run(command, env=environ, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
    text = MANUAL.read_text().replace("\\-", "-")
    for word in ("watch", "bench", "metrics", "--json", "--seconds", "--interval"):
        assert word in text
    for word in ("--reads", "XEN_CLOCK_ROOT", "XEN_CLOCK_CPUID", "EXIT STATUS"):
        assert word in text


def test_watch_is_quiet(tool: Tool) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = tool(PATCHED, "watch", "--seconds", "1", build="static")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "0 steps back, 0 leaps, 0 changes" in good(done)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < 0.05


def test_watch_json(tool: Tool) -> None:
    done = tool(PATCHED, "watch", "--seconds=1", "--interval=20", "--json")
    assert done.returncode == 0
    said = documents(done)
    assert said[0]["event"] == "start" and said[-1]["event"] == "summary"
    assert said[-1]["steps_back"] == 0 and said[-1]["looks"] > 20


def watching(
    tool: Tool, guest: Guest, change: Callable[[Path, Path], None]
) -> list[dict[str, Any]]:
    """What watch says while something is changed under it, ended by a signal."""
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
        replace(root / "sys/hypervisor/tsc/resumes", "2")
        replace(root / "sys/hypervisor/tsc/verdict", "unstable")
        replace(root / "sys/hypervisor/tsc/demotions", "1")
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
        ("resumes", "1", "2"),
        ("verdict", "reliable", "unstable"),
        ("demotions", "0", "1"),
        ("clocksource", "tsc", "xen"),
    }
    assert said[-1]["event"] == "summary" and said[-1]["changes"] == 5


@pytest.fixture(scope="session", name="stepping")
def fixture_stepping(built: None) -> Path:
    library = OUT / "stepping.so"
    source = Path(__file__).with_name("stepping.c")
    silent("gcc", "-shared", "-fPIC", "-O2", "-Wall", "-o", library, source)
    return library


def wrong_clock(tool: Tool, stepping: Path, clock: int, ns: int) -> Done:
    return tool(
        PATCHED,
        *("watch", "--seconds", "1", "--interval", "20", "--json"),
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
    done = wrong_clock(tool, stepping, clock, -50_000_000)
    said = documents(done)
    assert done.returncode == 4, done
    steps = [one for one in said if one["event"] == "step_back"]
    assert [one["clock"] for one in steps] == [name], done
    # As much as it stepped, less the time between two looks
    assert 0 < steps[0]["ns"] <= 50_000_000
    assert said[-1]["biggest_step_back_ns"][name] == steps[0]["ns"]


def test_watch_sees_a_leap(tool: Tool, stepping: Path) -> None:
    done = wrong_clock(tool, stepping, time.CLOCK_BOOTTIME, 2_000_000_000)
    leaps = [one for one in documents(done) if one["event"] == "leap"]
    assert done.returncode == 0
    assert [one["clock"] for one in leaps] == ["boottime"]
    assert abs(leaps[0]["ns"] - 2_000_000_000) < 10_000_000


def test_watch_sees_the_tsc_leap(tool: Tool, stepping: Path) -> None:
    """MONOTONIC ahead of all others, the TSC too."""
    done = wrong_clock(tool, stepping, time.CLOCK_MONOTONIC, 500_000_000)
    leaps = {one["clock"] for one in documents(done) if one["event"] == "leap"}
    assert {"tsc", "monotonic_raw", "boottime"} <= leaps
