# SPDX-License-Identifier: GPL-2.0-only
"""Makes the initramfs of guests, and of their dom0, that have chrony and linuxptp."""

from __future__ import annotations

import gzip
from dataclasses import replace

from lab.base.common import TOP, locked, write_atomically
from lab.base.cpio import Archive
from lab.config import Xen
from lab.images.debian import Tree, needed
from lab.images.initramfs import IMAGES, PAYLOAD, TOOLS_ARCHIVE, Images
from lab.images.initramfs import make_images, rebuild

SCRIPTS = PAYLOAD / "ptp"
PACKAGES = ("chrony", "linuxptp")
PROGRAMS = (
    "usr/sbin/chronyd",
    "usr/bin/chronyc",
    "usr/sbin/phc2sys",
    "usr/sbin/phc_ctl",
)
APPLETS = "sh awk cat grep mkdir sleep tail wc".split()
# As the package comes, and at its end the line that chrony-host.conf asks for
CONFIG = "usr/share/chrony/chrony.conf"
DROP_IN = TOP / "tools/xen-clock/chrony-host.conf"
INCLUDED = "etc/chrony/xen-host.conf"
# What the lab reads
LOGGED = "log refclocks measurements\n"
# What each of the scripts can do
ORDERS = {
    "chrony": ("network", "start", "step", "stay", "sources"),
    "linuxptp": ("ctl", "start", "step", "stay"),
}


def debian_archive(suite: str) -> bytes:
    tree = Tree("chrony and linuxptp", suite, PACKAGES)
    archive = Archive()
    libraries: set[str] = set()
    for name in PROGRAMS:
        data = tree.find(name)
        archive.file(name, data)
        libraries |= needed(data)
    tree.add_libraries(archive, libraries)
    config = f"{tree.find(CONFIG).decode()}\ninclude /{INCLUDED}\n{LOGGED}"
    archive.file("etc/chrony/chrony.conf", config.encode(), mode=0o644)
    return archive.compressed()


def own_archive() -> bytes:
    archive = Archive()
    archive.file(INCLUDED, DROP_IN.read_bytes(), mode=0o644)
    archive.file("etc/passwd", b"root:x:0:0::/:/bin/sh\n", mode=0o644)
    for script, orders in ORDERS.items():
        archive.file(f"bin/{script}", (SCRIPTS / script).read_bytes())
        for order in orders:
            name = f"{script}-{order}"
            line = f"{name} exec /bin/{script} {order}\n"
            archive.file(f"suites/batch.{name}", line.encode(), mode=0o644)
    for applet in APPLETS:
        archive.symlink(f"bin/{applet}", "busybox")
    archive.directory("tmp")
    archive.directory("run")
    return archive.compressed()


def make_followers(xen: Xen, kernel: str) -> Images:
    """On top of the initramfs that all guests have, and of dom0's shell and libc."""
    images = make_images(xen, kernel)
    debian = IMAGES / "ptp" / f"{xen.suite}.cpio.gz"
    with locked(IMAGES / ".lock"):
        debian.parent.mkdir(exist_ok=True)
        inputs = [repr((PACKAGES, PROGRAMS, CONFIG, INCLUDED, LOGGED)).encode()]
        rebuild(debian, inputs, lambda: debian_archive(xen.suite))
        tools = images.dom0.with_name(TOOLS_ARCHIVE).read_bytes()
        more = [debian.read_bytes(), own_archive()]
        dom0, guest = (IMAGES / "ptp" / f"{name}.cpio.gz" for name in ("dom0", "guest"))
        write_atomically(dom0, b"".join([images.dom0.read_bytes(), *more]))
        # Xen unpacks it for a PV guest, and only the first part of it
        parts = [images.guest.read_bytes(), tools, *more]
        whole = b"".join(gzip.decompress(part) for part in parts)
        write_atomically(guest, gzip.compress(whole, compresslevel=1, mtime=0))
    return replace(images, dom0=dom0, guest=guest)
