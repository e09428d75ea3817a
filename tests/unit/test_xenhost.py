# SPDX-License-Identifier: GPL-2.0-only
"""xen-clock host, on recorded hosts."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.base.common import TOP

from tests.recorded import (
    CONSTANT,
    DOMAINS,
    KHZ,
    OUT,
    Guest,
    Tool,
    document,
    dom0,
    good,
    one_line,
)
from tests.series.test_docs import simple_table

CLOCKS = TOP / "Documentation/virt/xen/clocks.rst"


def emulated(said: dict[str, Any]) -> dict[str, bool | None]:
    return {one["name"]: one["emulated"] for one in said["guests"]}


def test_host(tool: Tool) -> None:
    said = document(tool, dom0())
    assert said["schema"] == 1 and said["xen_version"] == "4.17.7"
    assert said["tsc"]["frequency_khz"] == KHZ and said["tsc"]["reliable"] is True
    assert said["tsc"]["scaling"] is False
    # dom0 has no line in mode default; an older line of domain 1 does not count
    assert emulated(said) == {
        "web": False,
        "old name": False,
        "moved": True,
        "pvh": True,
        "always": True,
    }
    web = said["guests"][0]
    assert (web["domid"], web["kind"], web["mode"]) == (1, "PV", "default")
    assert (web["frequency_khz"], web["incarnation"]) == (KHZ, 1)
    assert said["guests"][1]["domid"] == 12
    assert said["guests"][3]["kind"] == "HVM or PVH"
    text = one_line(good(tool(dom0(), "host")))
    assert f"{KHZ} kHz, reliable: invariant by CPUID" in text
    assert f"booted at {KHZ - 1} kHz, the host has {KHZ} (1 kHz apart)" in text
    text = good(tool(dom0(domains=DOMAINS[:1]), "host"))
    assert text.endswith("\n\nThere is no guest on this host.\n")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "CPUID does not show an invariant TSC"),
        ({"cmdline": "tsc=unstable"}, "Xen was booted with tsc=unstable"),
        ({"heading": CONSTANT}, "of constant rate, but not marked as reliable"),
        (
            {"boot": "(XEN) TSC warp detected, disabling TSC_RELIABLE\n"},
            "Xen found a warp between the TSCs of CPUs",
        ),
    ],
)
def test_not_reliable(tool: Tool, changes: dict[str, Any], reason: str) -> None:
    said = document(tool, dom0(reliable=False, **changes))
    assert said["tsc"]["reliable"] is False and said["tsc"]["reason"] == reason
    native = [name for name, state in emulated(said).items() if not state]
    assert native == ["old name"]


def test_needs_dom0(tool: Tool) -> None:
    done = tool(Guest(), "host")
    assert done.returncode == 1 and "this is not dom0" in done.stderr
    done = tool(Guest(dom0=True), "host")
    assert done.returncode == 1 and "xl does not say anything" in done.stderr


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ((4, 6, ".6"), "calibration-after-s3 khz-truncated pv-emulated-hang"),
        ((4, 7, ".0"), "calibration-after-s3 khz-truncated"),
        ((4, 13, ".5"), "calibration-after-s3 khz-truncated"),
        ((4, 14, ".6"), "restore-underflow calibration-after-s3 khz-truncated"),
        ((4, 17, ".7"), "restore-underflow calibration-after-s3 khz-truncated"),
        ((4, 18, ".6"), "restore-underflow calibration-after-s3 khz-truncated"),
        ((4, 19, ".4"), "restore-underflow calibration-after-s3 khz-truncated"),
        ((4, 19, ".5"), "calibration-after-s3 khz-truncated"),
        ((4, 20, ".2"), "restore-underflow calibration-after-s3 khz-truncated"),
        ((4, 20, ".3"), "calibration-after-s3 khz-truncated"),
        ((4, 20, ".4"), ""),
        ((4, 21, "-rc"), "restore-underflow calibration-after-s3 khz-truncated"),
        ((4, 21, ".1"), "calibration-after-s3 khz-truncated"),
        ((4, 21, ".2"), ""),
        ((4, 22, ".0"), ""),
        ((5, 0, ".0"), ""),
    ],
)
def test_faults(tool: Tool, version: tuple[int, int, str], names: str) -> None:
    said = document(tool, dom0(version))
    assert [fault["name"] for fault in said["faults"]] == names.split()
    for fault in said["faults"]:
        assert fault["fixed_in"] and fault["text"] in one_line(
            good(tool(dom0(version), "host"))
        )


def test_faults_are_those_of_the_page() -> None:
    """In its order, and fixed in the same versions."""
    text = (TOP / "tools/xen-clock/faults.c").read_text()
    found = re.findall(r'\.name\s*= "([^"]+)".*?\.fixed\s*= "([^"]+)"', text, re.S)
    table = simple_table(CLOCKS.read_text(), "Name")
    assert found and [(name, fixed) for name, fixed, _ in table] == found
    assert CLOCKS.name in text.partition("*/\n#include")[0]


def test_whom_khz_truncated_hits(tool: Tool) -> None:
    """Guests of PVH and HVM, too, where the CPUs cannot scale the TSC."""
    [row] = [
        row
        for row in simple_table(CLOCKS.read_text(), "Name")
        if row[0] == "khz-truncated"
    ]
    assert "(PVH and HVM if the CPUs cannot scale the TSC)" in row[2]
    faults = {one["name"]: one["text"] for one in document(tool, dom0())["faults"]}
    assert "moved guests can become emulated" in faults["khz-truncated"]


def test_too_many_guests(tool: Tool, tmp_path: Path) -> None:
    """None is left out without a word."""
    domains = tuple((f"g{i}", i, f"mode=0,khz={KHZ},inc=1") for i in range(1, 4098))
    assert len(document(tool, dom0(domains=domains[1:]))["guests"]) == 4096
    done = tool(dom0(domains=domains), "host")
    assert done.returncode == 1 and "more than 4096 guests" in done.stderr
    said = document(tool, dom0(domains=DOMAINS[1:2]))
    file = tmp_path / "a.json"
    file.write_text(json.dumps({**said, "guests": said["guests"] * 4097}))
    done = tool(None, "forecast", f"--to={file}", f"--from={file}")
    assert done.returncode == 1 and "has more than 4096 guests" in done.stderr


def test_record_dom0(tool: Tool, tmp_path: Path) -> None:
    """What is nobody's business is left out."""
    place = tmp_path / "recording"
    good(tool(dom0(cmdline="tsc=unstable console_password=x"), "record", str(place)))
    before, after = (
        json.loads(text)
        for text in (
            good(tool(dom0(cmdline="tsc=unstable"), "host", "--json")),
            good(tool(None, "--recording", str(place), "host", "--json")),
        )
    )
    assert [one.pop("name") for one in after["guests"]][:2] == ["guest-1", "guest-12"]
    for one in before["guests"]:
        del one["name"]
    for said in (before, after):
        del said["dom0"]
    assert before == after
    text = "".join(path.read_text() for path in place.rglob("*") if path.is_file())
    for private in ("web", "old name", "password", "com1"):
        assert private not in text
    assert dataclasses.asdict(Guest())["xl"] == {}


def test_record_fails(tool: Tool, tmp_path: Path) -> None:
    """It leaves nothing behind."""
    place = tmp_path / "new"
    place.mkdir()
    done = tool(Guest(dom0=True), "record", str(place / "recording"))
    assert done.returncode == 1 and "xl does not say anything" in done.stderr
    assert not list(place.iterdir())


def test_valgrind(tool: Tool, tmp_path: Path) -> None:
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is missing: it is in Debian's package of this name")
    checks = ["valgrind", "--error-exitcode=99", "--leak-check=full", "--quiet"]
    there = tmp_path / "b.json"
    there.write_text(good(tool(dom0(khz=KHZ + 1), "host", "--json")))
    env = tool.record(dom0())
    for command, status in (
        (["host"], 0),
        (["host", "--json"], 0),
        (["forecast", f"--to={there}", "--json"], 0),
        (["forecast", f"--to={there}", f"--from={there}"], 0),
        (["record", str(tmp_path / "recording")], 0),
        (["metrics", f"--output={tmp_path / 'x.prom'}"], 0),
        (["wait", "--seconds=1"], 7),
    ):
        done = subprocess.run(
            [*checks, str(OUT / "shared" / "xen-clock"), *command],
            env=env,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (status, ""), done
