# SPDX-License-Identifier: GPL-2.0-only
"""The file that "xen-clock metrics --output" writes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.recorded import OUT, PATCHED, Guest, Tool, good


def test_metrics_replace_a_file(tool: Tool, tmp_path: Path) -> None:
    """All of it, at once, or nothing; and whoever scrapes it may read it."""
    place = tmp_path / "new"
    place.mkdir()
    file = place / "xen-clock.prom"
    file.write_text("old")
    assert good(tool(PATCHED, "metrics", "--output", str(file))) == ""
    text = file.read_text()
    assert "xen_clock_up 1" in text.splitlines() and text.endswith("\n")
    assert file.stat().st_mode & 0o777 == 0o644
    # What cannot be read leaves it as it was
    done = tool(
        Guest(kernel={**PATCHED.kernel, "demoted": "many"}),
        *("metrics", "--output", str(file)),
    )
    assert done.returncode == 1 and file.read_text() == text
    done = tool(None, "metrics", "--output", str(file))
    assert done.returncode == 3 and "xen_clock_up 0" in file.read_text()
    assert list(place.iterdir()) == [file]
    done = tool(PATCHED, "metrics", "--output", str(place / "no" / "file"))
    assert done.returncode == 1 and "cannot create" in done.stderr


def test_metrics_cannot_be_written(tool: Tool, tmp_path: Path) -> None:
    """Of a file system that is full, nothing is left."""
    place = tmp_path / "new"
    place.mkdir()
    file = place / "xen-clock.prom"
    file.write_text("old")
    script = "trap '' XFSZ; ulimit -f 1; exec \"$@\""
    program = str(OUT / "san" / "xen-clock")
    done = subprocess.run(
        ["bash", "-c", script, "bash", program, "metrics", f"--output={file}"],
        env=tool.record(PATCHED),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "it is as it was" in done.stderr, done
    assert list(place.iterdir()) == [file] and file.read_text() == "old"


@pytest.mark.parametrize("name", ["directory", "pipe"])
def test_metrics_replace_files_only(tool: Tool, tmp_path: Path, name: str) -> None:
    """A device in /dev is one that everybody needs."""
    place = tmp_path / "new"
    place.mkdir()
    file = place / name
    if name == "pipe":
        os.mkfifo(file)
    else:
        file.mkdir()
    done = tool(PATCHED, "metrics", "--output", str(file))
    assert done.returncode == 1 and "is no regular file" in done.stderr
    assert list(place.iterdir()) == [file] and not file.is_file()
