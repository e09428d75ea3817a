# SPDX-License-Identifier: GPL-2.0-only
"""What the policy says a guest must do, from how it was started and on what host.

This is a second reading of the policy's table, not the kernel's code.  Nothing here
looks at what the guest decided.  Where the policy leaves it open, the answer is None:
no expectation.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from lab.config import TSC_MODES, Host

ON = ("on", "1", "y", "yes", "true", "t")
OFF = ("off", "0", "n", "no", "false", "f")
# The rules that a real Xen can meet in the lab, and their verdicts
RULES = {
    "emulated": "reliable",
    "native": "reliable",
    "unreliable-host": "unverified",
    "invariant": "reliable",
    "invariant-unchecked": "unverified",
    "never-emulated": "unstable",
}
# With these the administrator names the TSC, or rules it out
NAMES_TSC = ("clocksource=tsc", "tsc=reliable")
NO_TSC = ("tsc=unstable", "notsc")


@dataclass
class Expectation:
    verdict: str | None = None
    rule: str | None = None
    clocksource: str | None = None
    tsc_offered: bool | None = None
    tsc_forced: bool | None = None
    sched_clock: str | None = None
    stable: bool | None = None
    parameter_warnings: int | None = None

    @property
    def unknown(self) -> list[str]:
        return [name for name, value in vars(self).items() if value is None]

    def forget(self, *names: str) -> None:
        """Expect nothing of these any more."""
        assert set(names) <= {field.name for field in fields(self)}
        vars(self).update(dict.fromkeys(names))


@dataclass(frozen=True)
class LeafExpectation:
    mode: int
    emulated: bool
    host_reliable: bool


def expect_leaf(
    tsc_mode: str, host: Host, *, same_frequency: bool = True
) -> LeafExpectation:
    """What Xen shows a guest while the host's TSC has the guest's first frequency.

    On a host of another frequency a PVH guest could keep a native TSC, scaled by the
    CPU; QEMU's CPU does not scale.
    """
    mode = TSC_MODES[tsc_mode or "default"]
    trusted = host.tsc_reliable and same_frequency
    emulated = mode == 1 or (mode == 0 and not trusted)
    return LeafExpectation(mode, emulated, host.tsc_reliable)


def rule_of(leaf: LeafExpectation, itsc: bool) -> str:
    """The rule that these facts meet."""
    if leaf.mode in (0, 1):
        if leaf.emulated:
            return "emulated"
        return "native" if leaf.mode == 0 and leaf.host_reliable else "unreliable-host"
    if not itsc:
        return "never-emulated"
    return "invariant" if leaf.host_reliable else "invariant-unchecked"


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


def verdict_of(rule: str, request: str, words: list[str]) -> str:
    """The verdict of the rule, unless the administrator overrules it."""
    if request == "off":
        return "unverified"
    if request == "on":
        return "reliable"
    if RULES[rule] == "unstable" and set(words) & set(NAMES_TSC):
        return "unverified"
    return RULES[rule]


def expect_off(rule: str) -> Expectation:
    """What mainline does: it uses the pvclock and calls it stable.

    It prefers a TSC that it takes for invariant, in the mode that is never emulated.
    """
    invariant = rule.startswith("invariant")
    return Expectation(
        clocksource="tsc" if invariant else "xen",
        tsc_forced=False,
        sched_clock="pvclock",
        stable=True,
    )


def expect_verdict(verdict: str) -> Expectation:
    """What follows from a verdict alone.

    A TSC that is unverified is left to the kernel's own checks.
    """
    trusted = verdict == "reliable"
    return Expectation(
        clocksource="tsc" if trusted else "xen",
        tsc_offered={"reliable": True, "unstable": False}.get(verdict),
        tsc_forced=trusted,
        sched_clock="TSC" if trusted else "pvclock",
        stable=trusted,
    )


def heed_word(expected: Expectation, word: str, *, off: bool) -> None:
    """What one word of the command line changes: the administrator wins."""
    name, _, value = word.partition("=")
    trusted = expected.verdict == "reliable"
    if word in NO_TSC:
        expected.tsc_offered, expected.clocksource = False, "xen"
        expected.sched_clock, expected.stable = "pvclock", off
        # Whether a feature is forced that nobody uses does not matter
        expected.forget("tsc_forced")
    elif word == "clocksource=xen":
        expected.clocksource, expected.stable = "xen", off
    elif name == "clocksource" and not (value == "tsc" and trusted):
        expected.forget("clocksource", "stable", "tsc_offered")
    elif name == "tsc" and not (value in ("reliable", "nowatchdog") and trusted):
        expected.forget("clocksource", "stable", "tsc_offered")
        if value == "reliable" and not off:
            expected.sched_clock = "TSC"


def expect(
    tsc_mode: str, cmdline: str, host: Host, *, itsc: bool = False
) -> Expectation:
    """What a domU does in this mode on this host."""
    words = cmdline.split()
    rule = rule_of(expect_leaf(tsc_mode, host), itsc)
    request, warnings = request_of(words)
    if request is None:
        return Expectation(rule=rule)
    verdict = verdict_of(rule, request, words)
    off = request == "off"
    expected = expect_off(rule) if off else expect_verdict(verdict)
    expected.verdict, expected.rule = verdict, rule
    expected.parameter_warnings = warnings
    for word in words:
        heed_word(expected, word, off=off)
    if set(NAMES_TSC) <= set(words) and not set(NO_TSC) & set(words):
        # As vendors advise: the administrator takes the TSC as it is
        expected.clocksource, expected.tsc_offered, expected.stable = "tsc", True, True
    return expected


def expect_dom0(host: Host) -> Expectation:
    """A PV dom0 runs in the default mode, and does what it does without the series.

    Its TSC is never emulated.  It prefers the TSC and checks it, which on a busy
    machine may end in any clocksource.
    """
    leaf = LeafExpectation(mode=0, emulated=False, host_reliable=host.tsc_reliable)
    rule = rule_of(leaf, itsc=False)
    return Expectation(
        verdict=RULES[rule],
        rule=rule,
        tsc_forced=False,
        sched_clock="pvclock",
        stable=True,
    )
