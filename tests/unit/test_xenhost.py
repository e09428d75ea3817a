# SPDX-License-Identifier: GPL-2.0-only
"""xen-clock host and forecast, on recorded hosts."""

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
    KHZ,
    OUT,
    RULES,
    Guest,
    Tool,
    documents,
    forecast,
    good,
    one_line,
)
from tests.series.test_docs import simple_table

RELIABLE = "(XEN) TSC marked as reliable, warp = 0 (count=3)"
UNRELIABLE = "(XEN) TSC not marked as either constant or reliable, warp=0 (count=3)"
CONSTANT = "(XEN) TSC has constant rate, deep Cstates possible, so not reliable, warp=0"
HEADING = "Name                       ID   Mem VCPUs\tState\tTime(s)"
CLOCKS = TOP / "Documentation/virt/xen/clocks.rst"

# As xl shows them
DOMAINS = (
    ("Domain-0", 0, ""),
    ("web", 1, "mode=0,ofs=0x133f05c47,khz=2596128,inc=1"),
    ("old name", 12, "mode=2,ofs=0x38f68b4b3,khz=2596128,inc=1"),
    ("moved", 3, "mode=0,khz=2596127,inc=4"),
    ("pvh", 4, "(hvm) mode=0,khz=2596127,inc=2"),
    ("always", 5, "(hvm) mode=1,khz=2596128,inc=1"),
)


def dom0(
    version: tuple[int, int, str] = (4, 17, ".7"),
    *,
    reliable: bool = True,
    khz: int = KHZ,
    domains: tuple[tuple[str, int, str], ...] = DOMAINS,
    heading: str = "",
    boot: str = "(XEN) HVM: ASIDs enabled.\n",
    cmdline: str = "",
) -> Guest:
    lines = []
    for _, number, text in domains:
        kind = "(hvm)" if text.startswith("(hvm)") else ""
        if text:
            lines.append(f"(XEN) dom{number}{kind}: {text.removeprefix('(hvm) ')}")
    # Older ones may still be in the ring
    log = boot
    for old in (UNRELIABLE, RELIABLE):
        log += f"{old}\n(XEN) dom1: mode=1,khz=1,inc=9\n"
    log += "\n".join([heading or (RELIABLE if reliable else UNRELIABLE), *lines])
    shown = [
        f"{name:<40} {number:>5}  1024     2     r-----     12.5"
        for name, number, _ in domains
    ]
    return Guest(
        dom0=True,
        version=version,
        flags=2 if reliable else 0,
        khz=0,
        incarnation=0,
        host_khz=khz,
        pvclock_khz=khz,
        clocksource="tsc",
        xl={
            "info": f"cpu_mhz                : {khz // 1000}.{khz % 1000:03}\n"
            f"xen_commandline        : console=com1 {cmdline}",
            "list": "\n".join([HEADING, *shown]),
            "dmesg": log,
        },
    )


def document(tool: Tool, guest: Guest) -> dict[str, Any]:
    [said] = documents(tool(guest, "host", "--json"))
    return said


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


def moved(
    tool: Tool, tmp_path: Path, here: Guest, there: Guest, *arguments: str
) -> list[dict[str, Any]]:
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file, host in zip(files, (here, there)):
        file.write_text(good(tool(host, "host", "--json")))
    words = ("forecast", "--from", str(files[0]), "--to", str(files[1]), *arguments)
    good(tool(None, *words))
    [said] = documents(tool(None, *words, "--json"))
    assert isinstance(said["guests"], list)
    return said["guests"]


PV = ("one", 1, f"mode=0,khz={KHZ},inc=1")
HVM = ("one", 1, f"(hvm) mode=0,khz={KHZ},inc=1")
NATIVE = ("one", 1, f"mode=2,khz={KHZ},inc=1")
ALWAYS = ("one", 1, f"mode=1,khz={KHZ},inc=1")
SCALES = "(XEN) VMX: Supported advanced features:\n(XEN)  - TSC Scaling\n"


@pytest.mark.parametrize(
    ("domain", "there", "after", "kept"),
    [
        # The rows of the table: kind, version, reliable, frequency, scaling
        (PV, dom0(), False, True),
        (PV, dom0(khz=KHZ + 1), True, True),
        (PV, dom0(reliable=False), True, True),
        (PV, dom0(khz=KHZ + 1, boot=SCALES), True, True),
        (PV, dom0((4, 9, ".0")), False, True),
        (PV, dom0((4, 8, ".5")), True, True),
        (PV, dom0((4, 4, ".4")), True, True),
        (HVM, dom0(), False, True),
        (HVM, dom0(khz=KHZ + 1), True, True),
        (HVM, dom0(khz=KHZ + 1, boot=SCALES), False, True),
        (HVM, dom0(khz=KHZ + 1, boot=""), None, True),
        (HVM, dom0(reliable=False, boot=SCALES), True, True),
        (HVM, dom0((4, 5, ".0")), False, True),
        (HVM, dom0((4, 4, ".4")), True, True),
        (NATIVE, dom0(), False, True),
        (NATIVE, dom0(khz=999_999), False, False),
        (ALWAYS, dom0(), True, True),
    ],
)
def test_forecast(
    tool: Tool,
    tmp_path: Path,
    domain: tuple[str, int, str],
    there: Guest,
    after: bool | None,
    kept: bool,
) -> None:
    [said] = moved(tool, tmp_path, dom0(domains=(domain,)), there)
    assert said["emulated_after"] is after and said["frequency_kept"] is kept
    # Native on a host whose dom0 reads its TSC costs what it costs there
    assert (said["read_ns_after"] is None) == (after is not False)
    assert said["without_series"]


