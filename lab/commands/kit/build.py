# SPDX-License-Identifier: GPL-2.0-only
"""Makes the kit: an archive with all that a host with xl needs to run the guests."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import re
import tarfile
from pathlib import Path

from lab.base.common import BUILD, TOP, LabError, write_atomically
from lab.config import Settings
from lab.images.initramfs import TOOL, compiled, guest_initramfs, users_tool

SOURCES = TOP / "kit"
# The program that writes the report, and the tool's way to write JSON
PROGRAM = [*sorted(SOURCES.glob("*.c")), TOOL / "json.c"]
INCLUDES = [TOOL, TOOL / "include", TOP / "arch/x86/xen"]
INCLUDES += [TOP / "tools/testing/selftests/xen"]
SHIPPED = ("run", "README", "guests/pv.cfg", "guests/pvh.cfg", "guests/hvm.cfg")
MOST_BYTES = 40 << 20


def version() -> str:
    """That of the tool."""
    text = (TOOL / "xen-clock.h").read_text()
    found = re.search(r'^#define XEN_CLOCK_VERSION\s+"([\d.]+)"', text, re.M)
    if found is None:
        raise LabError("tools/xen-clock/xen-clock.h names no XEN_CLOCK_VERSION")
    return found[1]


def reporter(*options: str) -> bytes:
    """The static program that writes the report."""
    own = ("-D_GNU_SOURCE", "-U__printf", "-U__noreturn")
    return compiled(PROGRAM, *own, *(f"-I{path}" for path in INCLUDES), *options)


def contents(settings: Settings) -> dict[str, bytes]:
    """Its files; VERSION names them all, as what they are made of may differ."""
    # Debian's loaders and firmware read it faster if it is small
    initramfs = gzip.decompress(guest_initramfs(settings.kernel))
    files = {name: (SOURCES / name).read_bytes() for name in SHIPPED}
    files |= {
        "vmlinuz-mainline": settings.unpatched.read_bytes(),
        "vmlinuz-series": settings.patched.read_bytes(),
        "guest.cpio.gz": gzip.compress(initramfs, mtime=0),
        "xen-clock": users_tool(),
        "report": reporter(),
    }
    every = hashlib.sha256()
    for name, data in sorted(files.items()):
        every.update(f"{name} {len(data)}\n".encode() + data)
    files["VERSION"] = f"{version()}-{every.hexdigest()[:8]}\n".encode()
    return files


def archive(name: str, files: dict[str, bytes]) -> bytes:
    """A tar archive, the same every time; what is no configuration can be run."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, content in sorted(files.items()):
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size = len(content)
            member.mode = 0o755 if path in ("run", "report", "xen-clock") else 0o644
            tar.addfile(member, io.BytesIO(content))
    return lzma.compress(data.getvalue())


def make_kit(settings: Settings) -> Path:
    """Write build/xen-clock-kit-VERSION.tar.xz."""
    name = f"xen-clock-kit-{version()}"
    data = archive(name, contents(settings))
    if len(data) > MOST_BYTES:
        raise LabError(
            f"the kit has {len(data) >> 20} MiB, more than {MOST_BYTES >> 20}",
            hint="See which of the kernels has grown: ls -l build/*/bzImage",
        )
    path = BUILD / f"{name}.tar.xz"
    write_atomically(path, data)
    return path
