# SPDX-License-Identifier: GPL-2.0-only
"""What clocks cost, in instructions, and that sched_clock writes to nothing.

On the counted host an instruction takes a nanosecond, Xen's and dom0's included,
and nothing else takes any time: what a read takes is exact there, unless dom0 comes
between. What a tick takes depends on what it finds to do.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Callable, Iterator

import pytest

from lab.commands.bench.guests import (
    CASES,
    COLUMNS,
    EMULATED,
    OLD,
    OLD_EMULATED,
    PVCLOCK,
    READS,
    TSC,
    Measured,
)
from tests.lives import Lives
from lab.base.common import BUILD
from lab.config import COUNTED, GuestSpec
from lab.config import Settings
from tests.tree import KERNEL, run
from lab.guest.report import USING_TSC, Report

AGAIN = {case: replace(case, name=f"{case}-again") for case in (TSC, EMULATED)}
CONTINUOUS_USEC = 1000
# Instructions of sched_clock(): how many fewer it takes on the TSC than without the
# series, 19 instead of 44 in Linux 6.12 with its call, and 22 instead of 47 in 7.3; and
# those of the look whether the pvclock is frozen
SAVED = 25
FROZEN = 4
PVCLOCK_READ = "pvclock_clocksource_read_nowd"
if KERNEL == "6.1":
    # That cannot be called in noinstr code.  The lab's configuration has objtool look at
    # such code (NOINSTR_VALIDATION), for which there are two NOPs, around which the
    # offset is loaded and then subtracted.
    FROZEN += 3
    PVCLOCK_READ = "pvclock_clocksource_read"


@pytest.fixture(scope="module", name="measured")
def fixture_measured(
    settings: Settings, tell: Callable[[str], None]
) -> Iterator[dict[GuestSpec, Measured]]:
    measured = {}
    with Lives("cost", settings, tell, COUNTED) as session:
        for case in (*CASES, *AGAIN.values()):
            measured[case] = Measured(session, case)
            costs = measured[case].cycles.items()
            texts = [f"{what} {cost:.1f}" for what, cost in costs]
            tell(f"{case}: instructions of {', '.join(texts)}")
    yield measured


def test_it_is_exact(measured: dict[GuestSpec, Measured]) -> None:
    one, two = (measured[case].cycles for case in (TSC, AGAIN[TSC]))
    assert [one[clock] for clock in READS] == [two[clock] for clock in READS]
    assert one.keys() == set(COLUMNS)


def test_half_the_instructions(measured: dict[GuestSpec, Measured]) -> None:
    """What local_clock() adds to sched_clock() is the core's, and stays."""
    new, old = measured[TSC].cycles, measured[OLD].cycles
    assert new["sched_clock"] + SAVED <= old["sched_clock"]
    assert new["sched_clock"] * 2 <= old["sched_clock"]
    added = old["local_clock"] - old["sched_clock"]
    assert new["local_clock"] <= new["sched_clock"] + added


def test_the_pvclock_costs_no_more(measured: dict[GuestSpec, Measured]) -> None:
    """But for the question whether the clock is frozen."""
    new, old = measured[PVCLOCK].cycles, measured[OLD].cycles
    assert new["sched_clock"] <= old["sched_clock"] + FROZEN


def test_an_emulated_tsc_costs_no_more(measured: dict[GuestSpec, Measured]) -> None:
    """Most of that is Xen's: the instruction traps, whoever reads which clock."""
    new, old = measured[EMULATED].cycles, measured[OLD_EMULATED].cycles
    for clock in (*READS, "clock_gettime"):
        assert new[clock] <= old[clock]


def test_a_timer_interrupt_reads_no_clock_more(
    measured: dict[GuestSpec, Measured]
) -> None:
    """Each read of an emulated TSC traps, and so would show."""
    new, old = measured[EMULATED].cycles, measured[OLD_EMULATED].cycles
    assert new["tick"] < old["tick"] + old["sched_clock"] / 2


@pytest.mark.parametrize("case", AGAIN, ids=str)
def test_the_change_of_source_is_continuous(
    measured: dict[GuestSpec, Measured], case: GuestSpec
) -> None:
    """The first is stamped by the pvclock.  What dom0 takes in between, which is some
    ms once in a while, it does not take in two boots; a step would be in both.
    """
    steps = []
    for records in (measured[case].records, measured[AGAIN[case]].records):
        at = [n for n, r in enumerate(records) if USING_TSC in r.text][0]
        steps.append(records[at + 1].usec - records[at].usec)
        assert Report(kmsg=records).printk_back_of_caller[0] == 0
    assert 0 <= min(steps) <= CONTINUOUS_USEC, steps


def instructions(function: str) -> list[str]:
    """By the disassembler: what it is and what it works on."""
    vmlinux = BUILD / KERNEL / "vmlinux"
    done = run(
        *("objdump", "-d", "--no-show-raw-insn", "--no-addresses"),
        *(f"--disassemble={function}", vmlinux),
    )
    text = done.stdout.partition(f"<{function}>:\n")[2].partition("\n\n")[0]
    found = [line.strip() for line in text.splitlines() if line.strip()]
    assert found, f"{vmlinux} has no {function}(): {done.stdout}"
    return found


def path_of_tsc() -> list[str]:
    """sched_clock() down to the TSC, without where it goes for the pvclock.

    And without how sched_clock() keeps itself from being preempted, where it can be.
    """
    names = ["sched_clock", "xen_sched_clock"]
    # Since Linux 6.5
    if " sched_clock_noinstr\n" in (BUILD / KERNEL / "System.map").read_text():
        names.append("sched_clock_noinstr")
    left_out = ("xen_sched_clock_slow", "preempt_count", "preempt_schedule")
    return [
        line
        for name in names
        for line in instructions(name)
        if not any(word in line for word in left_out)
    ]


def writes(line: str) -> bool:
    """In AT&T's order what is written to comes last; compares write nothing."""
    name, _, operands = line.partition(" ")
    if re.match(r"(cmp|test|call|jmp|j\w+|i?mul|nop)", name):
        return False
    return bool(re.search(r"\)$", operands.partition("#")[0].strip()))


def test_the_tsc_is_read_without_a_write() -> None:
    code = path_of_tsc()
    assert any(line.startswith("rdtsc") for line in code)
    # What it calls is on the list: nothing else can do what this one does not
    called = {m[1] for line in code for m in re.finditer(r"<(\w+)(?:\+\w+)?>", line)}
    assert called <= {
        *("sched_clock", "sched_clock_noinstr", "xen_sched_clock"),
        *("__SCT__pv_sched_clock", "xen_sched_clock_latch"),
    }, called
    for line in code:
        assert not re.match(r"(lock|xchg|cmpxchg|xadd|mfence)", line), line
        assert not writes(line), line


def test_the_disassembly_shows_locks_and_writes() -> None:
    """Where there are some.  If this fails, the test above shows nothing."""
    code = instructions(PVCLOCK_READ)
    assert any(line.startswith("lock cmpxchg") for line in code)
    assert any(writes(line) for line in code)
