# SPDX-License-Identifier: GPL-2.0-only
"""The kit on a host that is made up: what it refuses, does, and leaves."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
from pathlib import Path
from typing import Callable
from xml.etree import ElementTree

import pytest

from lab.base.common import TOP
from lab.commands.kit.build import archive, reporter
from lab.commands.kit.merge import read_report
from tests.kit_host import KitHost

SHELLS = {"dash": ["dash"], "busybox": ["busybox", "sh"]}
REPORTS = ["report.html", "report.json", "report.md"]
MODES = ("default", "always_emulate", "native")
# What xl can be in the middle of
CHANGING = ("create", "pause", "save", "restore", "migrate")
# Headings of report.md and report.html
UNTRIED = "What could not be tried"
WRONG = "What was not as it should be"
Setup = Callable[[KitHost], None]


@pytest.fixture(scope="module")
def program() -> bytes:
    return reporter()


@pytest.fixture(params=SHELLS)
def host(request: pytest.FixtureRequest, tmp_path: Path, program: bytes) -> KitHost:
    return KitHost(tmp_path, SHELLS[request.param], program)


def not_root(host: KitHost) -> None:
    host.write("id", "1000\n")


def no_xl(host: KitHost) -> None:
    (host.bin / "xl").unlink()


def no_dom0(host: KitHost) -> None:
    host.write("fails/info", "xl: cannot open /dev/xen/privcmd\n")


def no_memory(host: KitHost) -> None:
    host.set_info(free=199)


def no_disk(host: KitHost) -> None:
    host.write("free", "102399\n")


def not_whole(host: KitHost) -> None:
    (host.kit / "vmlinuz-series").unlink()


def noexec(host: KitHost) -> None:
    (host.kit / "report").chmod(0o644)


def domain(name: str) -> Setup:
    return lambda host: host.write(f"domains/{name}", "5\n")


def no_hvm(host: KitHost) -> None:
    host.set_info(caps="xen-3.0-x86_64")


def under_way(host: KitHost) -> None:
    (host.kit / "work").mkdir()


def not_writable(host: KitHost) -> None:
    (host.kit / "work").symlink_to("nowhere")


REFUSALS: dict[str, tuple[Setup, str, str]] = {
    "not-root": (not_root, "", "only root can make domains"),
    "no-xl": (no_xl, "", "there is no program xl"),
    "no-dom0": (no_dom0, "", "xl: cannot open /dev/xen/privcmd"),
    "no-memory": (no_memory, "", "Xen has 199 MiB of memory free, the guests need 200"),
    "no-disk": (no_disk, "", "has 99 MiB free, a saved guest needs 100 MiB"),
    "not-whole": (not_whole, "", "the kit lacks vmlinuz-series"),
    "noexec": (noexec, "", "mounted with noexec"),
    "domain": (domain("xen-clock-kit"), "", "xl destroy xen-clock-kit\n"),
    "incoming": (
        domain("xen-clock-kit--incoming"),
        "",
        "xl destroy xen-clock-kit--incoming",
    ),
    "no-hvm": (no_hvm, "-k hvm", "none of these kinds of guests can run here: hvm"),
    "under-way": (under_way, "", "another run of this kit is under way, or was killed"),
    "not-writable": (not_writable, "", "/work cannot be made"),
    "kind": (no_hvm, "-k arm", "there is no kind of guests 'arm'"),
    "mode": (no_hvm, "-m fast", "there is no tsc_mode 'fast'"),
    "no-kind": (no_hvm, '-k ""', "there is no kind of guests 'none'"),
    "no-mode": (no_hvm, '-m ""', "there is no tsc_mode 'none'"),
    **{
        f"patience-{text}": (no_hvm, f"-p {text}", f"waited for '{text}' seconds")
        for text in ("abc", "1.5", "0", "08", "-5", "5s", "123456")
    },
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal(host: KitHost, case: str) -> None:
    """It says why, and what to do, and has changed nothing."""
    prepare, words, reason = REFUSALS[case]
    prepare(host)
    domains, files = host.domains, host.files
    status, text = host.run(*shlex.split(words))
    assert status == 1 and reason in text, text
    assert text.endswith("Nothing was changed.\n")
    assert (host.calls, host.domains, host.files) == ([], domains, files)


def test_enter(host: KitHost) -> None:
    """It waits for it."""
    status, text = host.run_at_terminal(b"\n", "-k", "pv", "-m", "default")
    assert status == 0, text
    assert (host.domains, host.files) == ([], REPORTS)


def test_what_is_left(host: KitHost) -> None:
    """After kill -9 all of it is named at once."""
    commands = []
    for name in ("xen-clock-kit", "xen-clock-kit--incoming"):
        domain(name)(host)
        commands.append(f"xl destroy {name}")
    under_way(host)
    commands.append(f"rm -r '{host.kit}/work'")
    _, text = host.run()
    lines = [line.strip() for line in text.splitlines()]
    assert [line for line in lines if line in commands] == commands, text


@pytest.mark.parametrize("typed", (b"", b"\4"), ids=("no-terminal", "end"))
def test_nobody_to_ask(host: KitHost, typed: bytes) -> None:
    """It does not begin, but asks for -y."""
    if typed:
        status, text = host.run_at_terminal(typed)
    else:
        status, text = host.run(yes=False)
    assert status == 1 and "Start it with -y" in text, text
    assert text.endswith("Nothing was changed.\n")
    assert (host.calls, host.domains, host.files) == ([], [], [])


@pytest.mark.parametrize("words", ("-h", "--help", "-k pv --help"))
def test_help(host: KitHost, words: str) -> None:
    status, text = host.run(*words.split())
    assert status == 0 and text.startswith("usage: ./run "), text
    assert host.calls == [] and host.files == []


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("nonsense", "run: there is no argument 'nonsense'\n"),
        ("--nonsense", "llegal option --"),
        ("-z", "llegal option -"),
    ],
)
def test_wrong_usage(host: KitHost, word: str, reason: str) -> None:
    """It says what is wrong above the usage."""
    status, text = host.run(word)
    said, usage, _ = text.partition("usage: ./run ")
    assert status == 2 and reason in said and usage, text
    assert host.calls == [] and host.files == []


def test_whole_run(host: KitHost) -> None:
    """Each guest, and nothing is left but the reports."""
    status, text = host.run()
    assert status == 0, text
    assert (host.domains, host.files) == ([], REPORTS)
    assert "18, one after the other: pv pvh hvm;" in text
    report = json.loads((host.kit / "report.json").read_text())
    expected = [
        (kind, mode, series)
        for kind in ("pv", "pvh", "hvm")
        for mode in MODES
        for series in (False, True)
    ]
    guests = report["guests"]
    found = [(guest["kind"], guest["mode"], guest["series"]) for guest in guests]
    assert found == expected
    names = ["boot", "measure", "pause", "save", "migrate", "finish"]
    for guest in guests:
        assert guest["steps"] == {name: "done" for name in names}
        assert guest["problems"] == []
    assert UNTRIED not in (host.kit / "report.md").read_text()
    assert report["host"]["host.tsc"] == "2596129 kHz, reliable: invariant by CPUID"
    assert report["host"]["host.faults"] == "restore-underflow, khz-truncated"


def test_nothing_else_is_touched(host: KitHost) -> None:
    """All that xl is asked to change has the kit's own name, or its domid."""
    domain("neighbour")(host)
    host.run("-k", "pv", "-m", "default")
    assert host.domains == ["neighbour"]
    own = re.compile(r"xen-clock-kit(--\w+)?|[789]")
    for command, *words in (call.split() for call in host.calls):
        if command not in ("phase", "create", "restore"):
            assert any(own.fullmatch(word) for word in words), command
            assert not {"5", "neighbour"} & set(words)


