# SPDX-License-Identifier: GPL-2.0-only
"""Makes Xen believe that it has been up for some time when it boots.

The TSC of a guest counts from where Xen's own clock was at the guest's birth,
and cannot be set forward by more than that: it takes an old host to try a jump
of minutes.

Xen's first instructions note the TSC in boot_tsc_stamp.  Its clock is the time
since, on the boot CPU first, from which init_xen_time() sets the platform timer's
and all other CPUs get theirs.  Each CPU has a stamp for it: a TSC, and what the clock
was then, which is zero before init_xen_time().  So to set that one number moves all
of them, and the same way.  (To move the TSC into the past would have it wrap, which
Xen 4.20 takes for the future.)
"""

from __future__ import annotations

import re
from pathlib import Path

from lab.base.common import LabError, need, output
from lab.host.gdb import Stub

# Where to stop; the TSC of the boot; the boot CPU's clock, which begins with a copy
# of it, followed by the time in ns
STOP = "init_xen_time"
STAMP = "boot_tsc_stamp"
CLOCK = "per_cpu__cpu_time"
TIME = 8
# Xen is there after a second of its own time
STOP_LIMIT = 120.0


def addresses(symbols: Path) -> dict[str, int]:
    need("nm")
    if not symbols.exists():
        raise LabError(
            f"{symbols} does not exist: the symbols of this Xen are not packaged, so "
            "it cannot be made to believe that it has been up for some time"
        )
    text = output("nm", str(symbols))
    found = {
        name: int(address, 16)
        for address, name in re.findall(r"^([0-9a-f]+) \w (\w+)$", text, re.MULTILINE)
    }
    for name in (STOP, STAMP, CLOCK):
        if name not in found:
            raise LabError(f"{symbols} has no symbol {name}: another version of Xen?")
    return found


def set_uptime(directory: Path, symbols: Path, seconds: int) -> None:
    """QEMU waits for this before the first instruction (its option -S)."""
    at = addresses(symbols)
    with Stub(directory) as stub:
        try:
            stub.run_to(at[STOP], STOP_LIMIT)
        except LabError as error:
            raise LabError(f"Xen did not come to {STOP}(): {error}") from None
        clock = at[CLOCK]
        if stub.read(clock) != stub.read(at[STAMP]) or stub.read(clock + TIME):
            raise LabError(
                f"this Xen keeps its clock in another way than {Path(__file__).name} "
                f"thinks ({CLOCK} does not begin with {STAMP} and zero)"
            )
        stub.write(clock + TIME, seconds * 1_000_000_000)
