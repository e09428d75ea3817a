# SPDX-License-Identifier: GPL-2.0-only
"""What is asked of Debian's programs in a guest, by what they printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.base.common import LabError, output
from lab.checks.all import problems_of
from lab.checks.programs import check_alert, check_programs, sections, summary
from lab.commands.distro.package import PLACE, Install, debugfs, put_in, take_out
from lab.guest.lifecycle import save
from lab.images.initramfs import PAYLOAD

BEGIN = """== started
running
== analyze
Startup finished in 2.1s (kernel) + 30.5s (userspace) = 32.6s
OK
== work
rows 7
"""
END = """== postgresql
940 0
== pgbench
940 0
== redis
there until 29020 ms, gone after 30480 ms, lives 30000 ms
== redis-check
[slow-clocksource]...WARNING:
Slow system clocksource detected.
[xen-clocksource]...OK
== journal
__MONOTONIC_TIMESTAMP 812 entries, 0 back
__REALTIME_TIMESTAMP 812 entries, 0 back
== counters
1792 0
== metrics
xen_clock_tsc_incarnation 2
xen_clock_up 1
== chrony
Reference ID    : 58454E00 (XEN)
System time     : 0.000001509 seconds fast of NTP time
== bursts
1
== beats
41 beats, at least 2000031 us apart
== stamps
140 0
== failed
== work
rows 960
"""


def wrong(begin: str = BEGIN, end: str = END, *, follows: bool = True) -> list[str]:
    return problems_of(check_programs(begin, end, follows=follows, resumes=1))


def test_sections() -> None:
    assert sections(BEGIN)["started"] == "running\n"
    assert sections(END)["failed"] == ""


def test_all_is_well() -> None:
    assert not wrong()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "940 0\n== pgbench",
            "940 2\n== pgbench",
            "postgresql: 2 of 940 rows are older",
        ),
        ("940 0\n== redis", "940 1\n== redis", "1 of 940 transactions took less"),
        ("940 0\n== pgbench", "== pgbench", "postgresql: postgresql says nothing"),
        ("there until", "", "Redis says nothing"),
        ("gone after 30480", "gone after 21010", "was gone after 21010 ms"),
        ("there until 29020", "there until 65012", "was there after 65012 ms"),
        (
            "P 812 entries, 0 back\n__R",
            "P 812 entries, 3 back\n__R",
            "__MONOTONIC_TIMESTAMP went back 3 times in 812",
        ),
        (
            "812 entries, 0 back\n== counters",
            "812 entries, 2 back\n== counters",
            "__REALTIME_TIMESTAMP went back 2 times",
        ),
        ("__REALTIME_TIMESTAMP 812", "other 0", "the journal has no other"),
        ("1792 0", "1792 4", "4 of 1792 CPU counters have shrunk"),
        ("bursts\n1", "bursts\n0", "measured [0] times, not 1"),
        ("2000031", "1999999", "timer fired early: 41 beats"),
        ("41 beats", "1 beats", "timer says nothing: 1 beats"),
        ("140 0", "140 3", "3 of 140 time stamps are older"),
        ("xen_clock_up 1", "xen_clock_up 0", "no metrics of xen-clock"),
        ("(XEN)", "()", "does not follow the host's clock"),
        ("0.000001509", "0.871301509", "chrony has not put the clock right"),
        ("== failed\n", "== failed\nredis.service", "units have failed: redis.service"),
    ],
)
def test_what_is_wrong(old: str, new: str, words: str) -> None:
    assert old in END
    assert any(words in text for text in wrong(end=END.replace(old, new)))


def test_summary() -> None:
    assert summary(BEGIN, END) == [
        "systemd: started in 32.6s",
        "Redis: slow-clocksource WARNING, xen-clocksource OK",
        "chrony: follows XEN",
    ]


def test_systemd_is_not_content() -> None:
    begin = BEGIN.replace("running", "degraded\nchrony.service")
    assert wrong(begin) == ["systemd: systemd is not content: degraded\nchrony.service"]


def test_a_guest_without_the_clock_follows_nobody() -> None:
    assert not wrong(end=END.replace("(XEN)", "()"), follows=False)


@pytest.mark.parametrize(
    ("alert", "calm", "right"),
    [
        ('"alertname":"XenClockDemoted"', "value\nalerts:\n", True),
        ('"alertname":"XenClockDemoted"', 'value\nalerts:\n"XenClockDemoted"', False),
        ('"alertname":"XenClockDemoted"', "nothing was scraped", False),
        ("", "value\nalerts:\n", False),
    ],
)
def test_alert(alert: str, calm: str, right: bool) -> None:
    said = {"alert": alert, "calm": calm}
    assert right is not bool(problems_of(check_alert(said)))


@pytest.fixture
def disk(tmp_path: Path) -> str:
    """One that is as full of a Debian guest as it has to be here."""
    root = tmp_path / "root"
    for name in ("boot/vmlinuz-6.12.1-xen-clock", "boot/initrd.img-6.12.1-xen-clock"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "root").mkdir()
    path = tmp_path / "disk.ext2"
    output("genext2fs", "-b", "1024", "-d", str(root), str(path))
    return str(path)


def test_kernel_that_a_guest_has_installed(disk: str, tmp_path: Path) -> None:
    image = take_out(disk, "6.12.1-xen-clock", tmp_path / "installed")
    assert image.read_text() == "boot/vmlinuz-6.12.1-xen-clock"
    initrd = image.with_name("initrd.img")
    assert initrd.read_text() == "boot/initrd.img-6.12.1-xen-clock"
    # Nothing that an earlier guest has installed is taken for it
    with pytest.raises(LabError, match="has no /boot/vmlinuz-7.3"):
        take_out(disk, "7.3", image.parent)
    assert not list(image.parent.iterdir())


def test_package_on_a_disk(disk: str, tmp_path: Path) -> None:
    package = tmp_path / "linux-image.deb"
    package.write_bytes(bytes(100_000))
    put_in(disk, package)
    assert PLACE.rpartition("/")[2] in debugfs(disk, "ls /root")
    assert f"package={PLACE}\n" in (PAYLOAD / "debian/programs").read_text()
    with pytest.raises(LabError, match="debugfs cannot write"):
        put_in(disk, tmp_path / "missing.deb")


def test_package_that_cannot_be_installed() -> None:
    install = Install(save)
    install.said["install"] = "E: Unmet dependencies."
    with pytest.raises(LabError, match="could not install the package:\nE: Unmet"):
        _ = install.version
    install.said["install"] = "Setting up linux ...\ninstalled 6.12.1-xen-clock"
    assert install.version == "6.12.1-xen-clock"
