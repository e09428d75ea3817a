# SPDX-License-Identifier: GPL-2.0-only
"""Talks to QEMU's monitor, by QMP: lines of JSON."""

from __future__ import annotations

import json
import time
from pathlib import Path

from lab.base.common import LabError
from lab.base.unix_socket import ANSWER_LIMIT, connect

SOCKET = "qmp.sock"
# What is asked about a machine that hangs
REGISTERS = ("info registers -a", "info lapic", "info pic")


class Qmp:
    """Use as a context manager."""

    def __init__(self, directory: Path) -> None:
        self._socket = connect(directory / SOCKET)
        self._file = self._socket.makefile("rb")
        self._events: list[str] = []
        self._receive("QMP", ANSWER_LIMIT)
        self.command("qmp_capabilities")

    def __enter__(self) -> Qmp:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def _receive(self, key: str, seconds: float) -> dict[str, object]:
        """The next message that has this key; keeps events that come before."""
        limit = time.monotonic() + seconds
        while True:
            self._socket.settimeout(max(0.01, limit - time.monotonic()))
            try:
                line = self._file.readline()
            except TimeoutError:
                raise LabError(f"QEMU sent no {key} in {seconds:.0f} s") from None
            if not line:
                raise LabError("QEMU closed its monitor")
            message: dict[str, object] = json.loads(line)
            if "error" in message:
                raise LabError(f"QEMU's monitor: {message['error']}")
            if "event" in message:
                self._events.append(str(message["event"]))
            if key in message:
                return message

    def command(self, name: str, **arguments: str) -> object:
        order = {"execute": name, "arguments": arguments}
        self._socket.sendall(json.dumps(order).encode() + b"\n")
        return self._receive("return", ANSWER_LIMIT)["return"]

    def people(self, command: str) -> str:
        """What QEMU's monitor for people says to this."""
        said = self.command("human-monitor-command", **{"command-line": command})
        return f"(qemu) {command}\n{said}"

    def wait(self, event: str, seconds: float) -> None:
        """Until QEMU says that this has happened."""
        limit = time.monotonic() + seconds
        while event not in self._events:
            self._receive("event", limit - time.monotonic())
        self._events.remove(event)


def registers(directory: Path) -> str:
    """The file that has those of a machine that hangs, or why there is none."""
    if not (directory / SOCKET).exists():
        return "QEMU has no monitor"
    path = directory / "registers.log"
    try:
        with Qmp(directory) as monitor:
            path.write_text("\n".join(map(monitor.people, REGISTERS)))
    except LabError as error:
        return str(error)
    return str(path)
