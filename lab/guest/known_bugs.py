# SPDX-License-Identifier: GPL-2.0-only
"""What others do to guests now and then, and the series cannot see to."""

from __future__ import annotations

import re

# SVM delivers an interrupt twice, if it is asked to look for work right when Xen has
# injected one.  A PVH guest does not survive that: it has f3 on top of f3, or runs
# with Xen's registers.  Or it has it with interrupts off, on its way to sleep: then
# that which was to wake it is done already, and it sleeps on.
TWICE = "QEMU interrupted it twice at once"
# Before 8.1 code can be translated while another CPU changes it, and stays: the int3 of
# a kernel that patches itself.  In memory there is another instruction by then.
STALE = "QEMU ran an int3 that was gone from memory"
# Newer kernels do not count the users of a page of the slab.  netfront drops a count
# that it has not got, of those that it was to send when the guest slept: they are
# free then, and TCP finds in them what is not its own.  The series does not touch it.
UNSENT = "netfront freed what it had not sent yet"
# Before 4.19.5 and 4.20.3 Xen can restore a vCPU of a PVH or HVM guest with a TSC that is
# decades off.  The series gives that TSC up, as it must; most tests are of a good one.
UNDERFLOW = "Xen restored a vCPU with a TSC that is decades off"
# Xen starts the credit scheduler's timer for another CPU before it sets that CPU's
# sched_priv, which the timer reads (init_pdata(), schedule_cpu_add()).  It has 10 ms from
# the one to the other, in which QEMU's thread can have to wait for a CPU.
EARLY_TICK = "csched_tick+0x"
# After these a guest lives on, but shows nothing of the series
SURVIVED = (UNSENT, UNDERFLOW)

FAULTS = {
    re.compile(
        r"Triple fault - (?s:.*?)CONTEXT: hvm guest"
        r"|double fault(?s:.*?)RIP: 0010:asm_sysvec_xen_hvm_callback\+0x0/"
    ): TWICE,
    re.compile(
        r"int3: 0000 (?:(?!Code: )(?s:.))*Code: (?:[0-9a-f]{2} )*(?!cc)[0-9a-f]{2} <"
    ): STALE,
    re.compile(r"WARNING: .*\bxennet_disconnect_backend\+"): UNSENT,
    # In ms: three decades or more, which nothing that the lab does moves a TSC by
    re.compile(r"xen: .*\bthe TSCs of vCPUs differ by -?\d{12,} ms"): UNDERFLOW,
}


def fault_in(said: str) -> str:
    """What they did, by what Xen and the guest say; else nothing."""
    return next((fault for found, fault in FAULTS.items() if found.search(said)), "")
