# SPDX-License-Identifier: GPL-2.0-only
"""Moves the TSC of a running guest, as a host does that sleeps (S3).

The guest is told nothing, and must find out by itself.  Pause it meanwhile, as
it would be on such a host: then its TSC has moved when it runs again.
"""

from __future__ import annotations

from lab.base.common import LabError
from lab.host.xen_tsc import read_outside
from lab.host.host import Machine
from lab.guest.guest import Guest

# A busy guest has been in its kernel up to 35 times in a row
PAUSES = 100
# From reading the TSC to setting it, in dom0 under TCG: it is late by this much
LATE = 1_000_000_000


def shift_vtsc(machine: Machine, domid: int, ns: int) -> int:
    """Add ns to the domain's TSC offset: a positive number sets the TSC back.

    If set back further than the TSC has come, it wraps to nearly 2^64: to try a jump
    back of minutes, create the guest paused and set its TSC forward by more, before
    it runs.  It cannot be set forward further than Xen's clock was at the guest's
    birth: see Host.older().  Returns what the offset moved by, in Xen's own words.
    """
    before = read_outside(machine, domid)
    if before.hvm or before.mode == 2 or (before.mode == 0 and before.host_reliable):
        raise LabError(
            f"the TSC of domain {domid} cannot be moved: "
            + ("Xen keeps no offset for it" if before.hvm else "it is the host's own")
        )
    if ns < 0 and before.offset + ns < 0:
        raise LabError(
            f"the TSC of domain {domid} can be set forward by "
            f"{max(0, before.offset) / 1e9:.1f} s at most, not by {-ns / 1e9:.1f} s",
            hint="Let Xen believe that it has been up for longer: Host.older()",
        )
    machine.must(f"vtsc {domid} {-ns}")
    after = read_outside(machine, domid)
    moved = after.offset - before.offset
    same = (after.mode, after.khz, after.incarnation)
    if same != (before.mode, before.khz, before.incarnation) or not (
        0 <= moved - ns < LATE
    ):
        raise LabError(
            f"the TSC offset of domain {domid} was to move by {ns} ns:\n"
            f"    before: {before.line}\n    after:  {after.line}"
        )
    return moved


def pause_outside_kernel(guest: Guest) -> None:
    """Pause a busy PV guest where its vCPUs run programs.

    What a jump within an interrupt does depends on what the interrupt does next: a
    jump forward can be reported as a lockup, or charged to a task before it is noticed.
    """
    for _ in range(PAUSES):
        guest.pause()
        if "kernel" not in guest.machine.must(f"vtsc {guest.domid}").split():
            return
        guest.unpause()
    raise LabError(f"{guest.name} was in its kernel whenever it was paused")
