# SPDX-License-Identifier: GPL-2.0-only
"""Asks Xen what the vCPUs of a guest that says nothing more are doing."""

from __future__ import annotations

import re

from lab.base.log import Log
from lab.host.host import Host

# Begins what is no word of the guest's in its log
XEN_ANSWERS = "lab: what Xen says of this guest:"
LOST_WAKEUP = "all of its vCPUs sleep, and Xen has no event for them"
# Asks Xen where its CPUs are and the vCPUs, who waits for a CPU, and what timers do
KEYS = "for key in d q r a; do xl debug-keys $key; done; xl dmesg | tail -n 600"
# Of Xen's pause flags
BLOCKED, DOWN = 1, 2
RIP = re.compile(r"^rip: (\w+)", re.MULTILINE)
VCPU = re.compile(
    r"(VCPU\d+): .*upcall_pend=(\d+) upcall_mask=(\d+).*\n"
    r".*pause_count=(\d+) pause_flags=(\w+)"
)


def parse_vcpus(text: str, domid: int) -> str:
    """From what `xl debug-keys q` has Xen say; what it said before does not count."""
    _, found, text = text.rpartition(f"General information for domain {domid}:")
    vcpus = VCPU.findall(text.partition("General information for domain ")[0])
    if not found or not vcpus:
        return "Xen says nothing of its vCPUs"
    # One that is unplugged is not to wake up, one that is paused cannot
    up = [(int(p), int(n), int(flags, 16)) for _, p, _, n, flags in vcpus]
    up = [one for one in up if one[2] != DOWN]
    if up and all(one == (0, 0, BLOCKED) for one in up):
        return LOST_WAKEUP
    return "; ".join(
        f"{name} has {'an' if int(pend) else 'no'} event pending"
        f"{', which it masks' if int(mask) else ''}"
        f", and is {'not running' if int(count) or int(flags, 16) else 'running'}"
        for name, pend, mask, count, flags in vcpus
    )


def where_it_is(host: Host, domid: int, vcpus: int, log: Log) -> str:
    """In a word, and what it said last; all that Xen has to say goes to its log.

    The guest can go on by that: Xen sends it an event, so that it prints, too.
    """
    last = log.tail()
    # Registers and stack of each vCPU, before it goes on
    stacks = "; ".join(
        f"echo vCPU {vcpu}:; xenctx -a {domid} {vcpu}" for vcpu in range(vcpus)
    )
    _, text = host.order(f"{{ {stacks}; }} 2>&1")
    _, keys = host.order(KEYS)
    with log.path.open("a") as file:
        file.write(f"\n{XEN_ANSWERS}\n{text}\n{keys}\n")
    where = parse_vcpus(keys, domid)
    if rips := RIP.findall(text):
        where += f"; they are at {', '.join(rips)}"
    return f"{where}\n{last}"
