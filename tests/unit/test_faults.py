# SPDX-License-Identifier: GPL-2.0-only
"""What is the fault of others, and of nobody else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.guest import session as cases
from lab.config import GuestSpec
from tests.lives import Lives
from lab.commands.debug import ALL, CIRCLE, XENBUS, check_checks
from lab.guest.known_bugs import STALE, TWICE, UNDERFLOW, UNSENT, fault_in
from lab.guest.scenario import Life, RestoreApart, Scenario, save_and_restore
from lab.base.kmsg import Record
from lab.guest.report import Report

XEN_SAYS = """(XEN) d1v0 Triple fault - invoking HVM shutdown action 1
(XEN) RIP:    e008:[<ffff82d0402044a5>]
(XEN) RFLAGS: 0000000000000246   CONTEXT: hvm guest (d1v0)"""


OOPS = """[    8.421113][    C0] Oops: int3: 0000 [#1] SMP
[    8.422254][    C0] RIP: e030:__x64_sys_clock_gettime+0x1/0xa0
[    8.422564][    C0] Code: c8 90 e8 <6b> 22 cf 1e 53 48 83 ec 10 48 8b 47 70 48 8b 5f
[    8.423019][    C0] RIP: 0033:0x445af9
[    8.423019][    C0] Code: 4c 8b 4c 24 08 0f 05 <48> 3d 01 f0 ff ff 73 01 c3 48"""


NETFRONT = (
    "[3.2][T31] WARNING: at xennet_disconnect_backend+0x15f/0x3a0, CPU#1: xenwatch"
)


APART = (
    "[42.1][T19] xen: TSC marked unstable: "
    "the TSCs of vCPUs differ by 2931670780068 ms (was reliable)"
)


def test_what_others_do() -> None:
    assert fault_in(XEN_SAYS) == TWICE
    assert fault_in(OOPS) == STALE
    assert not fault_in(XEN_SAYS.replace("hvm guest", "hypervisor"))
    # It is still there, and nobody knows of it
    assert not fault_in(OOPS.replace("e8 <6b>", "cc <6b>"))
    assert not fault_in(OOPS.replace("int3: 0000", "invalid opcode: 0000"))
    assert fault_in(NETFRONT) == UNSENT
    assert (
        fault_in(NETFRONT.replace("at xen", "CPU: 1 PID: 31 at mm.h:1 xen")) == UNSENT
    )
    assert not fault_in(NETFRONT.replace("xennet_", "blkfront_"))
    assert fault_in(APART) == UNDERFLOW
    assert not fault_in(APART.replace("2931670780068", "600000"))


@pytest.mark.parametrize(
    ("said", "scenario", "lives"),
    [
        (["well"], save_and_restore, 1),
        ([NETFRONT, "well"], save_and_restore, 2),
        ([NETFRONT] * 9, save_and_restore, 5),
        ([APART, "well"], save_and_restore, 2),
        ([APART], RestoreApart(79 * 365 * 24 * 3600), 1),
    ],
)
def test_what_a_guest_survives(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: list[str],
    scenario: Scenario,
    lives: int,
) -> None:
    """It lives once more, but not for ever: then it is checked as it is."""
    words = iter(said)

    def guest(case: GuestSpec) -> Any:
        log = SimpleNamespace(path=tmp_path / "guest.log")
        return SimpleNamespace(said=next(words), log=log)

    nothing: Any = None
    monkeypatch.setattr(
        cases, "live", lambda one, *_, **__: Life(one, nothing, {}, 0.0)
    )
    session: Any = SimpleNamespace(guest=guest, tell=print)
    life = Lives._live(session, GuestSpec("survivor"), scenario, False)
    assert life.lives == lives and life.guest.said == said[lives - 1]


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ([], 0),
        ([f"WARNING: {CIRCLE} detected", f"  {XENBUS}"], 0),
        ([f"WARNING: {CIRCLE} detected", "  xen_clock.lock --> rq.lock"], 1),
        # It comes with another that is not to be missed
        ([f"WARNING: {CIRCLE} detected", XENBUS, "BUG: sleeping function called"], 1),
    ],
)
def test_what_lockdep_says_of_xenbus(said: list[str], wrong: int) -> None:
    checks = ALL[0]
    kmsg = [Record(4, n, n, text) for n, text in enumerate([checks.says, *said])]
    nobody: Any = None
    life = Life(nobody, Report(kmsg=kmsg), {}, 0.0)
    assert (
        len(check_checks(checks, GuestSpec("locks"), life, save_and_restore)) == wrong
    )
