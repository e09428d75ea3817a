# SPDX-License-Identifier: GPL-2.0-only
"""xen-clock forecast, on the documents of recorded hosts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.recorded import (
    KHZ,
    RULES,
    Guest,
    Tool,
    document,
    documents,
    dom0,
    forecast,
    good,
)


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
