# SPDX-License-Identifier: GPL-2.0-only
"""A directory for each run, so that what happened can be read afterwards."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from pathlib import Path

from lab.base.common import LAB, LabError, need_space

# Of some megabytes each at most, and "xen-lab matrix" alone is seventy
RUNS_KEPT = 150


class Run:
    """build/lab/<name>-<time>-<pid>, and build/lab/last that points to it."""

    def __init__(self, name: str) -> None:
        need_space(LAB, 64)
        start = time.strftime("%Y%m%d-%H%M%S")
        self.directory = LAB / f"{name}-{start}-{os.getpid()}"
        number = 1
        while self.directory.exists():
            number += 1
            self.directory = LAB / f"{name}-{start}-{os.getpid()}-{number}"
        (self.directory / "commands").mkdir(parents=True)
        # Held for as long as the run lives, so that no other run prunes it.
        self._lock = (self.directory / ".lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        link = LAB / f".last.{os.getpid()}"
        link.unlink(missing_ok=True)
        link.symlink_to(self.directory.name)
        link.replace(LAB / "last")
        self._prune()

    def _prune(self) -> None:
        locks = sorted(LAB.glob("*/.lock"), key=lambda lock: lock.stat().st_mtime)
        for lock in locks[:-RUNS_KEPT]:
            with lock.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                shutil.rmtree(lock.parent, ignore_errors=True)

    def path(self, name: str) -> Path:
        return self.directory / name

    def add(self, source: Path, name: str) -> None:
        """Put a file where dom0 sees it; no copy where the disk can share it."""
        target = self.path(name)
        if target.exists():
            return
        if not source.exists():
            raise LabError(f"{source} does not exist")
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
