# SPDX-License-Identifier: GPL-2.0-only
"""The manual of tools/xen-clock, against what the tool prints."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from tests.recorded import PATCHED, SOURCE, Tool, documents, good

MANUAL = SOURCE / "xen-clock.1"


def test_metrics_are_in_the_manual(tool: Tool) -> None:
    """And the keys of the documents, with the schema."""
    text = MANUAL.read_text().replace("\\-", "-")
    metrics = set(re.findall(r"^(xen_clock_\w+)", good(tool(PATCHED, "metrics")), re.M))
    assert metrics == set(re.findall(r"^\.B (xen_clock_\w+)", text, re.M))
    [said] = documents(tool(PATCHED, "--json"))
    lines = re.findall(r"^\.BR? .*", text.partition(".SH JSON")[2], re.M)
    keys = set(re.findall(r"\w+", " ".join(lines)))
    assert set(said) <= keys, set(said) - keys
    assert f"schema is {said['schema']}" in text


@pytest.mark.parametrize("command", ["check", "host", "forecast"])
def test_keys_are_in_the_manual(tool: Tool, command: str) -> None:
    text = MANUAL.read_text().partition(".SH JSON")[2]
    listed = text.partition(f"\n.BR {command} :\n")[2].partition("\nOf\n")[0]
    place = f"--recording={SOURCE / 'recordings/dom0'}"
    host = good(tool(None, place, "host", "--json"))
    file = tool.place / "host.json"
    file.write_text(host)
    words = [f"--to={file}"] if command == "forecast" else []
    said = good(tool(None, place, command, "--json", *words))
    keys = set(re.findall(r'"(\w+)": ', said)) - {"schema", "xen"}
    assert keys and keys <= set(re.findall(r"\w+", listed)), keys


def test_manual() -> None:
    environ = {**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
    for command in (
        ["man", "--warnings", "-l", str(MANUAL)],
        ["groff", "-man", "-ww", "-z", str(MANUAL)],
    ):
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is missing")
        done = subprocess.run(command, env=environ, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
    text = MANUAL.read_text().replace("\\-", "-")
    for word in ("watch", "bench", "metrics", "--json", "--seconds", "--interval"):
        assert word in text
    for word in ("wait", "check", "host", "forecast", "record", "--recording", "--to"):
        assert word in text
    metrics = text.partition("\n.SH METRICS\n")[2].partition("\n.SH ")[0]
    assert "fast CLOCK_MONOTONIC is" in metrics and "\n.B watch\n" in metrics
    for word in ("--reads", "XEN_CLOCK_ROOT", "XEN_CLOCK_CPUID", "EXIT STATUS"):
        assert word in text