def test_a_frequency_that_xen_does_not_print(tool: Tool, tmp_path: Path) -> None:
    """That of a TSC that is never emulated is the host's."""
    domain = ("one", 1, "mode=2,ofs=0x0,inc=1")
    there = dom0(khz=KHZ // 2)
    [said] = moved(tool, tmp_path, dom0(domains=(domain,)), there)
    assert "its time runs at 50.0 % of its speed" in said["without_series"]


@pytest.mark.parametrize(
    ("domain", "there", "verdict", "reason"),
    [
        (PV, dom0(), "reliable", "native on a reliable host"),
        (PV, dom0(khz=KHZ + 1), "reliable", "emulated at a constant frequency"),
        (PV, dom0(reliable=False), "reliable", "emulated at a constant frequency"),
        (NATIVE, dom0(khz=999_999), "unstable", "its frequency is not what it was"),
        (
            NATIVE,
            dom0(),
            "unknown",
            'reliable with cpuid="host,invtsc=1", unstable without',
        ),
        (NATIVE, dom0(reliable=False), "unstable", "never emulated"),
        (ALWAYS, dom0(), "reliable", "emulated at a constant frequency"),
    ],
)
def test_forecast_of_the_kernel(
    tool: Tool,
    tmp_path: Path,
    domain: tuple[str, int, str],
    there: Guest,
    verdict: str,
    reason: str,
) -> None:
    [said] = moved(tool, tmp_path, dom0(domains=(domain,)), there)
    assert said["verdict_after"] == verdict and reason in said["reason_after"]


UNKNOWN = {"reliable": None}
EITHER = f"{RULES['native'][1]}, or {RULES['emulated'][1]}"


@pytest.mark.parametrize(
    ("domain", "tsc", "cause", "reason"),
    [
        (HVM, {"frequency_khz": KHZ + 1, "scaling": None}, "Xen can scale it", EITHER),
        (PV, UNKNOWN, "the host's TSC is reliable", EITHER),
        (PV, {"frequency_khz": 0}, "its frequency or that of the host", EITHER),
        (("one", 1, f"mode=3,khz={KHZ},inc=1"), {}, "the CPUs have RDTSCP", "PVRDTSCP"),
        (("one", 1, f"mode=7,khz={KHZ},inc=1"), {}, "its mode is not", "unknown TSC"),
    ],
)
def test_forecast_of_what_is_unknown(
    tool: Tool,
    tmp_path: Path,
    domain: tuple[str, int, str],
    tsc: dict[str, Any],
    cause: str,
    reason: str,
) -> None:
    """A TSC that may be emulated is not taken for a native one."""
    here, there = document(tool, dom0(domains=(domain,))), document(tool, dom0())
    there["tsc"].update(tsc)
    one = forecast(tmp_path, here, there, here["guests"][0])
    assert one["emulated_after"] is None
    assert one["reason_after"].startswith(reason)
    assert one["verdict_after"] == ("reliable" if reason == EITHER else "unverified")
    files = [f"--from={tmp_path / 'here.json'}", f"--to={tmp_path / 'there.json'}"]
    text = good(tool(None, "forecast", *files))
    assert re.search(f"there native or emulated, as .*{cause}", text)
    # And the other way round, where the doubt is about the guest as it is
    here["tsc"].update(tsc)
    here["guests"][0]["incarnation"] = 2
    good(tool(None, "forecast", *files))
    one = forecast(tmp_path, here, document(tool, dom0()), here["guests"][0])
    assert one["verdict_after"] == ("reliable" if reason == EITHER else "unverified")


def test_forecast_of_the_cost(tool: Tool, tmp_path: Path) -> None:
    """The clocksource xen takes a system call, and traps where the TSC does."""
    here, there = document(tool, dom0(domains=(NATIVE,))), document(tool, dom0())
    here["dom0"]["syscall_ns"], there["dom0"]["syscall_ns"] = 123, 234
    [guest] = here["guests"]
    one = forecast(tmp_path, here, there, guest)
    assert (one["syscall_ns_before"], one["syscall_ns_after"]) == (123, 234)
    files = [f"--from={tmp_path / 'here.json'}", f"--to={tmp_path / 'there.json'}"]
    text = good(tool(None, "forecast", *files))
    assert "clocksource xen, as measured in dom0: 123 ns, there 234 ns\n" in text
    one = forecast(tmp_path, here, there, {**guest, "mode_number": 1})
    assert one["syscall_ns_before"] is one["syscall_ns_after"] is None
    text = good(tool(None, "forecast", *files))
    assert "clocksource xen: traps to Xen, there traps to Xen\n" in text


def test_forecast_without_the_series(tool: Tool, tmp_path: Path) -> None:
    """The guest of the README's picture runs at 38 % of its speed."""
    [said] = moved(tool, tmp_path, dom0(domains=(NATIVE,)), dom0(khz=999_999))
    assert "its time runs at 38.5 % of its speed" in said["without_series"]


def test_forecast_of_one(tool: Tool, tmp_path: Path) -> None:
    for name in ("old name", "12"):
        [one] = moved(tool, tmp_path, dom0(), dom0(), "--guest", name)
        assert one["domid"] == 12
    assert len(moved(tool, tmp_path, dom0(), dom0())) == 5
    # In dom0 itself
    there = str(tmp_path / "b.json")
    [said] = documents(tool(dom0(), "forecast", f"--to={there}", "--json"))
    assert len(said["guests"]) == 5
    done = tool(dom0(), "forecast", "--to", there, "--guest", "nobody")
    assert done.returncode == 1 and "no guest 'nobody'" in done.stderr
    done = tool(Guest(), "forecast", "--to", there)
    assert done.returncode == 1 and "this is not dom0" in done.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("", 'bad.json is empty: write it with "xen-clock host --json" in dom0'),
        ('{"schema": 1, "xen_', "bad.json ends too early: write it with"),
        ("[1]", "is not what"),
        ('{"schema": 1}', "has no xen_version"),
        ('{"schema": 2}', "is of schema 2, and this xen-clock reads 1"),
        ('{"schema": "x"}', "schema is 'x', not a 32-bit integer"),
        ('{"schema": 1} {}', "is not what"),
        ('{"schema": ' + "[" * 99, "is not what"),
        ('{"' + "a" * 99 + '": {"' + "b" * 99 + '": 1}}', "has no schema"),
        ('{"a": "\\', "ends too early"),
        ('{"a": "\\u00', "is not what"),
    ],
)
def test_bad_documents(tool: Tool, tmp_path: Path, change: str, words: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(change)
    done = tool(dom0(), "forecast", "--to", str(file))
    assert done.returncode == 1 and words in done.stderr, done
    assert not done.stdout


@pytest.mark.parametrize(
    "name", ['a "quoted" back\\slash', "caf\u00e9 \u20ac \U0001f600", "\x1b[31mred"]
)
def test_names_survive(tool: Tool, tmp_path: Path, name: str) -> None:
    """Any name that a domain can have; in text none controls the terminal."""
    here = dom0(domains=((name, 1, f"mode=0,khz={KHZ},inc=1"),))
    [one] = moved(tool, tmp_path, here, dom0(), "--guest", name)
    assert one["name"] == name
    files = [f"--from={tmp_path / 'a.json'}", f"--to={tmp_path / 'b.json'}"]
    text = good(tool(None, "forecast", *files))
    assert text.startswith(f"{name} (domain 1)\n".replace("\x1b", "?"))
    # Written by another program, which escapes what is not ASCII
    said = json.loads((tmp_path / "a.json").read_text())
    (tmp_path / "a.json").write_text(json.dumps(said))
    text = good(tool(None, "forecast", *files))
    simple = name.replace("\x1b", "?").replace("\U0001f600", "??")
    assert text.startswith(f"{simple} (domain 1)\n")
    listed = good(tool(here, "host"))
    assert name.replace("\x1b", "?") in listed and "\x1b" not in listed


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (rb"\u009b31m \u007f", "??31m ?"),
        (b"\xe9t\xe9 \xc0\xaf \xed\xa0\x80", "?t? ?? ???"),
        (b"\xc3", "?"),
    ],
)
def test_names_of_others(tool: Tool, tmp_path: Path, name: bytes, shown: str) -> None:
    """What is no UTF-8, or controls a terminal, is not printed."""
    file = tmp_path / "a.json"
    text = good(tool(dom0(domains=(PV,)), "host", "--json"))
    file.write_bytes(text.encode().replace(b'"one"', b'"' + name + b'"'))
    files = [f"--from={file}", f"--to={file}"]
    said = good(tool(None, "forecast", *files))
    assert said.startswith(f"{shown} (domain 1)\n")
    documents(tool(None, "forecast", *files, "--json"))
    file.write_bytes(
        text.encode().replace(b'"schema": 1', b'"schema": "' + name + b'"')
    )
    done = tool(None, "forecast", *files)
    assert done.returncode == 1 and f"schema is '{shown}'" in done.stderr


def test_too_many_guests(tool: Tool, tmp_path: Path) -> None:
    """None is left out without a word."""
    domains = tuple((f"g{i}", i, f"mode=0,khz={KHZ},inc=1") for i in range(1, 4098))
    assert len(document(tool, dom0(domains=domains[1:]))["guests"]) == 4096
    done = tool(dom0(domains=domains), "host")
    assert done.returncode == 1 and "more than 4096 guests" in done.stderr
    said = document(tool, dom0(domains=(PV,)))
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
