# SPDX-License-Identifier: GPL-2.0-only
"""The clock of the host, as tools/xen-clock shows it: recorded, and read."""

from __future__ import annotations

import dataclasses
import errno
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.recorded import BEHIND, OUT, PATCHED, Done, Guest, Tool, documents, good
from tests.recorded import one_line
from tests.tree import silent

NO_DRIVER = "the driver ptp_xen is missing, or not loaded"
# What is in /sys, and where the device would be
NAME = "sys/class/ptp/ptp3/clock_name"
DEVICE = "dev/ptp3"
SECOND = 1_000_000_000
ALONE = dataclasses.replace(PATCHED, host_clock="")


def shown(tool: Tool, guest: Guest) -> tuple[str, dict[str, Any], list[str]]:
    """The line in the summary, the object in JSON, and the metrics."""
    text = one_line(good(tool(guest)))
    line = text.partition(" host's clock ")[2].partition(" ns per read ")[0]
    [said] = documents(tool(guest, "--json"))
    lines = good(tool(guest, "metrics")).splitlines()
    found = [line for line in lines if line.startswith("xen_clock_host_")]
    assert said["schema"] == 1 and isinstance(said["host_clock"], dict)
    return line, said["host_clock"], found


@pytest.mark.parametrize(
    ("offset", "error", "words", "seconds"),
    [
        (-1300000, 0, "guest is 1.3 ms behind", "-0.0012999999999999999"),
        (100 * SECOND, 0, "guest is 100.0 s ahead", "100"),
        (52_400, 3_000, "guest is 52.4 us ahead, to within 3.0 us", None),
        (-999, 0, "guest is 999 ns behind", None),
        (2_000, 3_000, "guest is neither ahead nor behind, to within 3.0 us", None),
        (0, 0, "guest is neither ahead nor behind", "0"),
    ],
)
def test_offset(
    tool: Tool, offset: int, error: int, words: str, seconds: str | None
) -> None:
    text = f"device: /dev/ptp0\noffset_ns: {offset}\nerror_ns: {error}"
    guest = dataclasses.replace(PATCHED, host_clock=text)
    line, said, metrics = shown(tool, guest)
    assert line == words
    assert said.pop("reason") is None
    assert said == {"offset_ns": offset, "error_ns": error, "device": "/dev/ptp0"}
    assert metrics[0] == "xen_clock_host_clock_readable 1" and len(metrics) == 2
    name, _, value = metrics[1].partition(" ")
    assert name == "xen_clock_host_offset_seconds"
    assert seconds in (None, value) and abs(float(value) - offset / SECOND) < 1e-12


@pytest.mark.parametrize(
    ("guest", "reason"),
    [
        (ALONE, NO_DRIVER),
        (Guest(), NO_DRIVER),
        (Guest(dom0=True), "this is dom0, which sets it"),
        (Guest(host_clock="reason: it rained"), "it rained"),
    ],
)
def test_unknown(tool: Tool, guest: Guest, reason: str) -> None:
    line, said, metrics = shown(tool, guest)
    assert line == f"not known: {reason}"
    assert said.pop("reason") == reason and not any(said.values())
    assert set(said) == {"offset_ns", "error_ns", "device"}
    assert metrics == ["xen_clock_host_clock_readable 0"]


@pytest.mark.parametrize("text", [BEHIND, "reason: it rained"])
def test_record(tool: Tool, tmp_path: Path, text: str) -> None:
    place = tmp_path / "recording"
    good(tool(dataclasses.replace(PATCHED, host_clock=text), "record", str(place)))
    assert (place / "host_clock").read_text() == f"{text}\n"


@pytest.fixture(scope="module", name="preload")
def fixture_preload(built: None) -> Path:
    library = OUT / "phc.so"
    source = Path(__file__).parents[1] / "phc.c"
    silent("gcc", "-shared", "-fPIC", "-O2", "-Wall", "-o", library, source)
    return library


def read(tool: Tool, preload: Path | None, **environ: str) -> dict[str, Any]:
    """Of a guest with some PTP clocks, of which ptp3 is that of the host."""
    environ = {**tool.record(ALONE), **environ}
    root = Path(environ["XEN_CLOCK_ROOT"])
    for number, name in enumerate(("KVM virtual PTP", "ixgbe", "", "Xen wall clock")):
        file = root / f"sys/class/ptp/ptp{number}/clock_name"
        file.parent.mkdir(parents=True)
        if name:
            file.write_text(f"{name}\n")
    device = root / DEVICE
    device.parent.mkdir()
    if preload:
        device.write_text("")
        environ["LD_PRELOAD"] = str(preload)
    done: Done = subprocess.run(
        [str(OUT / "shared" / "xen-clock"), "--json"],
        env=environ,
        capture_output=True,
        text=True,
    )
    clock = documents(done)[0]["host_clock"]
    assert (done.returncode, done.stderr) == (0, "")
    assert isinstance(clock, dict) and clock["device"] == "/dev/ptp3"
    return clock


def test_read_by_counter(tool: Tool, preload: Path) -> None:
    clock = read(tool, preload, PHC_NS=str(5 * SECOND))
    assert (clock["offset_ns"], clock["error_ns"]) == (-5 * SECOND, 0)


@pytest.mark.parametrize(
    ("widths", "width"), [("900 500 30 70", 30), ("900 -30 200 400", 200)]
)
def test_read_by_samples(tool: Tool, preload: Path, widths: str, width: int) -> None:
    """The narrowest; one over which the clock was set back does not count."""
    precise = str(errno.EOPNOTSUPP)
    clock = read(tool, preload, PHC_NS="-7000", PHC_PRECISE=precise, PHC_WIDTHS=widths)
    assert clock["error_ns"] == width // 2
    assert clock["offset_ns"] == 7000 - width // 2


@pytest.mark.parametrize(
    ("widths", "code"), [({}, errno.EOPNOTSUPP), ({"PHC_WIDTHS": "-1"}, errno.EAGAIN)]
)
def test_cannot_be_read(
    tool: Tool, preload: Path, widths: dict[str, str], code: int
) -> None:
    clock = read(tool, preload, PHC_PRECISE=str(errno.ENODEV), **widths)
    assert clock["reason"] == f"/dev/ptp3 cannot be read: {os.strerror(code)}"
    assert clock["offset_ns"] is None and clock["error_ns"] is None


def test_no_device(tool: Tool) -> None:
    reason = read(tool, None)["reason"]
    assert reason == f"/dev/ptp3 cannot be opened: {os.strerror(errno.ENOENT)}"


def test_for_root_only(tool: Tool, preload: Path) -> None:
    clock = read(tool, preload, PHC_CLOSED="1")
    assert clock["reason"].endswith("try again as root")
