#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A service that logs time stamps, which it and the journal have to keep in order."""

from __future__ import annotations

import time
from pathlib import Path

STAMPS = Path("/run/lab/stamps")
SECONDS = 0.2


def main() -> None:
    with STAMPS.open("a", buffering=1, encoding="ascii") as file:
        while True:
            time.sleep(SECONDS)
            line = f"{time.monotonic_ns()} {time.time_ns()}"
            print(line, flush=True)
            print(line, file=file)


if __name__ == "__main__":
    main()
