# SPDX-License-Identifier: GPL-2.0-only
"""Keeps QEMU's threads on one of our CPUs, where that does not make it slower.

SVM makes QEMU lose interrupts: where it enters a guest and leaves it, it changes what
the CPU has pending by one instruction without LOCK (orl, andl).  If another thread of
its asks for an interrupt at that moment nobody learns of it until the next one.  When
that was Xen's timer, there is none.  On one CPU the two instructions come one after the
other.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from pathlib import Path

from lab.config import HostSpec

STAT = Path("/proc/stat")
# How long CPUs are looked at, in seconds, and by how much of that another one must have
# been idle for longer
LOOK, BETTER = 0.2, 0.3
# Machines that are booted at the same time shall not share one
pins = itertools.cycle(sorted(os.sched_getaffinity(0)))


def is_pinned(spec: HostSpec) -> bool:
    return spec.cpus == 1


def pinned(spec: HostSpec) -> list[str]:
    """The command that starts it there."""
    return ["taskset", "-c", str(next(pins))] if is_pinned(spec) else []


def idle_times(stat: str) -> dict[int, float]:
    """In seconds since the machine was booted, by CPU."""
    found = {}
    for line in stat.splitlines():
        name, *ticks = line.split()
        if name.startswith("cpu") and name != "cpu":
            spent = int(ticks[3]) + int(ticks[4])
            found[int(name.removeprefix("cpu"))] = spent / os.sysconf("SC_CLK_TCK")
    return found


def better_than(cpu: int, before: dict[int, float], after: dict[int, float]) -> int:
    """The CPU to be on: this one, unless another one is idle for much longer."""
    ours = os.sched_getaffinity(0) & after.keys()
    idle = {one: after[one] - before[one] for one in ours}
    best = max(idle, key=lambda one: idle[one])
    return best if idle[best] - idle.get(cpu, 0.0) > BETTER * LOOK else cpu


def move_to_idle_cpu(pid: int) -> None:
    """All threads of a child, while it is stopped: no two of them are ever apart."""
    cpu = min(os.sched_getaffinity(pid))
    before = idle_times(STAT.read_text())
    time.sleep(LOOK)
    best = better_than(cpu, before, idle_times(STAT.read_text()))
    if best == cpu:
        return
    os.kill(pid, signal.SIGSTOP)
    try:
        # Until then threads can come and go; and it may end instead, which others notice
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {best})
    finally:
        os.kill(pid, signal.SIGCONT)
