# SPDX-License-Identifier: GPL-2.0-only
"""Talks to QEMU's gdb stub: stops the machine at an address, reads and writes.

The protocol is gdb's own, of which this takes a handful of packets.  The stub
listens on a socket in the run's directory, where nobody else comes.
"""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType

from lab.base.common import LabError
from lab.base.unix_socket import ANSWER_LIMIT, connect

SOCKET = "gdb.sock"


class Stub:
    """Use as a context manager; the machine goes on when it ends."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / SOCKET
        self._socket = connect(self._path)
        self._data = b""

    def __enter__(self) -> Stub:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._expect("D", "OK")
        finally:
            self._socket.close()
            self._path.unlink(missing_ok=True)

    # Packets: $DATA#CHECKSUM, each answered by a plus sign

    def _read(self, until: float) -> None:
        self._socket.settimeout(max(0.01, until - time.monotonic()))
        data = self._socket.recv(4096)
        if not data:
            raise LabError("QEMU's gdb stub closed the connection")
        self._data += data

    def _receive(self, until: float) -> str:
        while True:
            start = self._data.find(b"$")
            end = self._data.find(b"#", start)
            if start >= 0 and end >= 0 and len(self._data) >= end + 3:
                break
            self._read(until)
        packet = self._data[start + 1 : end]
        self._data = self._data[end + 3 :]
        self._socket.sendall(b"+")
        return packet.decode(errors="replace")

    def _ask(self, request: str, limit: float = ANSWER_LIMIT) -> str:
        data = request.encode()
        packet = b"$" + data + b"#%02x" % (sum(data) & 0xFF)
        try:
            self._socket.sendall(packet)
            return self._receive(time.monotonic() + limit)
        except TimeoutError:
            raise LabError(
                f"QEMU's gdb stub did not answer '{request}' in {limit:.0f} s"
            ) from None
        except OSError as error:
            raise LabError(f"QEMU's gdb stub: {error.strerror}") from None

    def _expect(self, request: str, answer: str) -> None:
        got = self._ask(request)
        if got != answer:
            raise LabError(f"QEMU's gdb stub answers '{request}' with '{got}'")

    # What it is for

    def run_to(self, address: int, limit: float) -> None:
        """Let the machine run until a CPU is about to execute this address."""
        self._expect(f"Z1,{address:x},1", "OK")
        got = self._ask("c", limit)
        if not got.startswith("T05"):
            raise LabError(f"the machine stopped in another way: '{got}'")
        self._expect(f"z1,{address:x},1", "OK")

    def read(self, address: int) -> int:
        """A number of eight bytes, where the CPU that stopped sees it."""
        got = self._ask(f"m{address:x},8")
        if len(got) != 16:
            raise LabError(f"cannot read Xen's memory at {address:#x}: '{got}'")
        return int.from_bytes(bytes.fromhex(got), "little")

    def write(self, address: int, value: int) -> None:
        data = (value % 2**64).to_bytes(8, "little").hex()
        self._expect(f"M{address:x},8:{data}", "OK")
