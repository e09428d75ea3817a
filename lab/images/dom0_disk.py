# SPDX-License-Identifier: GPL-2.0-only
"""Makes the disk of a dom0 as users have it: Debian with systemd and Xen's packages."""

from __future__ import annotations

from dataclasses import replace

from lab.config import Xen
from lab.images.disk import Disk, Files, make_disk
from lab.images.initramfs import PAYLOAD, make_images, Images

SCRIPT, UNIT = (PAYLOAD / "dom0" / name for name in ("lab-dom0", "lab-dom0.service"))
SHARE = b"share /share 9p trans=virtio,version=9p2000.L,msize=262144 0 0\n"
HOOKS = (f'chroot "$1" systemctl enable {UNIT.name}',)


def own_files() -> bytes:
    files = Files()
    files.add("usr/sbin/lab-dom0", SCRIPT.read_bytes(), 0o755)
    files.add(f"etc/systemd/system/{UNIT.name}", UNIT.read_bytes(), 0o644)
    files.add("etc/fstab", b"/dev/vda / auto defaults 0 0\n" + SHARE, 0o644)
    files.add("etc/hostname", b"dom0\n", 0o644)
    return files.archive()


def make_debian(xen: Xen, kernel: str) -> Images:
    """What make_images() makes, with a Debian of Xen's suite for dom0."""
    packages = (
        "systemd-sysv",
        "udev",
        "xenstore-utils",
        f"xen-utils-{xen.version}",
        xen.qemu_package,
        "xz-utils",
    )
    disk = Disk("dom0", xen.suite, packages, HOOKS)
    root = make_disk(disk, [own_files()], own_files)
    return replace(make_images(xen, kernel), root=root)
