# SPDX-License-Identifier: GPL-2.0-only
"""What dom0 needs besides: QEMU for HVM guests, their firmware, and Xen's shim."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from lab.base.common import LabError, locked
from lab.base.cpio import Archive
from lab.config import HostSpec, Xen
from lab.images.debian import Tree, needed
from lab.images.initramfs import ARCHIVER, IMAGES, Images, rebuild

# xl looks for each at this place.  QEMU reads a keymap even if it has no display.
FILES = (
    r"usr/lib/xen-[\d.]+/boot/hvmloader",
    r"usr/lib/xen-[\d.]+/boot/xen-shim",
    r"usr/share/seabios/bios-256k\.bin",
    r"usr/share/qemu/linuxboot(_dma)?\.bin",
    r"usr/share/qemu/keymaps/en-us",
)


def device_model(tree: Tree, program: str) -> bytes:
    """An initramfs, to be unpacked over that of dom0's tools."""
    archive = Archive()
    qemu = tree.find(re.escape(program))
    archive.file(program, qemu)
    tree.add_libraries(archive, needed(qemu))
    for pattern in FILES:
        names = [name for name in tree.files if re.fullmatch(pattern, name)]
        if not names:
            raise LabError(
                f"the packages of the device model hold no file {pattern}",
                hint="It may have moved in this suite: see FILES in "
                "lab/images/device_model.py",
            )
        for name in names:
            archive.file(name, tree.files[name], mode=0o644)
    return archive.compressed()


def add_device_model(images: Images, xen: Xen, spec: HostSpec) -> Images:
    """With a dom0 that can run HVM guests and PV in PVH, if the host is to have such.

    The packages are fetched when it is first asked for.  They bring the libraries that
    they were built with, which take the place of those of an earlier download.
    """
    if images.root or not spec.device_model:
        return images
    directory = IMAGES / xen.version
    model, dom0 = directory / "device-model.cpio.gz", directory / "dom0-hvm.cpio.gz"
    own = Path(__file__)
    sources = (own, own.with_name("debian.py"), ARCHIVER)
    inputs = [path.read_bytes() for path in sources] + [repr(xen).encode()]

    def make() -> bytes:
        what = f"the device model of Xen {xen.version}"
        tree = Tree(what, xen.suite, (*xen.packages, xen.qemu_package))
        return device_model(tree, xen.qemu)

    with locked(IMAGES / ".lock"):
        rebuild(model, inputs, make)
        parts = [images.dom0.read_bytes(), model.read_bytes()]
        rebuild(dom0, parts, lambda: b"".join(parts))
    return replace(images, dom0=dom0)
