# SPDX-License-Identifier: GPL-2.0-only
"""The clock of the host is read millions of times, while it is set, and over restores.

It is set behind the back of dom0, to one of two times again and again, of which both
halves differ: a read that has one half of each is off by a time that nobody has set.
"""

from __future__ import annotations

from itertools import count

from lab.base.common import say
from lab.checks.phc import check_readers, readers_of
from lab.guest.guest import Guest
from lab.guest.phc import Reading, never_set_again, read
from lab.guest.scenario import finish, measure
from lab.guest.suspend import idle

# When Xen booted, as it is told: seconds and ns
TIMES = ((1_700_000_000, 0), (1_700_000_005, 500_000_000))
APART = 5.5
# How often it is set between two restores: few reads have Xen write between two loads
SETS = 50_000
# They are read only by the threads that do nothing else
IDLE_USEC = 1_000_000


def set_often(guest: Guest) -> None:
    """To one and the other by turns; in the end it is as it was before."""
    words = " ".join(f"{seconds} {ns}" for seconds, ns in TIMES[::-1])
    guest.host.must(f"wallclock {words} {SETS // 2}")


def run_reads(guest: Guest, reads: int, restores: int) -> list[str]:
    guest.host.limit = guest.host.age + 3600.0 + 60.0 * restores
    never_set_again(guest.host)
    guest.host.must(f"wallclock {TIMES[0][0]} {TIMES[0][1]}")
    measure(guest)
    idle(guest, IDLE_USEC)
    numbers = count(1)
    # From now on the threads read it
    read(guest, next(numbers))
    guest.phase("reads 0")
    guest.wait_state("reading")
    for restore in range(1, restores + 1):
        seen = _read_on(guest, numbers, reads * restore // restores)
        guest.save()
        guest.restore()
        if not restore % 10 or restore == restores:
            say(f"ptp: {restore} restores, {seen.reads} reads")
    guest.phase(f"reads {IDLE_USEC}")
    guest.wait_state("reading")
    _, report = finish(guest)
    steps = sum(reader.steps for reader in readers_of(report))
    say(f"ptp: {SETS * restores} times or more it was set: {steps} steps were seen")
    return check_readers(report, range(1, 1_000_000_000), APART, reads)


def _read_on(guest: Guest, numbers: count[int], reads: int) -> Reading:
    """Set it until it was read so often in all."""
    while True:
        set_often(guest)
        seen = read(guest, next(numbers))
        if seen.reads >= reads:
            return seen
