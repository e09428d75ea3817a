# SPDX-License-Identifier: GPL-2.0-only
"""What the witness in a guest measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Steps:
    """What one reader saw of one clock, in nanoseconds."""

    back: int
    back_cross: int
    jump: int
    before: int
    after: int


@dataclass(frozen=True)
class Sleeper:
    """How a vCPU's timers fired; late is the biggest, in nanoseconds."""

    wakes: int
    early: int
    late: int


@dataclass(frozen=True)
class Periodic:
    """How often a periodic timer expired, and by how many too many or too few."""

    expired: int
    surplus: int
    missing: int


@dataclass(frozen=True)
class Account:
    """What the kernel counted of a vCPU's time, in nanoseconds."""

    back: int
    ahead: int  # of the time that had passed


@dataclass(frozen=True)
class TimeLeaf:
    flags: int
    mode: int
    khz: int
    incarnation: int

    @property
    def emulated(self) -> bool:
        return bool(self.flags & 1)

    @property
    def host_reliable(self) -> bool:
        return bool(self.flags & 2)


@dataclass(frozen=True)
class Connection:
    """Round trips: all of them, the last, and the longest, in nanoseconds."""

    trips: int
    last: int
    longest: int
