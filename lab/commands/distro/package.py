# SPDX-License-Identifier: GPL-2.0-only
"""A kernel as a Debian package, which the guest installs, and boots from then on.

dom0 has no boot loader for PV guests, so the kernel is copied out of the guest's disk
to where the toolstack finds it, as "xl create" with kernel= has it.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from lab.base.common import BUILD, LabError, need, say
from lab.config import GuestSpec
from lab.guest.guest import Guest
from lab.guest.lifecycle import save
from lab.guest.programs import Programs
from lab.guest.session import Session
from lab.images.kernel import script

# Where lab/payload/debian/programs finds it
PLACE = "/root/linux-image.deb"
# Of the lab's kernel
CONFIG = "{0}/config"
# An emulated CPU makes the initrd, and Debian's kernels have modules by the hundred
INSTALL_LIMIT = 7200.0


def make_package(kernel: str, config: Path | None) -> None:
    """As "make deb CONFIG=" does; without a configuration, from the lab's own."""
    script("setup", "deb")
    script("deb", kernel, str((config or BUILD / CONFIG.format(kernel)).absolute()))


def package_of(kernel: str) -> Path:
    """The one that was built last."""
    found = [
        path
        for path in (BUILD / f"{kernel}-deb").glob("linux-image-*.deb")
        if "-dbg_" not in path.name
    ]
    if len(found) != 1:
        raise LabError(
            f"there are {len(found)} packages of a kernel in build/{kernel}-deb",
            hint="Have it built: leave --no-build out.",
        )
    return found[0]


def debugfs(disk: str, command: str, *options: str) -> str:
    """It needs no mount, and so no privileges; it exits with 0 whatever happens."""
    need("debugfs")
    done = subprocess.run(
        ["debugfs", *options, "-R", command, disk],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if re.search(r"not found|No space|while|Usage", done.stdout):
        raise LabError(f"debugfs cannot {command} in the guest's disk:\n{done.stdout}")
    return done.stdout


def put_in(disk: str, package: Path) -> None:
    """Where the guest's administrator finds it."""
    debugfs(disk, f"write {package} {PLACE}", "-w")


def take_out(disk: str, version: str, target: Path) -> Path:
    """The kernel, and its initrd beside it, if it has one."""
    target.mkdir(parents=True, exist_ok=True)
    for name, file in (("vmlinuz", "bzImage"), ("initrd.img", "initrd.img")):
        path = target / file
        path.unlink(missing_ok=True)
        if f"{name}-{version}" in debugfs(disk, "ls /boot"):
            debugfs(disk, f"dump /boot/{name}-{version} {path}")
    image = target / "bzImage"
    if not image.exists():
        raise LabError(f"the guest's disk has no /boot/vmlinuz-{version}")
    say(f"distro: took vmlinuz-{version} out of the guest's disk")
    return image


@dataclass
class Install(Programs):
    """The guest's administrator installs the package."""

    def run(self, guest: Guest) -> None:
        guest.host.limit = guest.host.age + INSTALL_LIMIT
        self.pause_readers(guest)
        self.tell(guest, "install")

    @property
    def version(self) -> str:
        """Of the kernel, as "uname -r" will say."""
        text = self.said["install"]
        found = re.search(r"^installed (\S+)$", text, re.MULTILINE)
        if not found:
            raise LabError(f"the guest could not install the package:\n{text}")
        return found[1]


def install(spec: GuestSpec, home: Session) -> GuestSpec:
    """Run the guest to install the package; the guest that boots what it has installed."""
    kernel, [disk] = home.settings.kernel, home.images.disks
    put_in(disk, package_of(kernel))
    steps = Install(save)
    home.run(replace(spec, name=f"{spec}-before"), steps)
    image = take_out(disk, steps.version, BUILD / f"{kernel}-installed")
    return replace(spec, installed=str(image.parent))