def test_reports_name_nobody(host: KitHost) -> None:
    host.write("fails/migrate", f"libxl: error: {host.kit}/work/x of hidden failed\n")
    host.run("-k", "pv", "-m", "default")
    for name in REPORTS:
        text = (host.kit / name).read_text()
        assert str(host.kit) not in text, name
        assert "hidden" not in text.replace("work/x of hidden failed", ""), name


def test_html(host: KitHost) -> None:
    """A page of its own, with pictures, that shows what xl says as it is."""
    host.write("fails/migrate", "<b> is an error & no tag\n")
    host.run("-k", "pv")
    page = ElementTree.parse(host.kit / "report.html").getroot()
    # Two pictures of three modes, with a bar for each kernel
    assert len(page.findall(".//svg")) == 2
    assert len(page.findall(".//svg/rect")) == 2 * 3 * 2
    assert not page.findall(".//script") + page.findall(".//link")
    titles = [item.text or "" for item in page.findall(".//h2")]
    notes = [item.text or "" for item in page.findall(".//li")]
    assert titles[-2:] == [UNTRIED, WRONG]
    assert notes == [
        "pv guests: no migrate, as xl says: <b> is an error & no tag",
        "Nothing was noticed.",
    ]


def test_without_hvm(host: KitHost) -> None:
    """The others run."""
    no_hvm(host)
    status, text = host.run("-m", "default")
    assert status == 0 and "Xen cannot run hvm guests here" in text
    guests = read_report(host.kit / "report.json")["guests"]
    assert {guest["kind"] for guest in guests} == {"pv"}


