# SPDX-License-Identifier: GPL-2.0-only
"""Each part of the series without the later ones: it boots, and does what it promises."""

from __future__ import annotations

import pytest

from lab.checks import clocks, demotion
from lab.config import ORDER, GuestSpec
from tests.lives import Lives, fail_if
from lab.guest.scenario import Jump, Life, Skew, Traced, save_and_restore
from tests.boot.test_window import check_frozen
from tests.tree import KERNEL, repeat_test

SECOND = 1_000_000_000
VENDORS = "clocksource=tsc tsc=reliable"
FIXES = GuestSpec("fixes", "", ORDER, probe=True, linux=f"{KERNEL}-fixes")
JUMPED = GuestSpec("watchdog-jump", "", VENDORS, linux=f"{KERNEL}-watchdog")
SKEWED = GuestSpec("watchdog-skew", "", VENDORS, kind="pvh", linux=f"{KERNEL}-watchdog")
# More than what is tolerated of a TSC that only the administrator calls reliable
SKEW_USEC = 800_000
MARKED = r"^xen: TSC marked unstable: TSC and pvclock moved apart by (-?\d+) ms$"


def check(case: GuestSpec, life: Life, problems: list[str]) -> None:
    problems += [*clocks.check_printk(life.report), *clocks.check_trouble(life.report)]
    fail_if(problems, case, life, repeat_test("parts", case))


def check_state(life: Life, clocksource: str, stable: str) -> list[str]:
    """The clocksource at the end, and whether sched_clock counts as stable."""
    expected = {"after.clocksource": clocksource, "after.stable": stable}
    return [
        f"{key} is {life.report.fact(key)}, expected {value}"
        for key, value in expected.items()
        if life.report.fact(key) != value
    ]


def test_fixes(one_cpu: Lives) -> None:
    """No stamp of the suspend is wrong, and nothing else differs from mainline."""
    life = one_cpu.of(FIXES, Traced("local", save_and_restore))
    problems = [
        *check_frozen(life),
        *clocks.check_suspend(life.report),
        *clocks.check_clocks(life.report, suspended=True),
        *check_state(life, "xen", "1"),
    ]
    if life.report.grep("^xen: TSC|xen: sched_clock"):
        problems.append("the kernel speaks of the TSC, which is of a later part")
    check(FIXES, life, problems)


def check_marked(life: Life, milliseconds: int) -> list[str]:
    """The watchdog has spoken once, of about so much in either direction."""
    found = life.report.grep(MARKED)
    if len(found) != 1:
        return [f"the TSC was marked unstable {len(found)} times, expected once"]
    seen = abs(int(found[0].text.split()[-2]))
    if not milliseconds * 0.9 <= seen <= milliseconds * 1.1:
        return [f"this is not about {milliseconds} ms: {found[0]}"]
    return []


@pytest.mark.parametrize("case", (JUMPED, SKEWED), ids=str)
def test_watchdog(one_cpu: Lives, older: Lives, case: GuestSpec) -> None:
    """A guest as vendors advise survives a jump, and notices a skew."""
    if case is JUMPED:
        life, milliseconds = older.of(case, Jump(-15 * SECOND)), 15_000
    else:
        life, milliseconds = one_cpu.of(case, Skew(-SKEW_USEC)), SKEW_USEC // 1000
    problems = [
        *check_marked(life, milliseconds),
        *demotion.check_ticks(life),
        *clocks.check_clocks(life.report, suspended=False),
        # As in mainline sched_clock counts as stable on the xen clocksource
        *check_state(life, "xen", "1"),
    ]
    check(case, life, problems)
