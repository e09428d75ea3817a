# SPDX-License-Identifier: GPL-2.0-only
"""What the policy says a guest must do, from how it was started and on what host.

Nothing here looks at what the guest decided.  Where the policy leaves it open,
the answer is None: no expectation.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.hosts import TSC_MODES, Host

ON = ("on", "1", "y", "yes", "true", "t")
OFF = ("off", "0", "n", "no", "false", "f")


@dataclass
class Expectation:
    verdict: str | None
    row: int | None
    request: str | None
    clocksource: str | None
    tsc_offered: bool | None
    tsc_forced: bool | None
    sched_clock: str | None
    stable: bool | None
    parameter_warnings: int | None

    @property
    def unknown(self) -> list[str]:
        return [name for name, value in vars(self).items() if value is None]


@dataclass(frozen=True)
class LeafExpectation:
    mode: int
    emulated: bool
    host_reliable: bool


def expect_leaf(
    tsc_mode: str, host: Host, *, same_rate: bool = True
) -> LeafExpectation:
    """What Xen tells a guest, as long as the host's TSC has its rate of birth.

    On a host of another rate a PVH guest could keep a native TSC, scaled by the
    CPU; QEMU's cannot.
    """
    mode = TSC_MODES[tsc_mode or "default"]
    trusted = host.tsc_reliable and same_rate
    emulated = mode == 1 or (mode == 0 and not trusted)
    return LeafExpectation(mode, emulated, host.tsc_reliable)


def row_of(leaf: LeafExpectation, itsc: bool, rates_agree: bool) -> tuple[int, str]:
    """The rows of the policy that a well-behaved Xen can reach."""
    if not rates_agree:
        return 3, "unverified"
    if leaf.mode in (0, 1):
        if leaf.emulated:
            return 4, "reliable"
        return (5, "reliable") if leaf.host_reliable else (6, "unverified")
    if itsc and leaf.host_reliable:
        return 7, "reliable"
    return 8, "unstable"


def request_of(words: list[str]) -> tuple[str | None, int | None]:
    """What xen_tsc_reliable= asks for, and how many warnings that deserves."""
    values = [word for word in words if word.startswith("xen_tsc_reliable")]
    if not values:
        return "auto", 0
    name, _, value = values[0].partition("=")
    if len(values) > 1 or name != "xen_tsc_reliable":
        return None, None
    if value.lower() == "auto":
        return "auto", 0
    if value.lower() in ON:
        return "on", 0
    if value.lower() in OFF:
        return "off", 0
    return "auto", 1


def expect(
    tsc_mode: str,
    cmdline: str,
    host: Host,
    *,
    itsc: bool = False,
    rates_agree: bool = True,
) -> Expectation:
    words = cmdline.split()
    row, verdict = row_of(expect_leaf(tsc_mode, host), itsc, rates_agree)
    request, warnings = request_of(words)
    if request is None:
        return Expectation(None, row, *[None] * 7)
    if request == "on":
        # One warning names the row that it overrules
        warnings = 0 if verdict == "reliable" else 1
        verdict = "reliable"
    elif request == "off" and verdict == "reliable":
        verdict = "unverified"

    trusted = verdict == "reliable"
    expectation = Expectation(
        verdict=verdict,
        row=row,
        request=request,
        clocksource="tsc" if trusted else "xen",
        # The kernel's own checks decide on one that is unverified
        tsc_offered={"reliable": True, "unstable": False}.get(verdict),
        tsc_forced=trusted,
        sched_clock="TSC" if trusted else "pvclock",
        stable=trusted,
        parameter_warnings=warnings,
    )
    for word in words:
        name, _, value = word.partition("=")
        if word in ("tsc=unstable", "notsc"):
            # The user's word wins over the verdict, which may be put otherwise
            expectation.verdict = expectation.row = None
            expectation.parameter_warnings = expectation.tsc_forced = None
            expectation.tsc_offered = False
            expectation.clocksource, expectation.sched_clock = "xen", "pvclock"
            expectation.stable = False
        elif word == "clocksource=xen":
            # The xen clocksource, once in use, makes the scheduler clock unstable
            expectation.clocksource, expectation.stable = "xen", False
            expectation.sched_clock = None
        elif name == "clocksource" and not (word == "clocksource=tsc" and trusted):
            expectation.clocksource = expectation.stable = None
            expectation.sched_clock = expectation.tsc_offered = None
        elif name == "tsc" and not (value in ("reliable", "nowatchdog") and trusted):
            expectation.clocksource = expectation.stable = None
            expectation.sched_clock = None
    return expectation
