# SPDX-License-Identifier: GPL-2.0-only
"""Where a guest and dom0 find each other: at these addresses, on any host."""

from __future__ import annotations

import os
from dataclasses import dataclass

from lab.host.qemu_args import CABLE, CARD
from lab.host.host import Host

GUEST = "10.0.0.2"
DOM0 = "10.0.0.1"
# What is sent to it comes back
ECHO = 7

VIF = f'vif = ["type=vif, ip={GUEST}, script=/etc/xen/scripts/vif"]'
CONNECT = f"connect {GUEST} {DOM0} {ECHO}"

# The ends of the cable between two hosts
HOME, AWAY = "192.168.0.1", "192.168.0.2"
MIGRATION = 7000


def listens(port: int) -> str:
    return f"netstat -ltn | grep -q ':{port} '"


def serve(host: Host) -> None:
    """From now on somebody in dom0 answers.

    The address is of no network: else dom0 takes what is for a guest that sleeps, and
    so has no interface, for its own, knows no such connection, and resets it.
    """
    host.must(
        f"{listens(ECHO)} || {{ ip addr add {DOM0}/32 dev lo && ip link set lo up && "
        f"{{ nc -ll -p {ECHO} -e cat > /dev/null 2>&1 & }}; }} && "
        f"until {listens(ECHO)}; do usleep 10000; done"
    )


@dataclass(frozen=True)
class Cable:
    """Joins two hosts, at whose home end dom0 serves the guest, wherever that is."""

    home: Host
    away: Host

    def lay(self) -> None:
        """Again where it was laid before: one of them may be another machine by now."""
        for one, two in ((self.home, self.away), (self.away, self.home)):
            end, here = one.run.path(CABLE), one.run.directory
            end.unlink(missing_ok=True)
            end.symlink_to(os.path.relpath(two.run.path(CARD), here))
        # A guest's own interface is the better way to it, where it has one
        self.home.must(
            f"ifconfig eth0 hw ether 02:00:00:00:00:01 {HOME} && "
            f"ip route replace {GUEST} via {AWAY} metric 50000"
        )
        self.away.must(
            f"ifconfig eth0 hw ether 02:00:00:00:00:02 {AWAY} && "
            f"ip route replace {DOM0} via {HOME} && "
            "sysctl -w net.ipv4.ip_forward=1 net.ipv4.conf.all.proxy_arp=1"
        )

    def receive(self, host: Host) -> str:
        """It takes in a guest; by this command the other one can send it.

        It is not nc that carries the data, as that of busybox does so in small pieces,
        nor cat, which keeps the pipe to xl locked while it waits for the network.
        """
        receiver = "xl migrate-receive -e 2> /share/receive.log"
        host.must(
            f"nc -l -p {MIGRATION} -e sh -c '{receiver}' > /dev/null 2>&1 & "
            f"until {listens(MIGRATION)}; do usleep 10000; done"
        )
        address = HOME if host is self.home else AWAY
        both_ways = 'sh -c "dd bs=64k <&3 & dd bs=64k >&4"'
        return f"exec 3<&0 4>&1; nc {address} {MIGRATION} -e {both_ways}"
