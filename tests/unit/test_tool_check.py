# SPDX-License-Identifier: GPL-2.0-only
"""xen-clock check where it cannot answer: to Nagios 1 and 2 are states of the guest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recorded import PATCHED, Guest, Tool, documents

MANY = Guest(kernel={**PATCHED.kernel, "demoted": "many"})


def check_unknown(
    tool: Tool, guest: Guest | None, arguments: list[str], words: str, heard: str = ""
) -> None:
    """One line, or one document, and the status 3."""
    done = tool(guest, *arguments)
    assert done.returncode == 3 and heard in done.stderr
    assert bool(done.stderr) == bool(heard)
    assert done.stdout.startswith("XEN-CLOCK UNKNOWN - ") and words in done.stdout
    assert done.stdout.count("\n") == 1
    done = tool(guest, "--json", *arguments)
    [said] = documents(done)
    assert done.returncode == 3 and words in said.pop("reason")
    assert said == {"schema": 1, "xen": None, "state": "UNKNOWN", "safe": None}


@pytest.mark.parametrize(
    ("cpuid", "words"),
    [
        (None, "recording {}: cannot read its cpuid: No such file or directory"),
        ("junk\n", "{}/cpuid:1: not six numbers"),
        ("", "cannot read {}/cpuid: Is a directory"),
    ],
)
def test_bad_recording(
    tool: Tool, tmp_path: Path, cpuid: str | None, words: str
) -> None:
    place = tmp_path / "recording"
    words = words.format(place)
    if cpuid:
        place.mkdir()
        (place / "cpuid").write_text(cpuid)
    elif cpuid is not None:
        (place / "cpuid").mkdir(parents=True)
    for arguments in (
        ["check", f"--recording={place}"],
        ["--recording", str(place), "check"],
    ):
        check_unknown(tool, None, arguments, words)


def test_nonsense_in_a_file(tool: Tool) -> None:
    check_unknown(tool, MANY, ["check"], "says 'many', which is no number")


@pytest.mark.parametrize(
    ("arguments", "heard"),
    [
        (["check", "--foo"], "unknown option '--foo'"),
        (["--foo", "check"], "unknown option '--foo'"),
        (["check", "--seconds", "1"], "--seconds is an option of watch and wait only"),
        (["check", "it"], "extra argument 'it' after check"),
        (["check", "--recording"], "--recording needs a value"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_used_wrongly(tool: Tool, arguments: list[str], heard: str) -> None:
    """To Nagios 2, as of other commands, would mean that the guest is unsafe."""
    words = "the command is wrong: try xen-clock --help"
    check_unknown(tool, PATCHED, arguments, words, heard)


def test_help(tool: Tool) -> None:
    said = " ".join(tool(None, "--help").stdout.split())
    assert "1 safe but demoted, 2 unsafe, 3 unknown, or wrong usage." in said
