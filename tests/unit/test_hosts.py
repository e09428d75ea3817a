# SPDX-License-Identifier: GPL-2.0-only
"""The hosts, and what is done to them while they run, without QEMU."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lab.base import unix_socket
from lab.checks import policy
from lab.host import pins, xen_tsc, xen_uptime
from lab.host.pins import better_than, idle_times, move_to_idle_cpu, pinned
from lab.host.qemu_args import qemu_command
from lab.base.common import TOP, LabError
from lab.checks.policy import expect, expect_leaf
from lab.host.gdb import SOCKET, Stub
from lab.config import HOSTS, HostSpec
from lab.images.initramfs import Images
from lab.host.xen_tsc import Outside, shift_vtsc
from tests.unit.test_lab import HOST, OUTSIDE, RECORDED
from lab.host.xen_uptime import CLOCK, STAMP, STOP, TIME, set_uptime
from lab.guest.report import parse


@pytest.mark.parametrize(
    ("name", "tsc_mode", "emulated", "rule", "verdict"),
    [
        ("untrusted", "", True, "emulated", "reliable"),
        ("untrusted", "always_emulate", True, "emulated", "reliable"),
        ("untrusted", "native", False, "never-emulated", "unstable"),
        ("1ghz", "", True, "emulated", "reliable"),
        ("1ghz", "always_emulate", True, "emulated", "reliable"),
        ("1ghz", "native", False, "never-emulated", "unstable"),
        ("trusted", "", False, "native", "reliable"),
        ("trusted", "always_emulate", True, "emulated", "reliable"),
        ("trusted", "native", False, "never-emulated", "unstable"),
        ("itsc", "", False, "native", "reliable"),
        ("itsc", "always_emulate", True, "emulated", "reliable"),
        ("itsc", "native", False, "invariant", "reliable"),
    ],
)
def test_every_host(
    name: str, tsc_mode: str, emulated: bool, rule: str, verdict: str
) -> None:
    host = HOSTS[name]
    assert expect_leaf(tsc_mode, host).emulated == emulated
    assert expect_leaf(tsc_mode, host).host_reliable == host.tsc_reliable
    expected = expect(tsc_mode, "", host, itsc=host.itsc)
    assert (expected.rule, expected.verdict) == (rule, verdict)


def test_every_host_is_described() -> None:
    page = (TOP / "Documentation/lab/report.rst").read_text()
    assert [name for name in HOSTS if f"\n{name}\n  " not in page] == []


def test_a_frequency_that_qemu_does_not_have() -> None:
    with pytest.raises(LabError, match="'fast' cannot have a TSC of 3000000 kHz"):
        HostSpec("fast", tsc_reliable=False, tsc_khz=3_000_000)


def test_host_has_its_frequency() -> None:
    report = parse(RECORDED)
    assert not policy.check_leaf(report, HOST, "", OUTSIDE)
    wrong = policy.check_leaf(report, HOSTS["1ghz"], "", OUTSIDE)
    assert wrong == ["the TSC has 2596127 kHz, the host 1000000"]
    right = RECORDED.replace("2596127", "999999")
    outside = {when: replace(seen, khz=999999) for when, seen in OUTSIDE.items()}
    assert not policy.check_leaf(parse(right), HOSTS["1ghz"], "", outside)


def test_moved_guest() -> None:
    """It is native at first, and emulated on a host of another frequency."""
    born = RECORDED.replace("before.time_leaf 0x5", "before.time_leaf 0x6")
    outside = {
        "before": replace(OUTSIDE["before"], host_reliable=True),
        "after": OUTSIDE["after"],
    }
    trusted = HOSTS["trusted"]
    assert not policy.check_leaf(
        parse(born), trusted, "", outside, moved_to=HOSTS["1ghz"], same_frequency=False
    )
    assert policy.check_leaf(parse(born), trusted, "", outside)
    assert expect_leaf("", trusted, same_frequency=False).emulated
    assert not expect_leaf("native", trusted, same_frequency=False).emulated


def test_kind_of_guest() -> None:
    report = parse(RECORDED)
    assert not policy.check_kind(report, "pv")
    assert policy.check_kind(report, "pvh") == ["the guest is a pv one, not a pvh one"]


def test_qemu_makes_the_host() -> None:
    nothing = Path("nothing")
    images = Images(nothing, nothing, nothing)
    lines = {
        name: " ".join(qemu_command(images, nothing, host))
        for name, host in HOSTS.items()
    }
    assert [n for n, line in lines.items() if "invtsc=on" in line] == [
        "trusted",
        "itsc",
    ]
    assert [n for n, line in lines.items() if "-icount" in line] == ["1ghz"]
    # Only an older host is stopped at boot, and never over the network
    assert not any("-S" in line.split() for line in lines.values())
    older = " ".join(qemu_command(images, nothing, HOST.older()))
    assert older.endswith(" -S") and "tcp" not in older
    # Nor is a cable between two hosts a network that anybody else is on
    assert not any("-netdev" in line for line in lines.values())
    wired = " ".join(qemu_command(images, nothing, replace(HOST, wired=True)))
    assert "-netdev dgram,id=cable,local.type=unix," in wired


def test_qemu_has_disks() -> None:
    """Two machines have the same one, so that a guest can move."""
    nothing = Path("nothing")
    images = Images(nothing, nothing, nothing, disks=("one", "two"))
    line = " ".join(qemu_command(images, nothing, replace(HOST, memory=4096)))
    for number, path in enumerate(images.disks):
        assert f"id=disk{number},format=raw,file={path},file.locking=off" in line
        assert f"virtio-blk-pci,drive=disk{number}," in line
    assert "-m 4096" in line and "dom0_mem=2048M" in line


def test_qemu_boots_an_installed_dom0() -> None:
    """Which has no initramfs, and a disk that all such machines share."""
    nothing, dom0 = Path("nothing"), Path("dom0.gz")
    line = " ".join(qemu_command(Images(nothing, dom0, nothing), nothing, HOST))
    assert f"-initrd nothing console=hvc0,{dom0} " in line
    images = Images(nothing, dom0, nothing, ("one",), root=Path("root"))
    line = " ".join(qemu_command(images, nothing, HOST))
    assert "-initrd nothing console=hvc0 root=/dev/vda rw " in line
    assert f"{dom0}" not in line
    assert "virtio-blk-pci,drive=root,vectors=0 " in line
    # The first that Linux finds
    assert line.index("file=root,snapshot=on") < line.index("file=one")


def test_qemu_keeps_to_one_cpu_for_pvh_guests() -> None:
    """Machines that run at the same time have different ones, if there are any."""
    one, two = (pinned(HOST.for_guests("pvh")) for _ in range(2))
    assert one[:2] == ["taskset", "-c"]
    assert (one != two) == (len(os.sched_getaffinity(0)) > 1)
    assert not pinned(HOST)


STAT = """cpu  9 9 9 9 9 0 0 0 0 0
cpu0 100 0 100 {} 50 0 0 0 0 0
cpu1 100 0 100 {} 0 0 0 0 0 0
intr 12345 0
"""


def test_cpus_that_are_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine goes where it is alone, and not for a little more."""
    monkeypatch.setattr(os, "sysconf", lambda _: 100)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    before = idle_times(STAT.format(100, 100))
    assert before == {0: 1.5, 1: 1.0}
    after = idle_times(STAT.format(100, 120))
    assert better_than(0, before, after) == 1
    assert better_than(1, before, after) == 1
    assert better_than(0, before, idle_times(STAT.format(115, 120))) == 0
    # Ours are not all that there are
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert better_than(0, before, after) == 0


