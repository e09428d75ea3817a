# SPDX-License-Identifier: GPL-2.0-only
"""Follows the log of something that runs."""

from __future__ import annotations

import re
from pathlib import Path


class Log:
    """A log file that grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[str] = []
        self._offset = 0
        self._rest = b""

    def poll(self) -> list[str]:
        """The lines that are new since the last call."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        new = [line.decode(errors="replace").rstrip("\r") for line in whole]
        self.lines += new
        return new

    def _quote(self, lines: list[str]) -> str:
        quoted = "\n".join("    | " + line for line in lines)
        return f"{quoted}\n    all of it: {self.path}"

    def tail(self, count: int = 20) -> str:
        return self._quote(self.lines[-count:])

    def around(self, pattern: re.Pattern[str]) -> str:
        """The lines around the first that matches, or else the last ones."""
        for number, line in enumerate(self.lines):
            if pattern.search(line):
                return self._quote(self.lines[max(0, number - 3) : number + 25])
        return self.tail()
