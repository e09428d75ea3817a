# SPDX-License-Identifier: GPL-2.0-only
"""A TSC that the core may still take: sched_clock is not marked unstable before.

On a host whose TSC is good, so that the core's watchdog has nothing to say of it.
"""

from __future__ import annotations

from typing import Callable, Iterator

import pytest

from lab.checks import clocks, demotion
from lab.config import GuestSpec, HOSTS, Settings
from lab.guest.report import Report
from lab.guest.scenario import Life, settle
from tests.boot.test_jump import MARKING
from tests.lives import Lives, fail_if
from tests.tree import KERNEL, repeat_test

# Linux 6.1 takes the TSCs of two CPUs that are not Intel's for unsynchronized
VCPUS = 1 if KERNEL == "6.1" else 2
# The core takes it when it is registered, or from Linux 7.3 on when its watchdog has
# seen it
NAMED = GuestSpec("settled-named", "native", "clocksource=tsc", vcpus=VCPUS)
# Of two names the core takes the last, but there is the first: it may be taken yet
BOTH = "clocksource=tsc clocksource=xen"
LATE = GuestSpec("settled-late", "native", f"{BOTH} choose=tsc", vcpus=VCPUS)
NEVER = GuestSpec("settled-never", "native", BOTH, vcpus=VCPUS)
STABLE = "^sched_clock: Marking stable"
INIT = "^Run /init as init process"
TO_XEN, TO_TSC = (f"clocksource: Switched to clocksource {x}$" for x in ("xen", "tsc"))


@pytest.fixture(scope="module", name="trusted")
def fixture_trusted(settings: Settings, tell: Callable[[str], None]) -> Iterator[Lives]:
    """With two CPUs: where the vCPUs have one, the core takes their TSCs for apart."""
    with Lives("settle", settings, tell, HOSTS["trusted"]) as session:
        yield session


def check_order(report: Report, *patterns: str) -> list[str]:
    """Each is said in the log, and the first time after the one before it."""
    records = [record for each in patterns for record in report.grep(each)[:1]]
    wrong = [f"'{each}' is not said" for each in patterns if not report.grep(each)]
    wrong += [
        f"this is said too early: {two}"
        for one, two in zip(records, records[1:])
        if two.sequence < one.sequence
    ]
    return wrong


def check(case: GuestSpec, life: Life, clocksource: str, problems: list[str]) -> None:
    report = life.report
    stable = "1" if clocksource == "tsc" else "0"
    problems += [
        f"{key} is {report.fact(f'after.{key}')}, expected {value}"
        for key, value in (("clocksource", clocksource), ("stable", stable))
        if report.fact(f"after.{key}") != value
    ]
    if report.verdicts[0]["verdict"] != "unverified":
        problems.append("the verdict is not that the TSC is unverified")
    problems += [
        *clocks.check_printk(report),
        *clocks.check_clocks(report, suspended=False),
        *clocks.check_trouble(report),
    ]
    fail_if(problems, case, life, repeat_test("settle", case))


@pytest.mark.parametrize("case", (NAMED, LATE), ids=str)
def test_a_tsc_that_is_taken(trusted: Lives, case: GuestSpec) -> None:
    """In the end nothing is marked, though the xen clocksource was used first."""
    life = trusted.of(case, settle)
    steps = (TO_XEN, STABLE, INIT, TO_TSC) if case is LATE else (TO_XEN, TO_TSC)
    problems = check_order(life.report, *steps)
    for record in life.report.grep(f"{MARKING}|{demotion.CORE_BLAMES}"):
        problems.append(f"sched_clock is marked unstable: {record}")
    check(case, life, "tsc", problems)


def test_a_tsc_that_is_not_taken(trusted: Lives) -> None:
    """It is marked after all, and long after the boot."""
    life = trusted.of(NEVER, settle)
    steps = (TO_XEN, STABLE, INIT, MARKING, demotion.CORE_BLAMES)
    check(NEVER, life, "xen", check_order(life.report, *steps))