def test_all_threads_move(monkeypatch: pytest.MonkeyPatch) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) == 1:
        pytest.skip("there is one CPU only")
    monkeypatch.setattr(pins, "better_than", lambda *_: cpus[1])
    program = "import threading, time; [threading.Timer(60, int).start() for _ in '12']"
    command = ["taskset", "-c", str(cpus[0]), sys.executable, "-c", program]
    with subprocess.Popen(command) as process:
        tasks = Path(f"/proc/{process.pid}/task")
        while len(list(tasks.iterdir())) < 3:
            time.sleep(0.01)
        move_to_idle_cpu(process.pid)
        moved = [os.sched_getaffinity(int(task.name)) for task in tasks.iterdir()]
        state = (tasks.parent / "stat").read_text().rpartition(")")[2].split()[0]
        process.kill()
    assert moved == [{cpus[1]}] * 3
    assert state != "T"


# A stand-in for QEMU's gdb stub, and for the memory of Xen behind it

AT = {STOP: 0x10, STAMP: 0x20, CLOCK: 0x30}
MEMORY = {0x20: 5_000, 0x30: 5_000, 0x30 + TIME: 0}


class FakeStub(threading.Thread):
    def __init__(self, directory: Path, memory: dict[int, int], stops: str) -> None:
        super().__init__(daemon=True)
        self.memory = dict(memory)
        self.stops = stops
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(directory / SOCKET))
        self.listener.listen()
        self.start()

    def answer(self, request: str) -> str:
        if request == "c":
            return self.stops
        if request[0] == "m":
            value = self.memory[int(request[1:].split(",")[0], 16)]
            return (value % 2**64).to_bytes(8, "little").hex()
        if request[0] == "M":
            where, _, data = request[1:].partition(":")
            number = int.from_bytes(bytes.fromhex(data), "little", signed=True)
            self.memory[int(where.split(",")[0], 16)] = number
        return "OK"

    def run(self) -> None:
        client, _ = self.listener.accept()
        data = b""
        while more := client.recv(4096):
            data += more
            while b"#" in data and len(data) >= data.index(b"#") + 3:
                end = data.index(b"#")
                request = data[data.index(b"$") + 1 : end].decode()
                data = data[end + 3 :]
                said = self.answer(request).encode()
                if said:
                    # In two pieces, as a stream may bring them
                    client.sendall(b"+$" + said[:2])
                    client.sendall(said[2:] + b"#%02x" % (sum(said) & 0xFF))


