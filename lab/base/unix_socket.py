# SPDX-License-Identifier: GPL-2.0-only
"""Sockets on which QEMU listens, in the run's directory, where nobody else comes."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from lab.base.common import LabError

# For the socket to appear, and for an answer
ANSWER_LIMIT = 20.0


def connect(path: Path) -> socket.socket:
    """A socket's path must be short, that of a run's directory may not be."""
    limit = time.monotonic() + ANSWER_LIMIT
    directory = os.open(path.parent, os.O_PATH)
    try:
        while True:
            end = socket.socket(socket.AF_UNIX)
            try:
                end.connect(f"/proc/self/fd/{directory}/{path.name}")
                return end
            except OSError as error:
                end.close()
                if time.monotonic() > limit:
                    raise LabError(
                        f"no answer from QEMU: {error.strerror}: {path}",
                        hint="What QEMU said is in qemu.log there.",
                    ) from None
            time.sleep(0.05)
    finally:
        os.close(directory)
