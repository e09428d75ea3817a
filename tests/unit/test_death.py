# SPDX-License-Identifier: GPL-2.0-only
"""What dies in the lab is named, and takes nothing else with it."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Iterator

import pytest

from lab.guest import session as cases, guest as xen
from lab.host import host as qemu, rundir as runs
from tests.lives import Lives
from lab.base.common import LabError
from lab.host.errors import Dom0Died, GuestDied, Hung, HostDied, QemuDied, XenDied
from lab.guest.known_bugs import TWICE, fault_in
from lab.guest.diagnose import LOST_WAKEUP, XEN_ANSWERS, parse_vcpus
from lab.config import GuestSpec, HOSTS
from lab.images.initramfs import Images
from lab.host.network import Cable
from lab.host.host import Host
from lab.host.rundir import Run
from lab.config import Settings
from tests.unit.test_faults import XEN_SAYS
from lab.guest.guest import Guest

HOST = HOSTS["untrusted"]

# A stand-in for QEMU: says something on its console, and stays or ends


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Images:
    fake = tmp_path / "bin" / "qemu-system-x86_64"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/bash\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=":")
    monkeypatch.setattr(runs, "LAB", tmp_path / "lab")
    monkeypatch.setattr(qemu, "SETTLE", 0.3)
    nothing = tmp_path / "nothing"
    return Images(nothing, nothing, nothing)


def empty_kernel(tmp_path: Path) -> Path:
    kernel = tmp_path / "6.12" / "bzImage"
    kernel.parent.mkdir()
    kernel.touch()
    return kernel


def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Host:
    images = stand_in(tmp_path, monkeypatch, script)
    return Host(Run("fake"), images, images.dom0)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("echo '(XEN) Panic on CPU 0:' > console.log; sleep 60", XenDied),
        ("echo '(XEN) Panic on CPU 0:' > console.log", XenDied),
        ("echo 'Kernel panic - not syncing: x' > console.log; sleep 60", Dom0Died),
        ("echo 'BUG: unable to handle page fault' > console.log; sleep 60", Dom0Died),
        ("echo 'lab dom0: no 9p share' > console.log; sleep 60", Dom0Died),
        ("echo 'qemu: cannot do that' >&2; exit 1", QemuDied),
        ("echo ready; exit 0", QemuDied),
        ("sleep 60", Hung),
    ],
)
def test_death_is_an_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    error: type[HostDied],
) -> None:
    monkeypatch.setattr(qemu, "QUIET_LIMIT", 2.0)
    with host(tmp_path, monkeypatch, script) as dying:
        with pytest.raises(error) as raised:
            dying.wait_boot()
            dying.must("true")
        # It keeps no CPU busy that others need
        assert dying.dead and not dying.runs
    assert "console.log" in str(raised.value)


def test_a_machine_that_idled_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of the PVH guests does, while PV guests have theirs."""
    monkeypatch.setattr(qemu, "QUIET_LIMIT", 2.0)
    script = "echo ready; while read -r id rest; do sleep 1; "
    script += "echo there > commands/$id.out; echo done $id 0; done"
    with host(tmp_path, monkeypatch, script) as working:
        working.wait_boot()
        time.sleep(2.5)
        assert working.must("true") == "there\n"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("Kernel panic - not syncing: Fatal exception", "Kernel panic"),
        ("BUG: kernel NULL pointer dereference", "BUG: kernel NULL"),
        ("agent: FAILED: cannot mount proc", "cannot mount proc"),
    ],
)
def test_dead_guest_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, complaint: str
) -> None:
    kernel = empty_kernel(tmp_path)
    script = "echo ready; while read -r id rest; do echo 5 > commands/$id.out; "
    script += f"echo '{line}' > guest-g.log; echo done $id 0; done; sleep 60"
    with host(tmp_path, monkeypatch, script) as working:
        guest = Guest(working, GuestSpec("g"), kernel, kernel)
        guest.create()
        with pytest.raises(GuestDied, match=complaint):
            guest.wait_state("up")


