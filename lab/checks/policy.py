# SPDX-License-Identifier: GPL-2.0-only
"""What the policy says a guest must do, and the checks that it does.

The expectation comes from how the guest was started and on what host. It is a second
reading of the policy's table, not the kernel's code, and does not look at what the guest
decided. Where the policy leaves it open, the answer is None: no expectation.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from lab.config import TSC_MODES, HostSpec
from lab.guest.report import Report
from lab.host.xen_tsc import Outside

# Xen calibrates the TSC at boot, with a small error
CALIBRATION_KHZ = 10
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
    tsc_mode: str, host: HostSpec, *, same_frequency: bool = True
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
    tsc_mode: str, cmdline: str, host: HostSpec, *, itsc: bool = False
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


def expect_dom0(host: HostSpec) -> Expectation:
    """dom0 runs in the default mode, and does what it does without the series.

    The TSC of a PV dom0 is never emulated.  It prefers the TSC and checks it, which on
    a busy machine may end in any clocksource.
    """
    emulated = host.pvh_dom0 and not host.tsc_reliable
    leaf = LeafExpectation(0, emulated, host.tsc_reliable)
    rule = rule_of(leaf, itsc=False)
    return Expectation(
        verdict=RULES[rule],
        rule=rule,
        tsc_forced=False,
        sched_clock="pvclock",
        stable=True,
    )


def expected_of(
    report: Report, tsc_mode: str, cmdline: str, host: HostSpec
) -> Expectation:
    """What the policy says of the facts that this guest was shown."""
    itsc = report.fact("before.itsc") == "1"
    return expect(tsc_mode, cmdline, host, itsc=itsc)


def check_kind(report: Report, kind: str) -> list[str]:
    seen = report.fact("before.kind").lower()
    kind = "pv" if kind == "pvshim" else kind
    return [] if seen == kind else [f"the guest is a {seen} one, not a {kind} one"]


def check_policy(report: Report, expected: Expectation) -> list[str]:
    """Verdict, clocksource and sched_clock, after boot and after the restore."""
    wrong: list[str] = []

    def compare(what: str, seen: object, wanted: object) -> None:
        if wanted is not None and seen != wanted:
            wrong.append(f"{what} is {seen}, expected {wanted}")

    if not report.verdicts and expected.verdict is not None:
        wrong.append("the kernel printed no verdict (no line 'xen: TSC ...')")
    for verdict in report.verdicts:
        compare("verdict", verdict["verdict"], expected.verdict)
        compare("rule", verdict["rule"], expected.rule)
    compare("sched_clock", report.sched_clock, expected.sched_clock)
    for when in ("before", "after"):
        compare(
            f"clocksource {when} the suspend",
            report.fact(f"{when}.clocksource"),
            expected.clocksource,
        )
        compare(
            f"tsc among the available clocksources {when} the suspend",
            "tsc" in report.fact(f"{when}.available").split(),
            expected.tsc_offered,
        )
        compare(
            f"tsc_reliable in /proc/cpuinfo {when} the suspend",
            report.fact(f"{when}.tsc_reliable") == "1",
            expected.tsc_forced,
        )
        compare(
            f"sched_clock_stable() {when} the suspend",
            report.fact(f"{when}.stable") == "1",
            expected.stable,
        )
    compare(
        "number of warnings about xen_tsc_reliable",
        len(report.parameter_warnings),
        expected.parameter_warnings,
    )
    return wrong


def check_outside(report: Report, outside: dict[str, Outside]) -> list[str]:
    """The guest's time leaf says what Xen itself says."""
    wrong = []
    for when, seen in outside.items():
        leaf = report.time_leaf(when)
        for what, inside, right in (
            ("mode", leaf.mode, seen.mode),
            ("kHz", leaf.khz, seen.khz),
            ("incarnation", leaf.incarnation, seen.incarnation),
            ("host_reliable", leaf.host_reliable, seen.host_reliable),
        ):
            if inside != right:
                wrong.append(
                    f"time leaf {when} the suspend: {what} against Xen's: "
                    f"{inside} is not {right}"
                )
    return wrong


def check_leaf(
    report: Report,
    host: HostSpec,
    tsc_mode: str,
    outside: dict[str, Outside],
    *,
    moved_to: HostSpec | None = None,
    same_frequency: bool = True,
) -> list[str]:
    """The guest's time leaf against what was asked for and Xen's own words.

    After the suspend it may be on another host, of the same frequency to the kHz or not.
    """
    wrong = check_outside(report, outside)
    for when in outside:
        expected = expect_leaf(tsc_mode, host)
        if when == "after" and moved_to:
            expected = expect_leaf(tsc_mode, moved_to, same_frequency=same_frequency)
        leaf = report.time_leaf(when)
        for what, inside, right in (
            ("mode", leaf.mode, expected.mode),
            ("emulated", leaf.emulated, expected.emulated),
            ("host_reliable", leaf.host_reliable, expected.host_reliable),
        ):
            if inside != right:
                wrong.append(
                    f"time leaf {when} the suspend: {what}: {inside} is not {right}"
                )
    # A guest keeps its frequency for life
    khz = report.time_leaf("before").khz
    if host.tsc_khz and abs(khz - host.tsc_khz) > CALIBRATION_KHZ:
        wrong.append(f"the TSC has {khz} kHz, the host {host.tsc_khz}")
    return wrong
