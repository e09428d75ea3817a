# SPDX-License-Identifier: GPL-2.0-only
"""The reports of the kit: what is in them, and how those of many hosts are joined."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lab.base.common import TOP, LabError
from lab.commands.kit.build import reporter
from lab.commands.kit.merge import read_report, table_of
from lab.guest.report import parse
from tests.tree import run

# Of xen-clock watch
JUMP = '{"event": "jump", "clock": "tsc", "against": "monotonic", "ns": 5000000}'
SUMMARY = '{"event": "summary", "unexplained_jumps": 2, "wrong_frequency": false}'


@pytest.fixture(scope="module")
def program() -> bytes:
    return reporter()


def write(program: bytes, where: Path, text: str, facts: str = "") -> dict[str, Any]:
    """Have the kit's program write the reports of one guest."""
    path = where / "program"
    path.write_bytes(program)
    path.chmod(0o755)
    (where / "results").write_text(f"cpu A\n{facts}guest pvh native series\n{text}")
    done = run(path, where / "results", where)
    assert (done.returncode, done.stdout) == (0, "")
    (guest,) = read_report(where / "report.json")["guests"]
    assert isinstance(guest, dict)
    return guest


def test_report_is_what_the_lab_reads(program: bytes, tmp_path: Path) -> None:
    """The two readers of a guest's report, in C and in Python, agree."""
    text = (TOP / "tests/recorded.report").read_text()
    expected, found = parse(text), write(program, tmp_path, text)
    costs = {"clock_gettime": "vdso", "syscall": "syscall", "rdtsc": "rdtsc"}
    for name, key in costs.items():
        assert found["ns"][name] == pytest.approx(expected.cost(key), abs=0.001)
    assert found["boot_seconds"] == pytest.approx(expected.run_init, abs=0.001)
    for when in ("before", "after"):
        leaf = expected.time_leaf(when)
        assert found[when]["clocksource"] == expected.fact(f"{when}.clocksource")
        assert found[when]["khz"] == leaf.khz
        assert found[when]["emulated"] == leaf.emulated
        assert found[when]["host_reliable"] == leaf.host_reliable
        assert found[when]["incarnation"] == leaf.incarnation
    assert found["rule"] == expected.verdicts[0]["rule"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "reader.1.raw 0 0",
            "reader.1.raw 0 7000000",
            "CLOCK_MONOTONIC_RAW went backwards by 7 ms",
        ),
        (
            "kmsg 6,27,4120144,",
            "kmsg 6,27,1120144,",
            "a time stamp of the kernel's log is 2.91 s before the last",
        ),
        ("OOM killer enabled.", "BUG: soft lockup", "BUG: soft lockup"),
        (
            "after.itsc 0",
            "after.sysfs.demoted 1\nafter.sysfs.reason it jumped",
            "the TSC was demoted: it jumped",
        ),
        (
            "after.itsc 0",
            f"said.xen-clock-watch.after {SUMMARY}\nstatus.xen-clock-watch.after 5",
            "xen-clock watch saw 2 jumps that nothing explains",
        ),
        (
            "after.itsc 0",
            "status.xen-clock-watch.after 4",
            "xen-clock watch saw a clock go backwards",
        ),
    ],
)
def test_problem(
    program: bytes, tmp_path: Path, old: str, new: str, problem: str
) -> None:
    text = (TOP / "tests/recorded.report").read_text()
    assert text.count(old) == 1
    guest = write(program, tmp_path, text.replace(old, new))
    assert guest["problems"] == [problem]
    told = f"- pvh, native, with the series: {problem}\n"
    assert told in (tmp_path / "report.md").read_text()


def test_reader_is_told(program: bytes, tmp_path: Path) -> None:
    """What the report means, what to do with it, and what each column is."""
    write(program, tmp_path, "")
    text = (tmp_path / "report.md").read_text()
    page = ElementTree.parse(tmp_path / "report.html").getroot()
    first, second = [item.text or "" for item in page.findall("body/p")]
    assert f"on a host\n\n{first}\n\n{second}\n\n## The host\n" in text
    assert "should have no problem" in first
    assert "report.json to where you have the kit from" in second
    for heading in [line for line in text.splitlines() if line.startswith("| Guest |")]:
        columns = heading.split(" | ")
        assert len(columns) == len(set(columns)) and "with" not in columns


