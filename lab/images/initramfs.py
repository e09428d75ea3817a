# SPDX-License-Identifier: GPL-2.0-only
"""Makes what QEMU boots: the hypervisor, dom0's initramfs and the guest's."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from lab.base.common import LAB, TOP, locked, need, output, say
from lab.base.common import need_space, write_atomically
from lab.base.cpio import Archive
from lab.config import Xen
from lab.images.debian import Tree
from lab.images.kernel import file_of, tree_of

IMAGES = LAB / "images"
PAYLOAD = TOP / "lab" / "payload"
ARCHIVER = TOP / "lab" / "base" / "cpio.py"
DOM0_SOURCES = sorted((PAYLOAD / "dom0").glob("*.c"))
HOTPLUG = "etc/xen/scripts"
DOM0_SCRIPTS = {"init": "init", "usr/sbin/lab-dom0": "lab-dom0"} | {
    f"{HOTPLUG}/{name}": name for name in ("block", "vif")
}
TOOL = TOP / "tools" / "xen-clock"
TOOL_SOURCES = [TOOL / "Makefile", *sorted(TOOL.rglob("*.[ch]"))]
TOOL_SOURCES += sorted((TOP / "arch/x86/xen").glob("tsc_policy.[ch]"))
SELFTEST = TOP / "tools/testing/selftests/xen"
SELFTEST_SOURCES = sorted(SELFTEST.glob("*.[ch]"))
GUEST_SOURCES = sorted((PAYLOAD / "guest").glob("*.[ch]"))
CFLAGS = "-static -pthread -O2 -std=gnu11 -Wall -Wextra -Werror".split()
# The kernel's names for these, which its checkpatch wants to see used
CFLAGS += ["-D__printf(a,b)=__attribute__((__format__(__printf__,a,b)))"]
CFLAGS += ["-D__noreturn=__attribute__((__noreturn__))"]
TOOLS_ARCHIVE, HEADERS = "tools.cpio.gz", "headers.tar"


@dataclass(frozen=True)
class Images:
    xen: Path
    dom0: Path
    guest: Path
    # Of dom0's disks, which it can lend to guests
    disks: tuple[str, ...] = ()
    # The disk that dom0 boots from, instead of its initramfs, and does not change
    root: Path | None = None

    @property
    def symbols(self) -> Path:
        return self.xen.with_name("xen-syms")


def up_to_date(target: Path, stamp: str) -> bool:
    record = target.with_name(target.name + ".stamp")
    return target.exists() and record.exists() and record.read_text() == stamp


def rebuild(target: Path, inputs: list[bytes], make: Callable[[], bytes]) -> None:
    """Make target unless it was made from the same inputs; stamp it last."""
    stamp = hashlib.sha256(b"\0".join(inputs)).hexdigest()
    if up_to_date(target, stamp):
        return
    say(f"lab: making {target.relative_to(TOP)}")
    record = target.with_name(target.name + ".stamp")
    record.unlink(missing_ok=True)
    write_atomically(target, make())
    write_atomically(record, stamp.encode())


def make_hypervisor(xen: Xen, directory: Path) -> None:
    """Hypervisor and tools come out of one download: they must match."""
    inputs = [
        path.read_bytes() for path in (Path(__file__).with_name("debian.py"), ARCHIVER)
    ]
    inputs.append(repr(xen).encode())
    stamp = hashlib.sha256(b"\0".join(inputs)).hexdigest()
    names = ["xen", HEADERS, TOOLS_ARCHIVE, *(["xen-syms"] if xen.symbols else [])]
    if all(up_to_date(directory / name, stamp) for name in names):
        return
    # They may be of another download
    for name in names:
        (directory / f"{name}.stamp").unlink(missing_ok=True)
    tree = Tree(f"Xen {xen.version}", xen.suite, xen.packages)
    rebuild(directory / "xen", inputs, lambda: tree.hypervisor(xen))
    if xen.symbols:
        rebuild(directory / "xen-syms", inputs, lambda: tree.symbols(xen))
    rebuild(directory / HEADERS, inputs, tree.headers)
    rebuild(directory / TOOLS_ARCHIVE, inputs, tree.tools)


def compiled(sources: list[Path], *options: str) -> bytes:
    """A static program."""
    need("gcc")
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "program"
        names = [str(source) for source in sources if source.suffix == ".c"]
        output("gcc", *CFLAGS, *options, "-o", str(program), *names)
        return program.read_bytes()


def users_tool() -> bytes:
    """tools/xen-clock, as a user builds it."""
    with tempfile.TemporaryDirectory() as directory:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        output("make", "-s", "-C", str(TOOL), f"O={directory}", env=environ)
        return (Path(directory) / "xen-clock").read_bytes()


def selftest(kernel: str) -> bytes:
    """The kselftest of the series, with what it takes of the kernel's own ones."""
    # It includes "../kselftest.h": any directory that lies beside that will do
    beside = tree_of(kernel) / "tools/testing/selftests/kselftest"
    options = ("-D_GNU_SOURCE=", "-U__printf", f"-iquote{beside}")
    return compiled(SELFTEST_SOURCES, *options)


