# SPDX-License-Identifier: GPL-2.0-only
"""What a guest is made of: its images, where dom0 has them, and xl's configuration."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

from lab.config import GuestSpec
from lab.host.network import VIF
from lab.host.host import Host

# A new vCPU of a PVH or HVM guest measures its delay loop, which on a busy machine
# fails under TCG.  That it failed, any kernel prints with a stamp of long ago, as the
# vCPU's clock stands still until its first tick.  More loops than needed do no harm.
LPJ = "lpj=16000000"

# The device model of an HVM guest shows nothing, and has no devices that would keep it
# busy
HVM = (
    "vnc = 0",
    "sdl = 0",
    "nographic = 1",
    'vga = "none"',
    "usb = 0",
    "vkb_device = 0",
)
# To look for serial ports takes such a guest seconds, as dom0 has to answer
NO_PORTS = "8250.nr_uarts=0"

# Of a guest that has a disk
ROOT = " root=/dev/xvda rw"

# What the shim needs for itself
SHIM_MIB = 192

# xl maps the images, and 9p reads them bit by bit: so let dom0 have them in one go
TAKE = (
    "{{ [ -e /run/{0} ] || "
    "{{ dd if=/share/{0} of=/run/{0}.new bs=1M && mv /run/{0}.new /run/{0}; }}; }}"
)


def put_initramfs(host: Host, spec: GuestSpec, initramfs: Path) -> str:
    """Give it to dom0; the result is its name there.

    The firmware of an HVM guest reads it byte by byte, each of which Xen and dom0 have
    to do with: under TCG that takes longer than to inflate it.
    """
    if spec.kind != "hvm":
        host.run.add(initramfs, "guest.cpio.gz")
        return "guest.cpio.gz"
    small = host.run.path("small.cpio.gz")
    if not small.exists():
        small.write_bytes(gzip.compress(gzip.decompress(initramfs.read_bytes())))
    return small.name


@dataclass(frozen=True)
class Staged:
    """What a guest boots, as it is called in /run of dom0, and how it gets there."""

    kernel: str
    # "" if there is none
    ramdisk: str

    @property
    def order(self) -> str:
        return " && ".join(
            TAKE.format(file) for file in (self.kernel, self.ramdisk) if file
        )


def stage(host: Host, spec: GuestSpec, kernel: Path, initramfs: Path) -> Staged:
    image = f"bzImage-{kernel.parent.name}"
    host.run.add(kernel, image)
    if not spec.disk:
        return Staged(image, put_initramfs(host, spec, initramfs))
    initrd = kernel.with_name("initrd.img")
    if not initrd.exists():
        return Staged(image, "")
    host.run.add(initrd, initrd.name)
    return Staged(image, initrd.name)


def configure(host: Host, spec: GuestSpec, staged: Staged) -> None:
    """Write xl's configuration."""
    kind, memory = spec.kind, spec.memory
    if kind == "pvshim":
        kind, memory = "pvh", memory + SHIM_MIB
    words = {"pv": "", "hvm": f"{LPJ} {NO_PORTS}"}.get(spec.kind, LPJ)
    words += ROOT * (spec.disk != "")
    extra = f"console=hvc0 {words} {spec.cmdline}"
    config = [
        f'name = "{spec.name}"',
        f'type = "{kind}"',
        f'kernel = "/run/{staged.kernel}"',
        f'extra = "{" ".join(extra.split())}"',
        f"memory = {memory}",
        f"vcpus = {spec.vcpus}",
    ]
    if spec.disk:
        config.append(f'disk = ["phy:{spec.disk},xvda,w"]')
    if staged.ramdisk:
        config.append(f'ramdisk = "/run/{staged.ramdisk}"')
    if spec.kind == "pvshim":
        config.append("pvshim = 1")
    if spec.kind == "hvm":
        config += HVM
    if spec.itsc or host.spec.itsc:
        config.append('cpuid = "host,invtsc=1"')
    if spec.network:
        config.append(VIF)
    if spec.tsc_mode:
        config.append(f'tsc_mode = "{spec.tsc_mode}"')
    if spec.timer_mode:
        config.append(f'timer_mode = "{spec.timer_mode}"')
    host.run.path(f"{spec.name}.cfg").write_text("\n".join(config) + "\n")
