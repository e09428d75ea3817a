# SPDX-License-Identifier: GPL-2.0-only
"""What the series decides, beside what mainline does with the same command line.

No guest loses the TSC that mainline gives it, and "off" is mainline.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from lab.config import GuestSpec
from tests.lives import Lives

SWITCHED = re.compile(r"clocksource: Switched to clocksource (\S+)")
STABLE = re.compile(r"sched_clock: Marking (stable|unstable)")
MARKED = re.compile(r"tsc: Marking TSC unstable due to (.*)")
TSC, XEN = "tsc", "xen"
# Of the series, by mode and command line; of mainline where it differs
DECIDED = {
    ("", ""): (TSC, XEN),
    ("", "xen_tsc_reliable=off"): (XEN, XEN),
    ("", "clocksource=tsc"): (TSC, TSC),
    ("", "clocksource=xen"): (XEN, XEN),
    ("", "tsc=unstable"): (XEN, XEN),
    ("native", ""): (XEN, XEN),
    ("native", "xen_tsc_reliable=off"): (XEN, XEN),
    ("native", "xen_tsc_reliable=on"): (TSC, XEN),
    ("native", "clocksource=tsc tsc=reliable"): (TSC, TSC),
    ("native", "xen_tsc_reliable=off clocksource=tsc tsc=reliable"): (TSC, TSC),
}


@dataclass
class Decision:
    clocksource: str
    # Whether sched_clock was marked stable at the end of the boot
    stable: bool
    # Why the TSC was marked unstable, but for the core's watchdog, which TCG deceives
    reasons: list[str]


def decided(session: Lives, case: GuestSpec) -> Decision:
    """Boot a guest and read from its log which clocks it uses."""
    log = "\n".join(session.log_of(case))
    return Decision(
        SWITCHED.findall(log)[-1],
        "stable" in STABLE.findall(log),
        [reason for reason in MARKED.findall(log) if "watchdog" not in reason],
    )


@pytest.mark.parametrize(("mode", "cmdline"), DECIDED, ids=lambda word: word or "-")
def test_decisions(session: Lives, mode: str, cmdline: str) -> None:
    number = list(DECIDED).index((mode, cmdline))
    new = decided(session, GuestSpec(f"decide-{number}", mode, cmdline))
    # Mainline has no such parameter: with and without, it is one guest
    known = re.sub(r"xen_tsc_reliable=\S+ ?", "", cmdline)
    name = f"old-decide-{list(DECIDED).index((mode, known))}"
    old = decided(session, GuestSpec(name, mode, known, patched=False))
    assert (new.clocksource, old.clocksource) == DECIDED[mode, cmdline], (new, old)
    if old.clocksource == TSC:
        assert new.clocksource == TSC, "the series takes the TSC away"
    if "=off" in cmdline:
        assert new == old, "this is not what mainline does"
    elif new.clocksource == XEN:
        assert not new.stable, "sched_clock is stable on the xen clocksource"
