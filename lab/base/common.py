# SPDX-License-Identifier: GPL-2.0-only
"""What every part of the lab needs: where things are, how to speak, how to fail."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterator

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
LAB = BUILD / "lab"


class LabError(Exception):
    """Something went wrong; the message says what, and the hint what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        lines = "".join(f"\n    {line}" for line in hint.splitlines())
        super().__init__(message + lines)
        self.hint = hint


# Whether the commands that run in dom0 are shown
verbose = False
_last_said = "the start"


def say(text: str) -> None:
    global _last_said
    if text.strip():
        _last_said = text.strip().splitlines()[-1]
    print(text, flush=True)


def need_space(directory: Path, mib: int) -> None:
    """Before a long step rather than in the middle of it."""
    directory.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(directory).free >> 20
    if free < mib:
        raise LabError(
            f"{directory} has {free} MiB free, this step needs about {mib} MiB",
            hint="Make room there; then run it again.",
        )


def need(*tools: str) -> None:
    """Stop early, with a package's name, when a program is missing."""
    packages = {"qemu-system-x86_64": "qemu-system-x86", "setpriv": "util-linux"}
    packages["readelf"] = packages["nm"] = "binutils"
    for tool in tools:
        if shutil.which(tool) is None:
            package = packages.get(tool, tool)
            raise LabError(
                f"the program {tool} is missing",
                hint=f"As root: apt-get install {package}",
            )


def output(*command: str, env: dict[str, str] | None = None) -> str:
    """Standard output of a command; what it said on failure becomes the error."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=env)
    except FileNotFoundError:
        raise LabError(f"the program {command[0]} is missing") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()[-12:]
        raise LabError(
            f"{command[0]} failed with status {done.returncode}:\n"
            + "\n".join("    " + line for line in lines)
        )
    return done.stdout.strip()


def write_atomically(path: Path, data: bytes) -> None:
    """A reader, or a run after a crash, sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock file; a second run waits for the first and says so.

    Those that share it do not wait for each other.
    """
    how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"lab: another run holds {path.relative_to(TOP)}, waiting for it")
            fcntl.flock(lock, how)
        yield


def run_main(main: Callable[[], int]) -> int:
    """Call main(); turn what can go wrong into one clear message."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        return main()
    except LabError as error:
        print(f"lab: error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(
            f"\nlab: interrupted; the last that was done: {_last_said}\n"
            "    Nothing is left running.  The same command starts again.",
            file=sys.stderr,
        )
        return 130
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES):
            raise
        print(
            f"lab: error: {error.strerror}: {error.filename or BUILD}\n"
            "    Make room (or give yourself the right to write there), then run "
            "it again.",
            file=sys.stderr,
        )
    return 1
