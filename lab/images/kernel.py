# SPDX-License-Identifier: GPL-2.0-only
"""The kernels that scripts/kernel builds, and git and make in their trees."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Iterator

from lab.base.common import BUILD, TOP, LabError

TOLD = 12


# An exit status of scripts/kernel: the source cannot be had any more
UNAVAILABLE = 69


def kernels() -> list[str]:
    """Return those that the series is for, the oldest first."""
    rows = (TOP / "series" / "kernels").read_text().splitlines()
    return [row.split()[0] for row in rows if row and not row.startswith("#")]


def descendants(pid: int) -> list[int]:
    """Return the processes that this one runs, and what those run."""
    found: list[int] = []
    # One that has ended has none
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in os.listdir(f"/proc/{pid}/task"):
            text = Path(f"/proc/{pid}/task/{task}/children").read_text()
            for child in map(int, text.split()):
                found += [child, *descendants(child)]
    return found


def end(process: subprocess.Popen[Any]) -> None:
    """End a script, and what it runs, for which it would wait."""
    for pid in [process.pid, *descendants(process.pid)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    process.wait()


def status_of(name: str, *words: str) -> int:
    """Run one of scripts/, which says itself what it does and why it fails."""
    with subprocess.Popen([f"scripts/{name}", *words], cwd=TOP) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # Where that comes from a terminal the script is ending by itself
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
            end(process)
            raise


def expect(status: int, accept: tuple[int, ...], *words: str) -> None:
    if status not in accept:
        raise LabError(
            f"scripts/{' '.join(words)} failed with status {status}",
            hint="What it said above tells why.",
        )


def script(name: str, *words: str, accept: tuple[int, ...] = (0,)) -> None:
    """Run one of scripts/ that has to succeed for what follows."""
    expect(status_of(name, *words), accept, name, *words)


def build(kernel: str, *words: str, accept: tuple[int, ...] = (0,)) -> None:
    """Build a kernel, as these words of scripts/kernel choose, such as part=fixes."""
    script("kernel", kernel, *words, accept=accept)


def build_all(kernel: str, *builds: str) -> None:
    """Build several, in this order, and look at what they share only once."""
    build(kernel, *" and ".join(builds).split())


def build_both(kernel: str) -> None:
    """Build the kernel without the series, and with it, to compare them."""
    build_all(kernel, "none", "series")


def build_probes(kernel: str, *parts: str) -> None:
    """Build the same, and both with the lab's probes, and the first parts."""
    build_all(kernel, "none", "none probe", *parts, "series", "probe")


@contextlib.contextmanager
def meanwhile(
    kernel: str, *words: str, accept: tuple[int, ...] = (0,)
) -> Iterator[None]:
    """Run scripts/kernel beside what is in the block; what it says comes after that."""
    with tempfile.TemporaryFile("w+") as log:
        with subprocess.Popen(
            ["scripts/kernel", kernel, *words],
            cwd=TOP,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process:
            try:
                yield
                process.wait()
            finally:
                if process.poll() is None:
                    end(process)
        log.seek(0)
        sys.stderr.write(log.read())
        expect(process.returncode, accept, "kernel", kernel, *words)


def tree_of(kernel: str) -> Path:
    return BUILD / kernel / "linux"


def file_of(kernel: str, path: str) -> Path:
    file = tree_of(kernel) / path
    if not file.exists():
        raise LabError(
            f"there is no {file.relative_to(TOP)}",
            hint=f"Unpack the source of the kernel with: scripts/kernel {kernel} tree",
        )
    return file


def source_of(kernel: str, path: str) -> str:
    return file_of(kernel, path).read_text()


def refuses_image(kernel: str) -> str:
    """Why a guest cannot read an image of itself while its swap is on; else nothing."""
    text = source_of(kernel, "kernel/power/swap.c")
    if re.search(r"if \(snapshot_test\)\s+mode \|= FMODE_EXCL;", text):
        return f"Linux {kernel} reads an image only from a swap that nobody else uses"
    return ""


def refuses_kasan(kernel: str) -> str:
    """Why a PVH guest cannot boot with KASAN; else nothing."""
    text = source_of(kernel, "arch/x86/platform/pvh/Makefile")
    if "KASAN_SANITIZE := n" in text:
        return ""
    return f"Linux {kernel} uses KASAN's shadow in PVH guests before there is one"


def git(tree: Path, *words: str) -> str:
    # It would pack a hundred thousand objects, beside whatever else is going on
    command = ["git", "-C", str(tree), "-c", "gc.auto=0", *words]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"git {' '.join(words)} failed in {tree}:\n{done.stderr}")
    return done.stdout


def make(*targets: str, cwd: Path) -> str:
    """Run the kernel's make, free of the variables of a make around this."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "V")
    }
    done = subprocess.run(
        ["make", f"-j{os.cpu_count()}", "LOCALVERSION=", *targets],
        cwd=cwd,
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        lines = done.stdout.splitlines()
        why = [line for line in lines if re.search(r"error|undefined|\*\*\*", line)]
        told = "\n".join(f"    {line}" for line in (why or lines)[:TOLD])
        raise LabError(f"make {' '.join(targets)} failed in {cwd}:\n{told}")
    return done.stdout
