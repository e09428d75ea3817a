# SPDX-License-Identifier: GPL-2.0-only
"""Stamps from where clocks cannot be relied on.

Between the suspend hypercall and the resume of its clock the kernel has the time of
another host, or of none.  Its own code prints there, and so do the lab's probes.
"""

from __future__ import annotations

from typing import Callable, Iterator

import pytest

from lab.checks import (
    clocks,
    trace_events,
    demotion,
)
from tests.lives import Lives, fail_if
from lab.config import GuestSpec, HOSTS, ORDER
from lab.guest.scenario import NMIS, Life, Move, Traced, interrupt, save_and_restore
from lab.host.host import YOUNGER, Host
from lab.base.kmsg import Record, Traced as Line
from lab.config import Settings
from tests.tree import repeat_test

ON = "xen_tsc_reliable=on"
TSC = GuestSpec("window-tsc", "", ORDER, probe=True)
NATIVE = GuestSpec("window-native", "native", f"{ORDER} {ON}", probe=True)
PVCLOCK = GuestSpec("window-pvclock", "native", ORDER, probe=True)
PVH = GuestSpec("window-pvh", "", ORDER, probe=True, kind="pvh")
OLD = GuestSpec("old-window-tsc", "", ORDER, probe=True, patched=False)
OLD_PVCLOCK = GuestSpec(
    "old-window-pvclock", "native", ORDER, probe=True, patched=False
)
OURS = (TSC, NATIVE, PVCLOCK, PVH)
# By the raw clock, which the core does not filter, or the kernel's choice
CLOCKS = {PVH: "-"}
ANY_CONTEXT = {
    "tsc": GuestSpec("context-tsc"),
    "pvclock": GuestSpec("context-pvclock", "native"),
}

MOVED_TSC = GuestSpec("moved-window-tsc", "native", ON, probe=True)
MOVED_PVCLOCK = GuestSpec("moved-window-pvclock", "native", probe=True)
MOVED_OLD = GuestSpec("old-moved-window", "native", probe=True, patched=False)

PROBES = ["before the hypercall", "after the hypercall", "vcpu_info mapped"]
# Less than the guest was suspended
JUMP_USEC = 100_000
# A stamp below zero is very large
BELOW_ZERO_USEC = 2**62 // 1000

Tell = Callable[[str], None]


def check(case: GuestSpec, life: Life, problems: list[str]) -> None:
    fail_if(problems, case, life, repeat_test("window", case))


def in_window(life: Life) -> tuple[list[Record], list[Line]]:
    """What the probes had printk say, and what ftrace made of it."""
    records = life.report.grep("^xen probe: ")
    lines = [line for line in life.report.trace if line.text.startswith("xen probe: ")]
    for texts in ([r.text for r in records], [line.text for line in lines]):
        assert [text.removeprefix("xen probe: ") for text in texts] == PROBES
    return records, lines


def lived(session: Lives, case: GuestSpec) -> Life:
    return session.of(case, Traced(CLOCKS.get(case, "local"), save_and_restore))


def check_frozen(life: Life) -> list[str]:
    records, lines = in_window(life)
    problems = clocks.check_printk(life.report)
    for what, stamps in (
        ("printk", [record.usec for record in records]),
        ("ftrace", [line.usec for line in lines]),
    ):
        if len(set(stamps)) != 1:
            problems.append(f"{what} does not stand still in the window: {stamps}")
    return problems


@pytest.mark.parametrize("case", OURS, ids=str)
def test_the_clock_is_frozen(session: Lives, case: GuestSpec) -> None:
    life = lived(session, case)
    check(case, life, [*check_frozen(life), *clocks.check_suspend(life.report)])


@pytest.mark.parametrize("case", OURS, ids=str)
def test_the_trace_never_goes_backwards(session: Lives, case: GuestSpec) -> None:
    life = lived(session, case)
    trace = life.report.trace
    assert trace
    problems = [
        f"on vCPU {one.vcpu} the trace's clock goes backwards: {one} {two}"
        for vcpu in {line.vcpu for line in trace}
        for one, two in zip(
            [line for line in trace if line.vcpu == vcpu],
            [line for line in trace if line.vcpu == vcpu][1:],
        )
        if two.usec < one.usec
    ]
    problems += [str(r) for r in life.report.grep("clock went backwards")]
    check(case, life, problems)


