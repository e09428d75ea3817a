# SPDX-License-Identifier: GPL-2.0-only
"""What Xen itself says of a guest's TSC."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lab.base.common import LabError
from lab.host.host import Machine


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
    """Only what follows the last heading counts: dmesg keeps older ones."""
    heads = list(re.finditer(r"TSC (not )?marked as .*", text))
    if not heads:
        raise LabError("xl debug-keys s printed nothing about the TSC")
    head = heads[-1]
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
    raise LabError(f"xl debug-keys s has no line about domain {domid}")


def read_outside(machine: Machine, domid: int) -> Outside:
    text = machine.must("xl debug-keys s && xl dmesg | tail -n 60")
    return parse_outside(text, domid)