def test_faults_of_xen_are_told(program: bytes, tmp_path: Path) -> None:
    """Not in report.json alone: they can be what a problem comes from."""
    write(program, tmp_path, "", "host.faults restore-underflow, khz-truncated\n")
    text = (tmp_path / "report.md").read_text()
    assert "./xen-clock host) | restore-underflow, khz-truncated |" in text
    assert "underflow, khz-truncated" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("jumps", (0, 1, 1000))
def test_watch(program: bytes, tmp_path: Path, jumps: int) -> None:
    """As many events as there is room for, and the last one always."""
    lines = [*[JUMP] * jumps, SUMMARY, "nonsense"]
    text = "".join(f"said.xen-clock-watch.after {line}\n" for line in lines)
    *first, last = write(program, tmp_path, text)["watch"]
    assert last == json.loads(SUMMARY)
    assert first == [json.loads(JUMP)] * min(jumps, len(first))
    assert len(first) >= min(jumps, 50)


@pytest.mark.parametrize("text", ("", "guest pv\n", "cpu A\n"))
def test_no_results(program: bytes, tmp_path: Path, text: str) -> None:
    """It says so, and writes nothing."""
    path = tmp_path / "program"
    path.write_bytes(program)
    path.chmod(0o755)
    (tmp_path / "results").write_text(text)
    done = run(path, tmp_path / "results", tmp_path)
    assert done.returncode == 1 and done.stdout.startswith("report: ")
    assert sorted(os.listdir(tmp_path)) == ["program", "results"]


def report_of(cpu: str, xen: str, cost: float, clocksource: str) -> dict[str, Any]:
    def guest(series: bool) -> dict[str, Any]:
        return {
            "kind": "pv",
            "mode": "default",
            "series": series,
            "before": {
                "clocksource": clocksource if series else "xen",
                "verdict": "reliable" if series else None,
                "emulated": False,
            },
            "ns": {"clock_gettime": cost if series else 10 * cost},
            "problems": [] if series else ["something"],
        }

    return {
        "schema": 1,
        "host": {"cpu": cpu, "xen": xen},
        "guests": [guest(False), guest(True)],
    }


def test_merge() -> None:
    """Hosts with the same CPU and Xen are one row, with the median of their costs."""
    reports = [
        report_of("B", "4.17.2", 20, "tsc"),
        report_of("A", "4.20.0", 30, "tsc"),
        report_of("A", "4.9.0", 40, "tsc"),
        report_of("B", "4.17.2", 24, "xen"),
        report_of("C | D", "4.17-unstable", 24, "xen"),
    ]
    headings, _, *rows = table_of(reports).splitlines()
    assert headings.endswith(" | Problems without | Problems with |")
    end = "pv | default | native | reliable"
    assert rows == [
        f"| A | 4.9.0 | 1 | {end} | xen -> tsc | 400 ns -> 40 ns | 1 | 0 |",
        f"| A | 4.20.0 | 1 | {end} | xen -> tsc | 300 ns -> 30 ns | 1 | 0 |",
        f"| B | 4.17.2 | 2 | {end} | xen -> tsc/xen | 220 ns -> 22 ns | 2 | 0 |",
        f"| C / D | 4.17-unstable | 1 | {end} | xen -> xen | 240 ns -> 24 ns | 1 | 0 |",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "cannot be read: No such file"),
        ("nonsense", "is no report of a kit"),
        ("[]", "is no report of a kit"),
        ('{"schema": 1, "host": {"cpu": "x"}}', "is no report of a kit"),
        (
            '{"schema": 1, "host": {"cpu": "x"}, "guests": [{"kind": "pv"}]}',
            "is no report of a kit",
        ),
        (
            '{"schema": 2, "host": {"cpu": "x"}, "guests": [{"kind": "pv"}]}',
            "has schema 2",
        ),
    ],
)
def test_no_report(tmp_path: Path, text: str | None, reason: str) -> None:
    path = tmp_path / "report.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(LabError, match=reason):
        read_report(path)
