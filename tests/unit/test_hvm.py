# SPDX-License-Identifier: GPL-2.0-only
"""HVM guests and PV in PVH: who needs what, and what is asked of them, without QEMU."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.base.common import LabError
from lab.base.kmsg import Record
from lab.checks.all import Slept, check_guest, seen_in_shim
from lab.checks.hvm import RtcReading, check_emulated, check_rtc, check_rtc_time
from lab.commands.matrix.table import cells
from lab.base.select import select
from lab.config import HOSTS, XENS, GuestSpec
from lab.guest.report import Report
from lab.guest.scenario import Life
from lab.guest.guest import Guest
from lab.guest.xl_config import SHIM_MIB, configure, stage
from lab.host.qemu_args import qemu_command
from lab.host.xen_tsc import Outside
from lab.images import device_model
from lab.images.debian import Tree
from lab.images.initramfs import Images

IMAGES = Images(Path("xen"), Path("dom0"), Path("guest"))


DAY = 1_700_000_000


def reading(rtc: int, early: float = 0.25, late: float = 0.5) -> str:
    """Seconds after that day, as the agent reports them."""
    clock = (int((DAY + seconds) * 1e9) for seconds in (early, late))
    return " ".join(map(str, (DAY + rtc, *clock)))


def clocks(**wrong: str) -> Report:
    """Of a guest in which all is right but that."""
    return Report(
        {
            f"{when}.{key}": wrong.get(f"{key}_{when}", value)
            for when in ("before", "after")
            for key, value in (
                ("rtc", reading(0)),
                ("available", "tsc xen hpet acpi_pm"),
                ("clocksource", "tsc"),
            )
        }
    )


@pytest.mark.parametrize(
    ("wrong", "problems"),
    [
        ({}, 0),
        # The steps of two reads, and what timekeeping makes up for
        ({"rtc_after": reading(3)}, 0),
        ({"rtc_after": reading(5)}, 1),
        ({"rtc_after": reading(-5)}, 1),
        ({"rtc_before": reading(3600)}, 1),
        # It took the guest ten seconds to read it
        ({"rtc_after": reading(8, 0.25, 10.0)}, 0),
        ({"available_after": "xen hpet"}, 1),
        ({"clocksource_after": "hpet"}, 1),
        ({"clocksource_before": "acpi_pm"}, 1),
    ],
)
def test_the_checks(wrong: dict[str, str], problems: int) -> None:
    report = clocks(**wrong)
    assert len([*check_rtc(report), *check_emulated(report)]) == problems


@pytest.mark.parametrize("elsewhere", [False, True])
def test_on_another_host_the_rtc_has_its_time(elsewhere: bool) -> None:
    """What was taken for CLOCK_REALTIME before stays, if that is ahead."""
    report = clocks(rtc_after=reading(-60))
    life = Life(SimpleNamespace(), report, {}, 0.0)  # type: ignore
    slept = Slept(1, 1, elsewhere=elsewhere)
    spec = GuestSpec("g", kind="hvm")
    assert len(check_guest(spec, life, slept, ["machine"])["machine"]) == (
        not elsewhere
    )
    report.values["before.available"] = "tsc xen"
    assert check_guest(spec, life, slept, ["machine"])["machine"]


def test_a_refused_pm_timer() -> None:
    """It is missing for a reason that the kernel's log gives; another one is not."""
    report = clocks(available_before="tsc xen hpet", available_after="xen hpet")
    assert len(check_emulated(report)) == 2
    refused = "PM-Timer had inconsistent results: 0xfffffe, 0x1234 - aborting."
    report.kmsg = [Record(6, 0, 0, refused)]
    assert not check_emulated(report)
    report.values["before.available"] = "tsc xen"
    assert len(check_emulated(report)) == 1


@pytest.mark.parametrize(
    ("rtc", "problems"), [(-3, 1), (-2, 0), (0, 0), (2, 0), (3, 1), (3600, 1)]
)
def test_the_rtcs_time(rtc: int, problems: int) -> None:
    """dom0 has the first half of a second of that day."""
    assert len(check_rtc_time(RtcReading.of_words(reading(rtc)))) == problems


