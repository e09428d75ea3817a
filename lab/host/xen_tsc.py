# SPDX-License-Identifier: GPL-2.0-only
"""A guest's TSC as Xen has it: what Xen says of it, and how to make it jump.

A jump is what a guest sees whose host was in S3. The guest is told nothing, and must
find out by itself. Pause it meanwhile, as it would be on such a host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lab.base.common import LabError
from lab.host.host import Host

# From reading the TSC to setting it, in dom0 under TCG: it is late by this much
LATE = 1_000_000_000


@dataclass(frozen=True)
class Outside:
    """What `xl debug-keys s` says of a domain: Xen's own view."""

    line: str
    mode: int
    khz: int
    incarnation: int
    host_reliable: bool
    # Xen's clock (ns) when the guest's TSC was zero; the guest may be older
    offset: int = 0
    hvm: bool = False


def parse_outside(text: str, domid: int) -> Outside:
    head = re.search(r"TSC (not )?marked as .*", text)
    if not head:
        raise LabError("Xen said nothing about the TSC at debug key s")
    for found in re.finditer(rf"dom{domid}(\(hvm\))?: (mode=.*)", text[head.end() :]):
        values = dict(re.findall(r"(\w+)=(\w+)", found[2]))
        offset = int(values.get("ofs", "0"), 0)
        return Outside(
            line=found[2].strip(),
            mode=int(values["mode"]),
            khz=int(values.get("khz", "0")),
            incarnation=int(values.get("inc", "0")),
            host_reliable=head[1] is None,
            offset=offset - 2**64 if offset >= 2**63 else offset,
            hvm=found[1] is not None,
        )
    raise LabError(f"Xen said nothing about domain {domid} at debug key s")


def read_outside(host: Host, domid: int) -> Outside:
    text = host.must("domctl tsc")
    return parse_outside(text, domid)


def shift_vtsc(host: Host, domid: int, ns: int) -> int:
    """Add ns to the domain's TSC offset: a positive number sets the TSC back.

    If set back further than the TSC has come, it wraps to nearly 2^64: to try a jump
    back of minutes, create the guest paused and set its TSC forward by more, before
    it runs.  It cannot be set forward further than Xen's clock was at the guest's
    birth: see Host.older().  Returns what the offset moved by, in Xen's own words.
    """
    before = read_outside(host, domid)
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
    host.must(f"domctl move {domid} {-ns}")
    after = read_outside(host, domid)
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