def test_without_migration(host: KitHost) -> None:
    """It is tried once for each kind, and all else goes on."""
    host.write("fails/migrate", "libxl: error: no log of dirty pages\n")
    status, text = host.run("-k", "pv pvh", "-m", "default")
    assert status == 0 and "(no migrate)" in text
    assert len([call for call in host.calls if call.startswith("migrate")]) == 2
    guests = read_report(host.kit / "report.json")["guests"]
    outcomes = [guest["steps"]["migrate"] for guest in guests]
    told = "impossible: libxl: error: no log of dirty pages"
    assert outcomes == [
        *(told, "impossible: as for the first pv guest"),
        *(told, "impossible: as for the first pvh guest"),
    ]
    assert all(guest["steps"]["finish"] == "done" for guest in guests)
    text = (host.kit / "report.md").read_text()
    untried, wrong = text.partition(UNTRIED)[2].split(WRONG)
    assert untried.count("- ") == 2 and "- pv guests: no migrate, as xl" in untried
    assert wrong == "\n\n- Nothing was noticed.\n"


def test_one_that_cannot_be_migrated(host: KitHost) -> None:
    """Another guest of that kind was before, so it is not the host's doing."""
    host.write("later/migrate", "xl: error: the guest did not suspend\n")
    host.run("-k", "pv", "-m", "default native")
    guests = read_report(host.kit / "report.json")["guests"]
    outcomes = [guest["steps"]["migrate"] for guest in guests]
    assert outcomes[0] == "done"
    assert set(outcomes[1:]) == {"failed: xl: error: the guest did not suspend"}
    assert host.domains == []


def test_without_device_model(host: KitHost) -> None:
    """A kind of guests that xl cannot make is given up after the first."""
    host.write("fails/create", "libxl: error: no device model\n")
    status, text = host.run("-k", "hvm")
    assert status == 0 and "Not every guest lived to its end" in text
    (guest,) = read_report(host.kit / "report.json")["guests"]
    assert guest["problems"] == ["boot failed: libxl: error: no device model"]


def test_guest_that_dies(host: KitHost) -> None:
    """What it has reported before is kept, and others go on."""
    host.write("fails/restore", "xl: error: the image is broken\n")
    status, _ = host.run("-k", "pv", "-m", "default native")
    assert status == 0 and (host.domains, host.files) == ([], REPORTS)
    guests = read_report(host.kit / "report.json")["guests"]
    assert len(guests) == 4
    for guest in guests:
        assert guest["problems"] == ["save failed: xl: error: the image is broken"]
        assert guest["ns"]["clock_gettime"]


def test_guest_that_crashes(host: KitHost) -> None:
    """It is noticed, and not waited for."""
    host.write("flags", "----c-\n")
    host.write("first", "\n")
    host.run("-k", "pv", "-m", "default")
    for guest in read_report(host.kit / "report.json")["guests"]:
        told = "failed: the guest ended before it was 'up'"
        assert guest["steps"] == {"boot": told}


@pytest.mark.parametrize(
    ("command", "number"),
    [
        *((command, signal.SIGINT) for command in CHANGING),
        ("save", signal.SIGTERM),
        ("save", signal.SIGHUP),
    ],
)
def test_interrupted(host: KitHost, command: str, number: signal.Signals) -> None:
    """xl ends what it does, and then all is gone."""
    status, text = host.run_and_stop(command, number)
    assert status == 130 and "Interrupted" in text
    assert (host.domains, host.files) == ([], [])


def test_logs(host: KitHost) -> None:
    """What the daemons have kept of a guest that failed is told; others' logs stay."""
    host.write("fails/restore", "xl: error: the image is broken\n")
    (host.logs / "guest-xen-clock-kit.log").write_text("one\ntwo\r\nthree\n")
    (host.logs / "qemu-dm-xen-clock-kit--incoming.log.1").write_text("old\n")
    others = ["guest-my-xen-clock-kit.log", "qemu-dm-neighbour.log"]
    for name in others:
        (host.logs / name).write_text("something\n")
    host.run("-k", "pv", "-m", "default")
    first, second = read_report(host.kit / "report.json")["guests"]
    assert first["problems"][1:] == ["two", "three"] and not second["problems"][1:]
    assert sorted(os.listdir(host.logs)) == others


def test_archive() -> None:
    """It is the same every time, so that its version names it."""
    files = {"run": b"#!/bin/sh\n", "README": b"text\n"}
    assert archive("kit", files) == archive("kit", dict(reversed(files.items())))
    assert os.access(TOP / "kit/run", os.X_OK)