def test_what_was_said_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Xen, before, or when it is asked about a guest that hangs."""
    kernel = empty_kernel(tmp_path)
    with host(tmp_path, monkeypatch, "sleep 60") as one:
        one.console.lines = [XEN_SAYS]
        guest = Guest(one, GuestSpec("g"), kernel, kernel)
        guest.log.lines = ["stands still", XEN_ANSWERS, XEN_SAYS]
        assert not fault_in(guest.said)
        one.console.lines.append(XEN_SAYS)
        assert fault_in(guest.said) == TWICE


@pytest.fixture
def created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guest]:
    """A guest on a host that does all that it is told."""
    kernel = empty_kernel(tmp_path)
    script = """echo ready; while read -r id rest; do
        echo 5 > commands/$id.out; echo done $id 0; done"""
    with host(tmp_path, monkeypatch, script) as working:
        guest = Guest(working, GuestSpec("g"), kernel, kernel)
        guest.create()
        yield guest


def test_an_answer_comes_after_the_order(created: Guest) -> None:
    created.host.states[created.domid] = "pausing"
    created.phase("pause 0")
    assert created.domid not in created.host.states


def test_an_order_that_the_guest_would_not_see(created: Guest) -> None:
    """Before it is given, and not once the guest has booted anew."""
    created.phase("tick 3")
    with pytest.raises(LabError, match="'tick 3' twice in a row"):
        created.phase("tick 3")
    created.phase("tick 4")
    created.phase("tick 3")
    created.create()
    created.phase("tick 3")


def test_a_guest_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last words are told, and where it is; what Xen says is in its log."""
    kernel = empty_kernel(tmp_path)
    script = """echo ready; echo 'time stands still' > guest-g.log
    while read -r id command; do
        case $command in
        *xenctx*) echo 'rip: ffffffff810013aa' > commands/$id.out ;;
        *) echo 5 > commands/$id.out ;;
        esac
        echo done $id 0
    done"""
    monkeypatch.setattr(xen, "GUEST_QUIET_LIMIT", 0.5)
    with host(tmp_path, monkeypatch, script) as working:
        guest = Guest(working, GuestSpec("g"), kernel, kernel)
        guest.create()
        with pytest.raises(GuestDied) as death:
            guest.wait_state("up")
    first, *last = str(death.value).splitlines()
    assert first.endswith("at ffffffff810013aa")
    assert last[0].endswith("time stands still") and XEN_ANSWERS not in "".join(last)
    assert XEN_ANSWERS in guest.log.path.read_text()


