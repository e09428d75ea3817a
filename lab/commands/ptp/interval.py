# SPDX-License-Identifier: GPL-2.0-only
"""What an error in the frequency of dom0's clock makes of the clock of the host.

dom0 corrects the frequency of its own clock, and Xen's clock knows nothing of that until
dom0 sets it again. So it steps each time, by what has come together meanwhile.
"""

from __future__ import annotations

from itertools import count

from lab.base.common import say
from lab.guest.guest import Guest
from lab.guest.phc import INTERVAL, read

PPM = 50
DEFAULT = 660
SHORT = 16
# How many steps of the short interval are looked at; of the default there is one
STEPS = 4
# Less than that is the noise of two reads, in ns
NOISE = 100_000
# The clock is set when dom0's timekeeping is updated after that, seldom while it is idle
LATE = 0.5


def steps_of(guest: Guest, numbers: count[int], wanted: int) -> list[int]:
    """By how much the clock moves away from the guest's own, in ns, so many times."""
    steps: list[int] = []
    last = read(guest, next(numbers)).ahead
    while len(steps) < wanted:
        guest.host.must("sleep 1")
        now = read(guest, next(numbers)).ahead
        if abs(now - last) > NOISE:
            steps.append(abs(now - last))
            say(f"ptp: the clock of the host has moved by {steps[-1] / 1e6:.2f} ms")
        last = now
    return steps


def run_interval(guest: Guest) -> list[str]:
    host, numbers, problems = guest.host, count(1), []
    host.limit = host.age + 3600.0
    host.must(f"adjtimex -q -f {PPM << 16}")
    for interval, wanted in ((SHORT, STEPS), (DEFAULT, 1)):
        host.must(f"echo {interval} > {INTERVAL}")
        # The first one has come together since another time
        steps_of(guest, numbers, 1 if interval == SHORT else 0)
        steps = steps_of(guest, numbers, wanted)
        expected = interval * PPM * 1000
        for step in steps:
            if not (1 - LATE) * expected < step < (1 + LATE) * expected:
                problems.append(f"{interval} s make {step} ns, expected {expected}")
    guest.shutdown()
    return problems