def test_uptime_moves_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xen_uptime, "addresses", lambda symbols: AT)
    fake = FakeStub(tmp_path, MEMORY, "T05thread:01;")
    set_uptime(tmp_path, Path(), 600)
    assert fake.memory == MEMORY | {0x30 + TIME: 600_000_000_000}
    # Nobody can come back to it
    assert not (tmp_path / SOCKET).exists()


@pytest.mark.parametrize(
    ("memory", "stops", "complaint"),
    [
        (MEMORY | {0x30: 0}, "T05", "keeps its clock in another way"),
        (MEMORY | {0x30 + TIME: 1}, "T05", "keeps its clock in another way"),
        (MEMORY, "W00", "stopped in another way"),
        (MEMORY, "", "did not come to .* did not answer"),
    ],
)
def test_uptime_is_not_forced(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    memory: dict[int, int],
    stops: str,
    complaint: str,
) -> None:
    monkeypatch.setattr(xen_uptime, "addresses", lambda symbols: AT)
    monkeypatch.setattr(xen_uptime, "STOP_LIMIT", 0.5)
    fake = FakeStub(tmp_path, memory, stops)
    with pytest.raises(LabError, match=complaint):
        set_uptime(tmp_path, Path(), 600)
    assert fake.memory == memory


def test_no_stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unix_socket, "ANSWER_LIMIT", 0.2)
    with pytest.raises(LabError, match="no answer from QEMU: .*gdb.sock"):
        Stub(tmp_path)


def test_symbols_of_something_else() -> None:
    with pytest.raises(LabError, match=f"no symbol {STOP}"):
        xen_uptime.addresses(Path("/proc/self/exe").resolve())


# The TSC of a running guest


class FakeHost:
    """What shift_vtsc() asks of a machine; the offset moves by what it says."""

    def __init__(self, seen: Outside, moves: int) -> None:
        self.seen = seen
        self.moves = moves
        self.orders: list[str] = []

    def must(self, order: str) -> str:
        self.orders.append(order)
        self.seen = replace(self.seen, offset=self.seen.offset + self.moves)
        return ""


@pytest.mark.parametrize(
    ("ns", "moves", "change", "complaint"),
    [
        (300, 350, {}, ""),
        (-300, -250, {}, ""),
        (300, 0, {}, "was to move by 300 ns"),
        (300, 2_000_000_300, {}, "was to move by 300 ns"),
        (-1001, -1001, {}, "can be set forward by"),
        (300, 300, {"mode": 2}, "it is the host's own"),
        (300, 300, {"host_reliable": True}, "it is the host's own"),
        (300, 300, {"hvm": True}, "Xen keeps no offset for it"),
    ],
)
def test_shift(
    monkeypatch: pytest.MonkeyPatch,
    ns: int,
    moves: int,
    change: dict[str, int],
    complaint: str,
) -> None:
    seen = replace(Outside("", 0, 2596127, 1, False, 1000), **change)
    host = FakeHost(seen, moves)
    monkeypatch.setattr(xen_tsc, "read_outside", lambda host, domid: host.seen)
    if not complaint:
        assert shift_vtsc(host, 3, ns) == moves  # type: ignore[arg-type]
        assert host.orders == [f"domctl move 3 {-ns}"]
        return
    with pytest.raises(LabError, match=complaint):
        shift_vtsc(host, 3, ns)  # type: ignore[arg-type]