def test_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a machine that died with one guest, and after guests that QEMU killed."""
    died = tmp_path / "died"
    kernel = empty_kernel(tmp_path)
    (tmp_path / "nothing").touch()
    script = f"""echo ready
    if [ ! -e {died} ]; then touch {died}; echo '(XEN) Panic on CPU 0:' > console.log
    else echo '{XEN_SAYS}' >> console.log; fi
    while read -r id rest; do
        echo 'Kernel panic' >> guest-second.log; echo '{XEN_SAYS}' >> console.log
        echo 5 > commands/$id.out; echo done $id 0
    done"""
    images = stand_in(tmp_path, monkeypatch, script)
    monkeypatch.setattr(cases, "make_images", lambda *_: images)
    monkeypatch.setattr(Settings, "image", lambda self, **_: kernel)
    told: list[str] = []
    settings = Settings()
    with Lives("fake", settings, told.append, HOST) as session:
        with pytest.raises(XenDied):
            session.of(GuestSpec("first"))
        with pytest.raises(GuestDied):
            session.of(GuestSpec("second"))
    assert sum("booting Xen" in text for text in told) == 2
    assert sum("once more" in text for text in told) == cases.LIVES - 1
    assert told[-1].startswith("second: lost: guest second died")


ASLEEP = """(XEN) General information for domain 5:
(XEN)     refcnt=3 dying=0 pause_count=0
(XEN) VCPU information and callbacks for domain 5:
(XEN)   UNIT0 affinities: hard={0} soft={0}
(XEN)     VCPU0: CPU0 [has=F] poll=0 upcall_pend=00 upcall_mask=00
(XEN)     pause_count=0 pause_flags=1
(XEN)     paging assistance: hap, 4 levels
(XEN)   UNIT1 affinities: hard={0} soft={0}
(XEN)     VCPU1: CPU0 [has=F] poll=0 upcall_pend=00 upcall_mask=00
(XEN)     pause_count=0 pause_flags=1
"""
DEAF = "VCPU0: CPU0 [has=F] poll=0 upcall_pend=01 upcall_mask=01"


def test_where_the_vcpus_are() -> None:
    assert parse_vcpus(ASLEEP, 5) == LOST_WAKEUP
    other = ASLEEP.replace("domain 5", "domain 6")
    assert parse_vcpus(ASLEEP + other, 5) == LOST_WAKEUP
    deaf = re.sub("VCPU0: .*", DEAF, ASLEEP)
    # What was said before does not count
    assert parse_vcpus(ASLEEP + deaf, 5) == (
        "VCPU0 has an event pending, which it masks, and is not running; "
        "VCPU1 has no event pending, and is not running"
    )
    assert parse_vcpus(other, 5) == "Xen says nothing of its vCPUs"
    # One that is paused cannot wake up
    paused = ASLEEP.replace("pause_count=0 pause_flags", "pause_count=1 pause_flags")
    assert "not running" in parse_vcpus(paused, 5)
    # One that is unplugged may have an event, but nothing else may be down
    unplugged = deaf.replace("flags=1\n(XEN)     paging", "flags=2\n(XEN)     paging")
    assert parse_vcpus(unplugged, 5) == LOST_WAKEUP
    assert "not running" in parse_vcpus(ASLEEP.replace("flags=1", "flags=2"), 5)
    # Flags are a hexadecimal number; those of a vCPU that is down, and waits for Xen
    assert "not running" in parse_vcpus(ASLEEP.replace("flags=1", "flags=a"), 5)


@pytest.mark.parametrize(("kind", "lives"), [("pv", 1), ("pvh", cases.LIVES)])
def test_only_qemu_lets_guests_sleep_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, lives: int
) -> None:
    kernel = empty_kernel(tmp_path)
    (tmp_path / "nothing").touch()
    (tmp_path / "asleep").write_text(f"{ASLEEP}\n5\n")
    script = f"""echo ready; while read -r id rest; do
        cat {tmp_path}/asleep > commands/$id.out; echo done $id 0
    done"""
    images = stand_in(tmp_path, monkeypatch, script)
    monkeypatch.setattr(cases, "make_images", lambda *_: images)
    monkeypatch.setattr(Settings, "image", lambda self, **_: kernel)
    monkeypatch.setattr(xen, "GUEST_QUIET_LIMIT", 0.5)
    told: list[str] = []
    with Lives("fake", Settings(), told.append, HOST) as session:
        with pytest.raises(GuestDied, match=LOST_WAKEUP):
            session.of(GuestSpec("sleeper", kind=kind))
        log = session.host(kind).run.path("guest-sleeper.log").read_text()
    # Order by order, the last of which says where the vCPUs are
    _, _, said = log.partition(XEN_ANSWERS)
    assert ASLEEP in said
    assert sum("once more" in text for text in told) == lives - 1


@pytest.mark.parametrize(("times", "booted"), [(1, True), (3, False)])
def test_xen_that_ticks_too_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int, booted: bool
) -> None:
    """Xen is booted once more, but not for ever."""
    script = f"""echo >> {tmp_path}/boots
    if [ $(wc -l < {tmp_path}/boots) -le {times} ]; then
        echo '(XEN)    [<ffff82d040246374>] R common/sched/credit.c#csched_tick+0x44/0x440' \\
            > console.log
        for line in $(seq 30); do echo "(XEN) $line" >> console.log; done
        echo '(XEN) Panic on CPU 1:' >> console.log
    else
        echo ready
    fi; sleep 60"""
    images = stand_in(tmp_path, monkeypatch, script)
    monkeypatch.setattr(cases, "make_images", lambda *_: images)
    monkeypatch.setattr(Settings, "image", lambda self, **_: images.dom0)
    with Lives("fake", Settings(), lambda _: None, HOST) as session:
        if booted:
            assert session.host().booted
        else:
            with pytest.raises(XenDied, match="Panic on CPU 1"):
                session.host()


def test_nothing_is_left_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        with host(tmp_path, monkeypatch, "echo $$ > pid; echo ready; sleep 60") as m:
            m.wait_boot()
            pid = int(m.run.path("pid").read_text())
            raise KeyboardInterrupt
    for _ in range(50):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.1)
    pytest.fail(f"process {pid} outlived the machine")


def test_the_receiver_of_a_guest_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender would wait for it for long: nobody waits for the sender."""
    kernel, sent = empty_kernel(tmp_path), tmp_path / "sent"
    script = f"""echo ready
    case $PWD in */receiver-*) until [ -e {sent} ]; do sleep 0.1; done; kill -9 $$ ;; esac &
    while read -r id rest; do
        case $rest in *'xl migrate '*) touch {sent}; sleep 60 ;; esac
        echo 5 > commands/$id.out; echo done $id 0
    done"""
    images = stand_in(tmp_path, monkeypatch, script)
    one, two = (Host(Run(name), images, kernel) for name in ("sender", "receiver"))
    with one, two:
        guest = Guest(one, GuestSpec("g"), kernel, kernel)
        with pytest.raises(QemuDied, match="status -9"):
            guest.migrate_over(Cable(one, two))
        assert one.dead and two.dead