@pytest.mark.parametrize("case", OURS, ids=str)
def test_the_events_tell_the_same(session: Lives, case: GuestSpec) -> None:
    life = lived(session, case)
    problems = [
        *trace_events.check_resumes(life.report),
        *trace_events.check_traced_demotions(life.report, 0, 0),
    ]
    # The trace is stamped by sched_clock itself, printk's lines are not
    if CLOCKS.get(case, "local") == "local":
        _, lines = in_window(life)
        problems += trace_events.check_frozen(life.report, lines[-1].usec)
    check(case, life, problems)


@pytest.mark.parametrize("case", (OLD, OLD_PVCLOCK), ids=str)
def test_without_the_series_there_is_a_window(session: Lives, case: GuestSpec) -> None:
    """If this fails, the tests above show nothing."""
    report = lived(session, case).report
    records = report.grep("^xen probe: ")
    stamps = [record.usec for record in records]
    assert len(stamps) == len(PROBES)
    assert max(stamps) - min(stamps) > JUMP_USEC, stamps
    # And then it is back: nearer to what was before it than to what was in it
    after = [r for r in report.kmsg if r.sequence > records[-1].sequence]
    before, within = (abs(after[0].usec - stamp) for stamp in stamps[:2])
    assert before < within, (stamps, after[0])
    assert report.grep("Ring buffer clock went backwards")


@pytest.mark.parametrize("case", OURS, ids=str)
def test_vcpus_agree(session: Lives, case: GuestSpec) -> None:
    """Within the order of one vCPU's reads, whichever had the value first."""
    report = lived(session, case).report
    assert report.grep("ok 1 xen_probe_order"), "the kernel's log has the reason"


@pytest.mark.parametrize("source", ANY_CONTEXT)
def test_any_context(session: Lives, source: str) -> None:
    """The function tracer reads the clock everywhere, and NMIs come anywhere."""
    case = ANY_CONTEXT[source]
    life = session.of(case, Traced("-", interrupt))
    report = life.report
    problems = [
        *clocks.check_printk(report),
        *clocks.check_clocks(report, suspended=False),
        # Linux 6.1 warns where ftrace records a line from an NMI, here as printk's event
        *[p for p in clocks.check_trouble(report) if "at printk_sprint+" not in p],
    ]
    # printk limits how many it tells of
    nmis = report.grep("NMI received")
    if not 1 <= len(nmis) <= NMIS:
        problems.append(f"{len(nmis)} NMIs were told of, expected up to {NMIS}")
    check(case, life, problems)


@pytest.fixture(scope="module", name="young")
def fixture_young(settings: Settings, tell: Tell, session: Lives) -> Iterator[Host]:
    """A host whose TSC has not counted for as long as the other one's."""
    session.host().wait_age(YOUNGER)
    with Lives("young", settings, tell, HOSTS["untrusted"]) as young:
        yield young.host()


def moved(session: Lives, young: Host, case: GuestSpec) -> Life:
    return session.of(case, Traced("local", Move(young)))


@pytest.mark.parametrize("case", (MOVED_TSC, MOVED_PVCLOCK), ids=str)
def test_the_tsc_goes_backwards_in_a_move(
    session: Lives, young: Host, case: GuestSpec
) -> None:
    life = moved(session, young, case)
    problems = [
        *check_frozen(life),
        *demotion.check_move(life.report),
        *demotion.check_ticks(life),
        *clocks.check_clocks(life.report, suspended=True),
        *clocks.check_trouble(life.report),
    ]
    check(case, life, problems)


def test_without_the_series_a_stamp_is_below_zero(session: Lives, young: Host) -> None:
    """As [18446744035.615695]."""
    records = moved(session, young, MOVED_OLD).report.grep("^xen probe: ")
    assert any(record.usec > BELOW_ZERO_USEC for record in records), records