def testptp(kernel: str) -> bytes:
    """The kernel's own selftest of PTP clocks, as that kernel knows them."""
    source, header = testptp_sources(kernel)
    return compiled([source], "-w", "-include", str(header))


def testptp_sources(kernel: str) -> tuple[Path, Path]:
    source = file_of(kernel, "tools/testing/selftests/ptp/testptp.c")
    return source, file_of(kernel, "include/uapi/linux/ptp_clock.h")


def dom0_initramfs(kernel: str, tools: bytes, headers: bytes) -> bytes:
    """The kernel unpacks concatenated archives one after the other."""
    archive = Archive()
    archive.console()
    with tempfile.TemporaryDirectory() as directory:
        with tarfile.open(fileobj=io.BytesIO(headers)) as tar:
            tar.extractall(directory)
        for program in DOM0_SOURCES:
            data = compiled([program], f"-I{directory}")
            archive.file(f"bin/{program.stem}", data)
    archive.file("bin/xen-clock", users_tool())
    archive.file("bin/tsc-selftest", selftest(kernel))
    for name, source in DOM0_SCRIPTS.items():
        archive.file(name, (PAYLOAD / "dom0" / source).read_bytes())
    archive.symlink("bin/sh", "busybox")
    return tools + archive.compressed()


def guest_initramfs(kernel: str) -> bytes:
    archive = Archive()
    archive.console()
    archive.file("init", compiled(GUEST_SOURCES, f"-I{SELFTEST}"))
    archive.file("bin/xen-clock", users_tool())
    archive.file("bin/tsc-selftest", selftest(kernel))
    archive.file("bin/testptp", testptp(kernel))
    return archive.compressed()


def make_images(xen: Xen, kernel: str) -> Images:
    directory = IMAGES / xen.version
    images = Images(
        directory / "xen", directory / "dom0.cpio.gz", IMAGES / "guest.cpio.gz"
    )
    need_space(IMAGES, 64)
    with locked(IMAGES / ".lock"):
        make_hypervisor(xen, directory)
        tools = (directory / TOOLS_ARCHIVE).read_bytes()
        cpio = ARCHIVER.read_bytes()
        headers = (directory / HEADERS).read_bytes()
        compiler = [cpio, " ".join(CFLAGS).encode()]
        shared = [*TOOL_SOURCES, *SELFTEST_SOURCES]
        compiler += [source.read_bytes() for source in shared]
        compiler += [kernel.encode()]
        scripts = [PAYLOAD / "dom0" / name for name in DOM0_SCRIPTS.values()]
        inputs = [*compiler, tools, headers]
        inputs += [source.read_bytes() for source in [*scripts, *DOM0_SOURCES]]
        rebuild(images.dom0, inputs, lambda: dom0_initramfs(kernel, tools, headers))
        sources = [*GUEST_SOURCES, *testptp_sources(kernel)]
        inputs = compiler + [source.read_bytes() for source in sources]
        rebuild(images.guest, inputs, lambda: guest_initramfs(kernel))
    return images
