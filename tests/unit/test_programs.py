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
exists 0, asked from 65012 to 65080 ms, lives 30000 ms
== redis-check
[slow-clocksource]...WARNING:
Slow system clocksource detected.
[xen-clocksource]...OK
== journal
__MONOTONIC_TIMESTAMP 812 entries, 0 back
__REALTIME_TIMESTAMP 812 entries, 1 back
== counters
1792 0
== chrony
Reference ID    : 58454E00 (XEN)
Frequency       : 3.271 ppm fast
== bursts
1
== beats
in order
41
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
        ("exists 0, asked from 65012 to 65080", "", "Redis says nothing"),
        ("from 65012 to 65080", "from 21000 to 21010", "was gone after 21010 ms"),
        ("exists 0", "exists 1", "was there after 65012 ms"),
        ("812 entries, 0 back", "812 entries, 3 back", "went back 3 times in 812"),
        ("__REALTIME_TIMESTAMP 812", "other 0", "the journal has no other"),
        ("1792 0", "1792 4", "4 of 1792 CPU counters have shrunk"),
        ("bursts\n1", "bursts\n0", "measured [0] times, not 1"),
        ("in order\n41", "out of order", "systemd's timer: out of order"),
        ("(XEN)", "()", "does not follow the host's clock"),
        ("3.271 ppm", "871.3 ppm", "cannot hold the clock's frequency"),
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
