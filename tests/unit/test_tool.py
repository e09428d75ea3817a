# SPDX-License-Identifier: GPL-2.0-only
"""tools/xen-clock on recorded guests; the clocks are those of this machine."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.base.common import TOP
from tests.recorded import (
    COMMANDS,
    KHZ,
    MET,
    OUT,
    PATCHED,
    POLICY,
    RULES,
    Guest,
    Tool,
    documents,
    good,
    one_line,
    promtool,
)
from tests.series.test_docs import simple_table


@pytest.fixture(scope="module", name="checker")
def fixture_checker() -> Path:
    return promtool()


def test_static(built: None) -> None:
    said = subprocess.run(
        ["readelf", "--program-headers", str(OUT / "static" / "xen-clock")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "INTERP" not in said


def test_all_rules() -> None:
    assert RULES and {rule for rule, _ in MET} == set(RULES)


@pytest.mark.parametrize(("rule", "guest"), MET)
def test_unpatched(tool: Tool, rule: str, guest: Guest) -> None:
    verdict, reason = RULES[rule]
    text = one_line(good(tool(guest)))
    assert f"a patched kernel would say: {verdict}: {reason} (rule {rule})" in text
    assert "without the series" in text
    [said] = documents(tool(guest, "--json"))
    assert said["verdict"] == {
        "verdict": verdict,
        "rule": rule,
        "reason": reason,
        "by": "policy",
    }
    assert (said["time_leaf"] is None) == (rule == "no-leaf")
    assert said["demoted"] is None


@pytest.mark.parametrize("words", ["clocksource=tsc", "tsc=unstable tsc=reliable"])
def test_named(tool: Tool, words: str) -> None:
    guest = Guest(flags=2, mode=2, cmdline=f"ro {words} quiet")
    said = one_line(good(tool(guest)))
    assert f"unverified: the TSC is {NAMED} (rule never-emulated)" in said
    assert documents(tool(guest, "--json"))[0]["verdict"]["reason"] == NAMED
    assert f'reason = "{NAMED}"' in POLICY


@pytest.mark.parametrize(
    "words", ["clocksource=tsc clocksource=xen", "xclocksource=tsc", "tsc=nowatchdog"]
)
def test_not_named(tool: Tool, words: str) -> None:
    guest = Guest(flags=2, mode=2, cmdline=f"ro {words} quiet")
    assert documents(tool(guest, "--json"))[0]["verdict"]["verdict"] == "unstable"


def test_patched(tool: Tool) -> None:
    text = one_line(good(tool(PATCHED)))
    assert "with the series time leaf" in text and "would" not in text
    assert f"verdict reliable: {RULES['emulated'][1]} (rule emulated)" in text
    assert "mode default, TSC emulated, 2596128 kHz, incarnation 2;" in text
    assert "host's TSC not known to be reliable, 2596128 kHz" in text
    assert "clocksource tsc, of xen tsc" in text
    [said] = documents(tool(PATCHED, "--json"))
    assert said["verdict"]["by"] == "kernel" and said["time_leaf"]["incarnation"] == 2
    assert said["time_leaf"]["host_frequency_khz"] == 2596128
    assert said["demoted"] == 0 and said["safe"] is True


def decided(verdict: str, reason: str, demoted: int = 0) -> dict[str, str]:
    """What a kernel with the series says."""
    return {
        **PATCHED.kernel,
        "verdict": verdict,
        "reason": reason,
        "demoted": str(demoted),
    }


# What the README says to do about a status
TODO = {
    status: todo.replace("``", "")
    for status, todo in simple_table((TOP / "README.rst").read_text(), "Status")
}


def test_kernel_wins(tool: Tool) -> None:
    """What the kernel says is shown, even where the policy would say otherwise."""
    why = "TSC and pvclock moved apart by -15000 ms"
    text = one_line(good(tool(Guest(kernel=decided("unstable", why, 1)))))
    assert f"verdict unstable: {why} (rule emulated)" in text
    assert text.startswith(f"WARNING {TODO['WARNING']} Xen 4.17")


NAMED = "named on the command line"
OFF = "xen_tsc_reliable=off"
ON = "xen_tsc_reliable=on"
NATIVE = Guest(flags=2, mode=2, clocksource="tsc")
HOST = Guest(flags=0, clocksource="tsc")
DROP = (
    "a migration can change it. Do not migrate the guest. Take clocksource=tsc and "
    "tsc=reliable off its command line, and shut it down and start it again."
)


@pytest.mark.parametrize(
    ("guest", "kernel", "words"),
    [
        # Nobody has asked Xen, or nobody minds what it said
        (NATIVE, {}, DROP),
        (NATIVE, decided("unstable", RULES["never-emulated"][1]), DROP),
        (NATIVE, decided("unverified", NAMED), DROP),
        (NATIVE, decided("unverified", OFF), DROP),
        (NATIVE, decided("reliable", ON), DROP),
        (HOST, {}, "Do not migrate the guest. Put clocksource=xen on its command"),
        (HOST, decided("unverified", RULES["unreliable-host"][1]), "not guarantee it"),
        # These can be relied on, or check it themselves, or do not use it
        (Guest(clocksource="tsc"), {}, ""),
        (PATCHED, decided("unverified", OFF), ""),
        (dataclasses.replace(HOST, dom0=True), {}, ""),
        (Guest(flags=2, mode=2), {}, ""),
    ],
)
def test_at_risk(tool: Tool, guest: Guest, kernel: dict[str, str], words: str) -> None:
    """A TSC that is in use and not guaranteed is what the first line is about."""
    guest = dataclasses.replace(guest, kernel=kernel)
    text = good(tool(guest))
    [said] = documents(tool(guest, "--json"))
    metric = f'xen_clock_safe{{safe="false"}} {int(bool(words))}'
    assert metric in good(tool(guest, "metrics")).splitlines()
    assert said["safe"] is not bool(words)
    assert words in said["advice"]
    first, last = "CRITICAL" if words else "Xen ", "MONO" if words else "advice"
    assert text.startswith(first)
    assert any(last in line for line in text.splitlines()[-3:])
    assert text.count("CRITICAL") + text.count("advice") == 1


@pytest.mark.parametrize(
    ("guest", "words"),
    [
        (PATCHED, "PV"),
        (Guest(kind="PVH"), "PVH"),
        (Guest(dom0=True), "PV dom0"),
        (Guest(kind=""), "HVM or PVH"),
    ],
)
def test_domain(tool: Tool, guest: Guest, words: str) -> None:
    [said] = documents(tool(guest, "--json"))
    assert said["domain"] == words and said["xen_version"] == "4.17.7"


def test_advice_is_short(tool: Tool) -> None:
    for _, guest in MET:
        for source in ("xen", "tsc"):
            text = good(tool(dataclasses.replace(guest, clocksource=source)))
            assert len(text.splitlines()) <= 24
            assert max(map(len, text.splitlines())) <= 80, text


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_not_under_xen(tool: Tool, command: list[str]) -> None:
    done = tool(None, *command)
    assert done.returncode == 3
    if command == ["check"]:
        why = "this is not a guest of Xen"
        assert done.stdout == f"XEN-CLOCK UNKNOWN - {why}\n"
        [said] = documents(tool(None, "check", "--json"))
        assert said == NO_XEN | {"state": "UNKNOWN", "safe": None, "reason": why}
        return
    assert "not a guest of Xen" in done.stderr
    if command == ["metrics"]:
        assert done.stdout.splitlines()[-1] == "xen_clock_up 0"
        return
    assert not done.stdout
    done = tool(None, *command, "--json")
    assert done.returncode == 3 and documents(done) == [NO_XEN]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["wach"], "unknown command 'wach'"),
        ([""], "unknown command ''"),
        (["--jsn"], "unknown option '--jsn'"),
        (["-x"], "unknown option '-x'"),
        (["--json=1"], "unknown option '--json=1'"),
        (["watch", "bench"], "extra argument 'bench'"),
        (["bench", "5"], "extra argument '5'"),
        (["watch", "--seconds"], "--seconds needs a number"),
        (["watch", "--seconds", "x"], "--seconds 'x'"),
        (["watch", "--seconds="], "--seconds ''"),
        (["watch", "--seconds", "0"], "--seconds '0'"),
        (["watch", "--seconds", "-1"], "--seconds '-1'"),
        (["watch", "--seconds", "5s"], "--seconds '5s'"),
        (["watch", "--interval=70000"], "--interval '70000'"),
        (["bench", "--reads", "99999999999999999999"], "--reads '999"),
        (["bench", "--seconds", "1"], "--seconds is an option of watch and wait only"),
        (["watch", "--output", "x"], "--output is an option of metrics only"),
        (["metrics", "--output", ""], "--output '': it is empty"),
        (["wait", "--for", "rain"], "--for 'rain': not resume or demotion"),
        (["forecast"], "forecast needs --to FILE"),
        (["record"], "record needs a directory"),
        (["record", "a", "b"], "extra argument 'b' after record"),
        (["--recording"], "--recording needs a value"),
        (["--reads", "1"], "--reads is an option of bench only"),
        (["metrics", "--json"], "--json is no option of metrics"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_wrong_usage(tool: Tool, arguments: list[str], words: str) -> None:
    done = tool(PATCHED, *arguments)
    assert done.returncode == 2 and not done.stdout
    assert words in done.stderr and "try xen-clock --help" in done.stderr


def test_help_and_version(tool: Tool) -> None:
    said = good(tool(None, "--help"))
    for word in ("watch", "bench", "metrics", "--json", "--seconds", "Exit status"):
        assert word in said
    assert max(map(len, said.splitlines())) <= 84
    assert re.fullmatch(r"xen-clock \d+\.\d+\n", good(tool(None, "--version")))
    for short, long in (("-h", "--help"), ("help", "--help"), ("-V", "--version")):
        assert good(tool(None, short)) == good(tool(None, long))


@pytest.mark.parametrize(
    ("guest", "status", "state", "safe"),
    [
        # The guest of the README's picture
        (NATIVE, 2, "CRITICAL", False),
        (dataclasses.replace(NATIVE, kernel=decided("reliable", ON)), 2, "CRITICAL", 0),
        (HOST, 2, "CRITICAL", False),
        (PATCHED, 0, "OK", True),
        (Guest(), 0, "OK", True),
        (Guest(clocksource="tsc"), 0, "OK", True),
        (Guest(flags=0, clocksource="tsc", dom0=True), 0, "OK", True),
        (Guest(kernel=decided("unstable", "it jumped", 1)), 1, "WARNING", True),
        (Guest(kvm=True, clocksource="tsc"), 3, "UNKNOWN", None),
        (Guest(clocksource=""), 3, "UNKNOWN", None),
    ],
)
def test_check(
    tool: Tool, guest: Guest, status: int, state: str, safe: bool | None
) -> None:
    done = tool(guest, "check")
    assert (done.returncode, done.stderr) == (status, "")
    assert done.stdout.count("\n") == 1 and done.stdout.startswith(
        f"XEN-CLOCK {state} "
    )
    word = "unknown" if safe is None else str(bool(safe)).lower()
    assert f"safe: {word}, " in done.stdout
    done = tool(guest, "check", "--json")
    [said] = documents(done)
    assert (done.returncode, said["state"], said["safe"]) == (status, state, safe)
    assert said["clocksource"] == (guest.clocksource or None)
    assert good(tool(guest)).partition(" ")[0] == ("Xen" if state == "OK" else state)
    [said] = documents(tool(guest, "--json"))
    assert said["safe"] == safe and said["safe_reason"]
    lines = good(tool(guest, "metrics")).splitlines()
    assert [line for line in lines if re.match("xen_clock_safe{.* 1$", line)] == [
        f'xen_clock_safe{{safe="{word}"}} 1'
    ]


@pytest.mark.parametrize(
    ("guest", "checked"),
    [
        (PATCHED, True),
        (dataclasses.replace(PATCHED, kernel=decided("unverified", OFF)), False),
        (Guest(clocksource="tsc"), False),
    ],
)
def test_who_checks(tool: Tool, guest: Guest, checked: bool) -> None:
    """With xen_tsc_reliable=off the kernel does not watch the TSC."""
    said = good(tool(guest, "check"))
    assert "safe: true, the TSC is in use, " in said
    assert ("and the kernel checks it" in said) == checked


@pytest.mark.parametrize(
    ("guest", "reason", "remedy"),
    [
        (Guest(), "the host's TSC is not reliable", "xen-clock host"),
        (
            Guest(mode=1),
            "tsc_mode=always_emulate is set",
            "Mode default emulates it, too",
        ),
        (
            Guest(mode=1, flags=3, host_khz=KHZ + 1, incarnation=2),
            "tsc_mode=always_emulate is set",
            "Use tsc_mode=default, shut it down, and start it again on this host.",
        ),
        (
            Guest(flags=3, host_khz=KHZ + 1, incarnation=2),
            f"this guest was booted at {KHZ} kHz, the host has {KHZ + 1} (1 kHz apart)",
            "newer Xen rounds",
        ),
        (
            Guest(flags=3, host_khz=KHZ - 1000, incarnation=2, kind="PVH"),
            f"booted at {KHZ} kHz, the host has {KHZ - 1000} (1000 kHz apart)",
            "Boot it anew on this host",
        ),
        (
            Guest(flags=3, incarnation=2, version=(4, 8, ".1")),
            "Xen 4.8 emulates the TSC after a restore or a migration",
            "update Xen",
        ),
        (Guest(flags=3), "Xen does not say why", None),
        # KVM has the guest's frequency where Xen has the host's
        (Guest(flags=3, host_khz=KHZ - 1000, kvm=True), "Xen does not say why", None),
        (Guest(flags=2), None, None),
        (Guest(largest=2), None, None),
    ],
)
def test_why(tool: Tool, guest: Guest, reason: str | None, remedy: str | None) -> None:
    [said] = documents(tool(guest, "--json"))
    text = one_line(good(tool(guest)))
    for key, word in (("reason", reason), ("remedy", remedy)):
        value = said["emulation"][key]
        assert (value is None) == (word is None) and (word or "") in (value or "")
        assert (value or "") in text
    assert ("why emulated: " in text) == (reason is not None)


@pytest.mark.parametrize(
    ("cpus", "count"), [("", 0), ("(null)", 0), ("3", 1), ("1-3,5", 4), ("0-255", 256)]
)
def test_nohz_full(tool: Tool, cpus: str, count: int) -> None:
    text = good(tool(Guest(nohz_full=cpus), "metrics"))
    assert f"xen_clock_nohz_full_cpus {count}" in text.splitlines()


@pytest.mark.parametrize("guest", [PATCHED, Guest(kind="PVH"), Guest(kvm=True)])
def test_record(tool: Tool, tmp_path: Path, guest: Guest) -> None:
    """What was recorded is shown as it was, on any machine."""
    guest = dataclasses.replace(guest, cmdline="root=UUID=1234 tsc=reliable password=x")
    place = tmp_path / "recording"
    good(tool(guest, "record", str(place)))
    assert (place / "proc/cmdline").read_text() == "tsc=reliable \n"
    before = documents(tool(guest, "--json"))[0]
    first = good(tool(None, "--recording", str(place)))
    assert good(tool(None, "--recording", str(place))) == first
    [after] = documents(tool(None, "--json", f"--recording={place}"))
    for document in (before, after):
        for name in ("read_ns", "clock_gettime_syscall_ns", "null_syscall_ns"):
            del document[name]
    assert after == before
    done = tool(guest, "record", str(place))
    assert done.returncode == 1 and "is there already" in done.stderr


@pytest.mark.parametrize(
    "command", [*COMMANDS, ["--json"], ["--help"], ["--version"]], ids=" ".join
)
def test_disk_full(tool: Tool, command: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [OUT / "san" / "xen-clock", *command],
            env=tool.record(PATCHED),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    # Of check that is a state of the guest
    assert done.returncode == (3 if command == ["check"] else 1)
    assert "cannot write to standard output" in done.stderr


@pytest.mark.parametrize(
    ("cpuid", "words"),
    [(None, "No such file"), ("0x40000000 0 zero\n", "cpuid:1: not six numbers")],
)
def test_unreadable_leaves(tool: Tool, cpuid: str | None, words: str) -> None:
    env = tool.record(PATCHED)
    Path(env["XEN_CLOCK_CPUID"]).unlink()
    if cpuid:
        Path(env["XEN_CLOCK_CPUID"]).write_text(cpuid)
    done = subprocess.run(
        [OUT / "san" / "xen-clock"], env=env, capture_output=True, text=True
    )
    assert done.returncode == 1 and words in done.stderr and not done.stdout


def test_unreadable_recording(tool: Tool, tmp_path: Path) -> None:
    """What the user has named is named, and no variable."""
    place = tmp_path / "recording"
    done = tool(None, "--recording", str(place))
    assert (done.returncode, done.stdout) == (1, "")
    why = "cannot read its cpuid: No such file or directory"
    assert done.stderr == f"xen-clock: recording {place}: {why}\n"
    (place / "cpuid").mkdir(parents=True)
    done = tool(None, "--recording", str(place))
    assert done.stderr == f"xen-clock: cannot read {place}/cpuid: Is a directory\n"


def test_nonsense_in_a_file(tool: Tool) -> None:
    guest = Guest(kernel={**PATCHED.kernel, "demoted": "many"})
    done = tool(guest)
    assert done.returncode == 1 and "'many', which is no number" in done.stderr


NO_XEN: dict[str, object] = {"schema": 1, "xen": False}
NASTY = 'a "quoted" back\\slash,\ttab and \u00e9'


def test_json_escapes(tool: Tool) -> None:
    guest = Guest(kernel={**PATCHED.kernel, "reason": NASTY})
    [said] = documents(tool(guest, "--json"))
    assert said["verdict"]["reason"] == NASTY


def test_bench(tool: Tool) -> None:
    assert "null_syscall" in good(tool(PATCHED, "bench", "--reads", "100"))
    [said] = documents(tool(PATCHED, "bench", "--reads", "1000", "--json"))
    assert said["batches"] == 50
    session = said["results"]
    assert len(session) == 7 * len(os.sched_getaffinity(0))
    for one in session:
        spread = [one[f"{name}_ns"] for name in ("min", "p50", "p90", "p99", "max")]
        assert spread == sorted(spread) and spread[-1] > 0, one


@pytest.mark.parametrize(
    "guest", [PATCHED, Guest(), Guest(kernel={**PATCHED.kernel, "reason": NASTY}), None]
)
def test_promtool(tool: Tool, checker: Path, guest: Guest | None) -> None:
    text = tool(guest, "metrics").stdout
    done = subprocess.run(
        [checker, "check", "metrics"], input=text, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), text


def test_metrics(tool: Tool) -> None:
    lines = good(tool(PATCHED, "metrics")).splitlines()
    for line in (
        "xen_clock_up 1",
        "xen_clock_tsc_frequency_hertz 2596128000",
        "xen_clock_tsc_host_frequency_hertz 2596128000",
        'xen_clock_tsc_verdict{verdict="reliable",by="kernel"} 1',
        'xen_clock_clocksource{clocksource="tsc"} 1',
        "xen_clock_demoted 0",
    ):
        assert line in lines
    assert "demoted" not in tool(Guest(), "metrics").stdout


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_valgrind(tool: Tool, command: list[str]) -> None:
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is missing: it is in Debian's package of this name")
    checks = ["--error-exitcode=99", "--leak-check=full", "--quiet"]
    for guest in (PATCHED, Guest()):
        done = subprocess.run(
            ["valgrind", *checks, OUT / "shared" / "xen-clock", *command],
            env=tool.record(guest),
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
