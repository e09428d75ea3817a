# SPDX-License-Identifier: GPL-2.0-only
"""The checks, without QEMU: what is wrong must be called wrong.

recorded.report is a shortened real one, of a patched guest in the default mode.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from lab.checks import clocks, policy

from tests.tree import KERNEL, XEN, repeat_test
from lab.base.common import TOP, LabError
from lab.checks.policy import OFF, ON, expect, expect_dom0
from lab.config import GuestSpec, HOSTS, Settings, XENS
from lab.host.xen_tsc import Outside, parse_outside
from lab.base.kmsg import Record
from lab.guest.report import BOOT, MARKED, PARAMETER, STILL, USING_TSC, Report, parse

RECORDED = (Path(__file__).parents[1] / "recorded.report").read_text()
HOST = HOSTS["untrusted"]
NEVER = "never-emulated"
OUTSIDE = {
    "before": Outside("", 0, 2596127, 1, False),
    "after": Outside("", 0, 2596127, 2, False),
}


def problems(report: Report, tsc_mode: str = "", cmdline: str = "") -> list[str]:
    return [
        *policy.check_policy(report, expect(tsc_mode, cmdline, HOST)),
        *clocks.check_printk(report),
        *clocks.check_clocks(report, suspended=True),
        *clocks.check_suspend(report),
        *policy.check_leaf(report, HOST, tsc_mode, OUTSIDE),
        *clocks.check_trouble(report),
    ]


def test_recorded_report_is_right() -> None:
    assert not problems(parse(RECORDED))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("reader.1.raw 0 0 ", "reader.1.raw 7 0 ", "RAW goes back 7 ns on vCPU 1"),
        ("reader.0.boottime 0 0 ", "reader.0.boottime 0 9 ", "goes back 9 ns from"),
        (" 3957118031 4065050544", " 3957118031 3957118030", "after it"),
        (" 3957118031 4065050544", " 0 0", "never saw the restore"),
        ("kmsg 6,4,1035,", "kmsg 6,4,2000,", "printk time goes backwards by 803 us"),
        ("kmsg 5,0,0,-", "kmsg 5,0,18446744035615695,-", "first printk is not at 0"),
        (
            "kmsg 6,3,0,-;xen: TSC",
            "kmsg 6,3,5000000,-;xen: TSC",
            "sched_clock does not start at 0",
        ),
        ("kmsg 6,6,", "kmsg 6,8,", "lost records"),
        ("TSC reliable: ", "TSC unverified: ", "verdict is unverified"),
        ("(rule emulated, ", "(rule native, ", "rule is native, expected emulated"),
        ("xen: TSC reliable", "xen: something", "printed no verdict"),
        ("xen: sched_clock: using", "sched_clock: not", "expected TSC"),
        ("after.clocksource tsc", "after.clocksource xen", "after the suspend is xen"),
        ("before.stable 1", "before.stable 0", "before the suspend is False"),
        ("before.available tsc xen", "before.available xen", "tsc among the"),
        ("after.tsc_reliable 1", "after.tsc_reliable 0", "tsc_reliable in"),
        ("after.time_leaf 0x5 0", "after.time_leaf 0x4 0", "emulated: False"),
        ("after.time_leaf 0x5 0", "after.time_leaf 0x5 2", "mode: 2 is not 0"),
        ("2596127 2\n", "2596127 3\n", "incarnation against Xen's: 3 is not 2"),
        (";OOM killer enabled.", ";WARNING: CPU: 1 PID: 1 at x.c:1", "complains"),
        (";OOM killer enabled.", ";BUG: soft lockup", "complains"),
        (
            ";OOM killer enabled.",
            ";xen: xen_tsc_reliable=maybe is ignored",
            "number of warnings",
        ),
    ],
)
def test_wrong_report_is_wrong(old: str, new: str, complaint: str) -> None:
    assert old in RECORDED
    text = RECORDED.replace(old, new)
    if new.startswith(";xen: xen_tsc"):
        text = text.replace("kmsg 6,", "kmsg 4,")
    found = problems(parse(text))
    assert any(complaint in problem for problem in found), found


@pytest.mark.parametrize(
    ("caller", "usec", "wrong"),
    [("T1", 2000, True), ("C1", 2000, False), ("C1", 900_000, True)],
)
def test_only_one_caller_is_in_order(caller: str, usec: int, wrong: bool) -> None:
    """printk stamps a message before it has its place in the log."""
    text = RECORDED.replace(",-;", ",-,caller=T1;")
    old = "kmsg 6,4,1035,-,caller=T1;"
    assert old in text
    report = parse(text.replace(old, f"kmsg 6,4,{usec},-,caller={caller};"))
    assert bool(clocks.check_printk(report)) == wrong


def test_report_is_not_that_of_another_case() -> None:
    report = parse(RECORDED)
    assert problems(report, tsc_mode="native")
    assert problems(report, cmdline="xen_tsc_reliable=off")
    assert problems(report, cmdline="xen_tsc_reliable=maybe")


@pytest.mark.parametrize(
    "text", ["", RECORDED[:200], RECORDED.replace("kmsg 6,", "kmsg six,", 1)]
)
def test_broken_report_is_an_error(text: str) -> None:
    with pytest.raises(LabError):
        parse(text)


@pytest.mark.parametrize(
    ("tsc_mode", "cmdline", "verdict", "rule", "warnings"),
    [
        ("", "", "reliable", "emulated", 0),
        ("default", "quiet", "reliable", "emulated", 0),
        ("always_emulate", "", "reliable", "emulated", 0),
        ("native", "", "unstable", "never-emulated", 0),
        *(("native", f"{PARAMETER}={word}", "reliable", NEVER, 0) for word in ON),
        *(("", f"{PARAMETER}={word}", "unverified", "emulated", 0) for word in OFF),
        *(("native", f"{PARAMETER}={word}", "unverified", NEVER, 0) for word in OFF),
        ("", "xen_tsc_reliable=OFF", "unverified", "emulated", 0),
        ("native", "xen_tsc_reliable=Auto", "unstable", "never-emulated", 0),
        ("native", "xen_tsc_reliable=maybe", "unstable", "never-emulated", 1),
        ("", "xen_tsc_reliable=on", "reliable", "emulated", 0),
    ],
)
def test_expectation(
    tsc_mode: str, cmdline: str, verdict: str, rule: str, warnings: int
) -> None:
    expected = expect(tsc_mode, cmdline, HOST)
    trusted = verdict == "reliable"
    unknown = ["tsc_offered"] if verdict == "unverified" else []
    assert expected.unknown == unknown
    assert (expected.verdict, expected.rule) == (verdict, rule)
    assert expected.clocksource == ("tsc" if trusted else "xen")
    assert expected.sched_clock == ("TSC" if trusted else "pvclock")
    # Off is what mainline does: the pvclock counts as stable
    assert expected.stable == (verdict != "unstable")
    assert expected.parameter_warnings == warnings


def test_users_words_win() -> None:
    for word in ("tsc=unstable", "notsc"):
        expected = expect("", word, HOST)
        assert (expected.clocksource, expected.stable) == ("xen", False)
    expected = expect("", "clocksource=xen", HOST)
    assert (expected.verdict, expected.clocksource) == ("reliable", "xen")
    # The TSC is named, and whether it is good the kernel has to find out
    for word, source in (("clocksource=tsc", "pvclock"), ("tsc=reliable", "TSC")):
        expected = expect("native", word, HOST)
        assert (expected.verdict, expected.sched_clock) == ("unverified", source)
        assert "clocksource" in expected.unknown
        expected = expect("native", f"{word} xen_tsc_reliable=off", HOST)
        assert expected.sched_clock == "pvclock"
    vendors = expect("native", "clocksource=tsc tsc=reliable", HOST)
    assert (vendors.verdict, vendors.clocksource) == ("unverified", "tsc")
    assert (vendors.sched_clock, vendors.stable) == ("TSC", True)
    for word in ("tsc=unstable", "clocksource=xen"):
        expected = expect("", f"{word} xen_tsc_reliable=off", HOST)
        assert (expected.sched_clock, expected.stable) == ("pvclock", True)
    twice = "xen_tsc_reliable=on xen_tsc_reliable=off"
    assert "verdict" in expect("", twice, HOST).unknown


def test_dom0_keeps_what_it_has() -> None:
    for host, rule in (("untrusted", "unreliable-host"), ("trusted", "native")):
        expected = expect_dom0(HOSTS[host])
        assert expected.rule == rule
        assert (expected.sched_clock, expected.stable) == ("pvclock", True)
        assert expected.tsc_forced is False


@pytest.mark.parametrize(
    ("text", "when", "verdict"),
    [
        ("xen: TSC reliable: it is", BOOT, "reliable"),
        ("xen: TSC unstable: it is not", BOOT, "unstable"),
        ("xen: TSC still unverified: who knows", STILL, "unverified"),
        ("xen: TSC marked unstable: moved apart by -15003 ms", MARKED, "unstable"),
    ],
)
def test_one_line_of_facts(text: str, when: str, verdict: str) -> None:
    facts = "(rule never-emulated, mode native, native, 2596127 kHz, incarnation 2, "
    report = Report(kmsg=[Record(4, 0, 0, f"{text} {facts}Xen 4.17)")])
    lines = report.tsc_lines(when)
    assert [line.facts["verdict"] for line in lines] == [verdict]
    assert text.endswith(lines[0].facts["reason"])
    for other in {BOOT, STILL, MARKED} - {when}:
        assert not report.tsc_lines(other)
    # A line that lacks a fact is none
    report.kmsg = [Record(4, 0, 0, f"{text} {facts}Xen 4.17, request auto)")]
    assert not report.tsc_lines(when)


def test_sched_clock_leaves_the_tsc() -> None:
    report = parse(RECORDED)
    assert report.sched_clock == "TSC"
    marked = report.verdicts[0][0].replace("TSC reliable", "TSC marked unstable")
    report.kmsg.append(replace(report.kmsg[-1], text=marked))
    assert len(report.demotions) == 1 and report.sched_clock == "pvclock"
    assert parse(RECORDED.replace(USING_TSC, "nothing")).sched_clock == "pvclock"


def test_a_vcpu_without_a_tick_has_no_time() -> None:
    report = parse(RECORDED)
    late = report.kmsg[-1]
    for text, back in (("CPU1: APIC id mismatch", False), ("CPU1: well", True)):
        report.kmsg[-1] = replace(late, usec=0, text=text)
        assert bool(report.printk_back[0]) == back
        assert bool(clocks.check_printk(report)) == back


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        # By the stamps of the two records 2.8 s lie between them
        (("ready at 1985000000 ns", "finishing at 4802000000 ns"), False),
        (("ready at 985000000 ns", "finishing at 3802000000 ns"), False),
        (("ready at 1985000000 ns", "finishing at 19802000000 ns"), True),
        (("ready at 19985000000 ns", "finishing at 4802000000 ns"), True),
        (("ready at 1985000000 ns", "finishing"), True),
    ],
)
def test_sched_clock_and_monotonic_move_alike(
    said: tuple[str, str], wrong: bool
) -> None:
    text = RECORDED
    for old, new in zip(("agent: ready", "agent: finishing"), said):
        assert old in text
        text = text.replace(old, f"agent: {new}")
    assert bool(clocks.check_alike(parse(text))) == wrong


def test_printk_that_counts_the_suspend_is_wrong() -> None:
    report = parse(RECORDED)
    assert report.downtime > 0 and not clocks.check_suspend(report)
    pair = report.over_suspend
    assert pair is not None
    late = pair[1].usec + report.downtime // 1000
    old = f"kmsg {pair[1].level},{pair[1].sequence},{pair[1].usec},"
    text = RECORDED.replace(old, f"kmsg {pair[1].level},{pair[1].sequence},{late},")
    assert text != RECORDED
    assert clocks.check_suspend(parse(text))


def test_outside_view() -> None:
    text = (
        "(XEN) TSC not marked as either constant or reliable, warp=0 (count=1)\n"
        "(XEN) dom1: mode=0,ofs=0x1f39fb008,khz=2596127,inc=1\n"
        "(XEN) dom3: mode=0,ofs=0x283ff0d02,khz=2596126,inc=2\n"
    )
    seen = parse_outside(text, 3)
    assert (seen.mode, seen.khz, seen.incarnation) == (0, 2596126, 2)
    assert not seen.host_reliable and not seen.hvm
    assert seen.offset == 0x283FF0D02
    older = text.replace("ofs=0x283ff0d02", "ofs=0xffffffff98137fd7")
    assert parse_outside(older, 3).offset == -1743552553
    assert parse_outside(text.replace("dom3:", "dom3(hvm):"), 3).hvm
    for wrong in ("", text.replace("dom3", "dom4")):
        with pytest.raises(LabError):
            parse_outside(wrong, 3)


def test_how_to_repeat_a_case() -> None:
    """On the kernel and the Xen on which it failed."""
    case = GuestSpec("pvh", "native", "xen_tsc_reliable=on", kind="pvh")
    settings = Settings("7.3", XENS["4.20"])
    assert case.repeat(settings) == (
        "./xen-lab boot --kernel 7.3 --xen 4.20 --guest pvh --tsc-mode native "
        '--cmdline "xen_tsc_reliable=on"'
    )
    assert repeat_test("jump", case) == (
        f"./xen-lab check --kernel {KERNEL} --xen {XEN} tests/boot/test_jump.py -k pvh"
    )


def test_every_check_is_made() -> None:
    """By lab/checks/all.py, by a command, or by a test that boots guests."""
    places = [TOP / "lab", TOP / "tests/boot"]
    files = [path for place in places for path in place.rglob("*.py")]
    words = Counter(re.findall(r"\bcheck_\w+", "\n".join(map(Path.read_text, files))))
    checks = "\n".join(map(Path.read_text, (TOP / "lab/checks").glob("*.py")))
    defined = re.findall(r"^def (check_\w+)", checks, re.MULTILINE)
    assert defined and not [name for name in defined if words[name] == 1]