def test_a_device_model_without_firmware(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told which file, and not by a guest that does not boot."""
    tree = Tree.__new__(Tree)
    tree.files, tree.links = {"usr/libexec/xen-qemu-system-i386": b""}, {}
    monkeypatch.setattr(device_model, "needed", lambda elf: set())
    with pytest.raises(LabError, match=r"no file usr/lib/xen-\S+hvmloader"):
        device_model.device_model(tree, XENS["4.17"].qemu)
    tree.files = {}
    with pytest.raises(LabError, match="no file .*qemu"):
        device_model.device_model(tree, XENS["4.17"].qemu)


@pytest.mark.parametrize(
    ("kind", "wanted"), [("pv", False), ("pvh", False), ("hvm", True), ("pvshim", True)]
)
def test_who_needs_a_device_model(kind: str, wanted: bool) -> None:
    """To unpack it takes dom0 seconds, and memory: others boot without."""
    spec = HOSTS["untrusted"].for_guests(kind)
    assert spec.device_model is wanted and (spec.cpus == 1) == (kind != "pv")
    command = " ".join(qemu_command(IMAGES, Path("dom0"), spec))
    assert ("family=" in command) == (kind == "pvshim")
    if not wanted:
        got = device_model.add_device_model(IMAGES, XENS["4.17"], spec)
        assert got is IMAGES


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("hvm", ['type = "hvm"', 'ramdisk = "/run/small.cpio.gz"', 'vga = "none"']),
        ("pvshim", ['type = "pvh"', f"memory = {64 + SHIM_MIB}", "pvshim = 1"]),
    ],
)
def test_xls_configuration(tmp_path: Path, kind: str, lines: list[str]) -> None:
    run = SimpleNamespace(add=lambda *_: None, path=lambda name: tmp_path / name)
    host: Any = SimpleNamespace(run=run, spec=HOSTS["untrusted"])
    stored = tmp_path / "stored.cpio.gz"
    stored.write_bytes(gzip.compress(bytes(10_000), compresslevel=0))
    spec = GuestSpec("g", kind=kind)
    configure(host, spec, stage(host, spec, Path("6.12/bzImage"), stored))
    assert set(lines) <= set((tmp_path / "g.cfg").read_text().splitlines())
    small = tmp_path / "small.cpio.gz"
    assert small.exists() == (kind == "hvm")
    if small.exists():
        assert small.stat().st_size < 100
        assert gzip.decompress(small.read_bytes()) == bytes(10_000)


@pytest.mark.parametrize("kind", ["pv", "pvh", "hvm"])
def test_a_guest_that_has_a_disk(tmp_path: Path, kind: str) -> None:
    """It boots from that, and dom0 need not take an initramfs."""
    run = SimpleNamespace(add=lambda *_: None, path=lambda name: tmp_path / name)
    host: Any = SimpleNamespace(run=run, spec=HOSTS["untrusted"])
    spec = GuestSpec("g", kind=kind, disk="/dev/vdb")
    staged = stage(host, spec, Path("6.12/bzImage"), Path("none.cpio.gz"))
    configure(host, spec, staged)
    config = (tmp_path / "g.cfg").read_text()
    assert 'disk = ["phy:/dev/vdb,xvda,w"]' in config and "ramdisk" not in config
    assert " root=/dev/xvda rw" in config
    assert "bzImage" in staged.order and "cpio" not in staged.order


@pytest.mark.parametrize("kind", ["pvh", "hvm"])
def test_a_guest_that_is_moved(tmp_path: Path, kind: str) -> None:
    """An HVM guest's device model opens the images where it is restored, too."""
    orders: dict[str, list[str]] = {"home": [], "away": []}

    def host(name: str) -> Any:
        run = SimpleNamespace(add=lambda *_: None, path=lambda file: tmp_path / file)
        made = SimpleNamespace(run=run, spec=HOSTS["untrusted"], guest_logs={})
        made.console, made.gone = SimpleNamespace(lines=[]), 0

        def must(order: str) -> str:
            orders[name].append(order)
            return "7"

        made.must = must
        return made

    image = tmp_path / "image.cpio.gz"
    image.write_bytes(gzip.compress(b""))
    guest = Guest(host("home"), GuestSpec("g", kind=kind), Path("6.12/bzImage"), image)
    (tmp_path / "g.save.lzo").write_bytes(b"")
    guest.move_to(host("away"))
    assert not orders["home"]
    assert ("bzImage-6.12" in orders["away"][0]) == (kind == "hvm")


def test_a_guest_of_the_shim() -> None:
    """It knows neither the host nor that it has become another domain."""
    seen = Outside("", 0, 2596127, 1, True)
    life = Life(SimpleNamespace(), Report(), {"before": seen}, 0.0)  # type: ignore
    inside, slept = seen_in_shim(life, Slept(suspends=2, wakes=2))
    assert not inside.outside and slept == Slept(suspends=2)
    itsc = HOSTS["itsc"]
    assert itsc.seen_by("pv") is itsc
    assert itsc.seen_by("pvshim") == replace(itsc, tsc_reliable=False, itsc=False)


def test_what_hvm_guests_cannot_do() -> None:
    refused = {
        cell.lifecycle: cell.refused("6.12")
        for cell in select("4.17 and hvm", cells())
        if cell.lifecycle in ("set-back", "replug", "save")
    }
    assert not refused["set-back"]
    assert "plugged in by ACPI" in refused["replug"]
    assert not refused["save"]
