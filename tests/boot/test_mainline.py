# SPDX-License-Identifier: GPL-2.0-only
"""What the series decides, beside what mainline does with the same command line.

No guest loses the TSC that mainline gives it, and "off" is mainline.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import pytest

from lab.config import GuestSpec
from tests.lives import Lives
from tests.tree import KERNEL

SWITCHED = re.compile(r"clocksource: Switched to clocksource (\S+)")
# Linux 7.3 may need more time than the boot to check what the command line names
DEFERRED = re.compile(r"Override clocksource (\S+) is not .* - deferring")
STABLE = re.compile(r"sched_clock: Marking (stable|unstable)")
MARKED = re.compile(r"tsc: Marking TSC unstable due to (.*)")
TSC, XEN = "tsc", "xen"
# Since Linux 6.3 mainline prefers an invariant TSC that is never emulated
SAFE = XEN if KERNEL == "6.1" else TSC
# Linux 6.1 takes the TSCs of two CPUs that are not Intel's for unsynchronized
NAMED = XEN if KERNEL == "6.1" else TSC
NATIVE, INVARIANT = "native", "native-invariant"
OFF, ON = "xen_tsc_reliable=off", "xen_tsc_reliable=on"
# By host, mode and command line: what the series decides, and what mainline does
DECIDED = {
    ("untrusted", "", ""): (TSC, XEN),
    ("untrusted", "", OFF): (XEN, XEN),
    ("untrusted", "", ON): (TSC, XEN),
    ("untrusted", "", "clocksource=tsc"): (TSC, NAMED),
    ("untrusted", "", "clocksource=xen"): (XEN, XEN),
    ("untrusted", "", "tsc=unstable"): (XEN, XEN),
    ("untrusted", "", "notsc"): (XEN, XEN),
    ("untrusted", NATIVE, ""): (XEN, XEN),
    ("untrusted", NATIVE, OFF): (XEN, XEN),
    ("untrusted", NATIVE, ON): (TSC, XEN),
    ("untrusted", NATIVE, "tsc=reliable"): (XEN, XEN),
    ("untrusted", NATIVE, "clocksource=tsc tsc=reliable"): (TSC, TSC),
    ("untrusted", NATIVE, f"{OFF} clocksource=tsc tsc=reliable"): (TSC, TSC),
    ("trusted", "", ""): (TSC, XEN),
    ("trusted", "", OFF): (XEN, XEN),
    ("trusted", INVARIANT, ""): (TSC, SAFE),
    ("trusted", INVARIANT, OFF): (SAFE, SAFE),
    ("trusted", INVARIANT, "tsc=unstable"): (XEN, XEN),
}


@dataclass
class Decision:
    clocksource: str
    # Whether sched_clock was marked stable at the end of the boot
    stable: bool
    # Why the TSC was marked unstable, but for the core's watchdog, which TCG deceives
    reasons: list[str]


def decided(session: Lives, case: GuestSpec) -> Decision:
    """Boot a guest and read from its log which clocks it uses.

    Once more if TCG has deceived the core's watchdog, which takes the TSC away.
    """
    log = "\n".join(session.log_of(case))
    if any("watchdog" in reason for reason in MARKED.findall(log)):
        log = "\n".join(session.log_of(replace(case, name=f"{case}-again")))
    return Decision(
        [*SWITCHED.findall(log), *DEFERRED.findall(log)][-1],
        "stable" in STABLE.findall(log),
        [reason for reason in MARKED.findall(log) if "watchdog" not in reason],
    )


def name_of(key: tuple[str, str, str]) -> str:
    return "-".join(filter(None, key)).replace(" ", "-")


def case_of(key: tuple[str, str, str], *, patched: bool) -> GuestSpec:
    """Mainline has no parameter of ours: with and without, it is one guest."""
    host, mode, cmdline = key
    known = cmdline if patched else re.sub(r"xen_tsc_reliable=\S+ ?", "", cmdline)
    name = f"decide-{list(DECIDED).index((host, mode, known))}"
    return GuestSpec(
        name if patched else f"old-{name}",
        NATIVE if mode == INVARIANT else mode,
        known,
        patched=patched,
        itsc=mode == INVARIANT,
    )


@pytest.mark.parametrize("key", DECIDED, ids=name_of)
def test_decisions(session: Lives, trusted: Lives, key: tuple[str, str, str]) -> None:
    if KERNEL not in ("6.1", "6.12") and INVARIANT in key and "tsc=unstable" not in key:
        pytest.skip(f"mainline {KERNEL} takes that TSC some time after the boot")
    lives = trusted if key[0] == "trusted" else session
    new, old = (decided(lives, case_of(key, patched=p)) for p in (True, False))
    assert (new.clocksource, old.clocksource) == DECIDED[key], (new, old)
    if old.clocksource == TSC:
        assert new.clocksource == TSC, "the series takes the TSC away"
    if OFF in key[2]:
        assert new == old, "this is not what mainline does"
    elif new.clocksource == XEN:
        assert not new.stable, "sched_clock is stable on the xen clocksource"
