# SPDX-License-Identifier: GPL-2.0-only
"""Where a guest and dom0 find each other: at these addresses, on any host."""

from __future__ import annotations

from lab.qemu import Machine

GUEST = "10.0.0.2"
DOM0 = "10.0.0.1"
# What is sent to it comes back
ECHO = 7

VIF = f'vif = ["ip={GUEST}, script=/etc/xen/scripts/vif"]'
CONNECT = f"connect {GUEST} {DOM0} {ECHO}"


def listens(port: int) -> str:
    return f"netstat -ltn | grep -q ':{port} '"


def serve(machine: Machine) -> None:
    """From now on somebody in dom0 answers."""
    machine.must(
        f"ifconfig lo {DOM0} netmask 255.255.255.255 up && "
        f"{{ {listens(ECHO)} || nc -ll -p {ECHO} -e cat > /dev/null 2>&1 & }}; "
        f"until {listens(ECHO)}; do usleep 10000; done"
    )
