# SPDX-License-Identifier: GPL-2.0-only
"""Makes what QEMU boots: the hypervisor, dom0's initramfs and the guest's."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from lab.common import LAB, TOP, LabError, locked, need, output, run_main, say
from lab.common import need_space, write_atomically
from lab.cpio import Archive
from lab.hosts import Xen, choose_xen

IMAGES = LAB / "images"
HERE = Path(__file__).resolve().parent
GUEST_SOURCES = sorted((HERE / "guest").glob("*.[ch]"))
CFLAGS = "-static -pthread -O2 -std=gnu11 -Wall -Wextra -Werror".split()
# The kernel's names for these, which its checkpatch wants to see used
CFLAGS += ["-D__printf(a,b)=__attribute__((__format__(__printf__,a,b)))"]
CFLAGS += ["-D__noreturn=__attribute__((__noreturn__))"]
LIBRARIES = "lib/x86_64-linux-gnu"
# All of dom0's user space: these, and the libraries that they need.
TOOLS = ("xl", "xenstored", "xenconsoled", "libxl-save-helper", "xen-init-dom0")
STORE_TOOLS = ("list", "ls", "read", "rm", "watch", "write")


@dataclass(frozen=True)
class Images:
    xen: Path
    dom0: Path
    guest: Path


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


def sources_list(suite: str) -> list[str]:
    """The suite and its security updates, where the machine's apt has a mirror."""
    fetch = str(TOP / "scripts" / "fetch")
    lines = [f"deb {output(fetch, '--mirror', suite)} {suite} main"]
    if suite not in ("sid", "unstable"):
        security = f"{suite}-security"
        try:
            mirror = output(fetch, "--mirror", security)
            lines.append(f"deb {mirror} {security} main")
        except LabError:
            say(f"lab: apt names no mirror of {security}, going without")
    return lines


class Tree:
    """The unpacked packages, in memory."""

    def __init__(self, xen: Xen) -> None:
        need("mmdebstrap", "apt-get", "dpkg-deb", "readelf")
        say(f"lab: downloading Xen {xen.version} and its tools ({xen.suite})")
        # Unpacking runs nothing, so an ordinary user needs no name space.
        mode = "auto" if os.geteuid() == 0 else "chrootless"
        command = ["mmdebstrap", "--variant=extract", f"--mode={mode}"]
        command += ["--format=tar", "--include=" + ",".join(xen.packages)]
        command += [xen.suite, "-", *sources_list(xen.suite)]
        self.files: dict[str, bytes] = {}
        self.links: dict[str, str] = {}
        with tempfile.TemporaryFile("w+") as errors:
            with subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
            ) as process:
                assert process.stdout is not None
                try:
                    self._read(tarfile.open(fileobj=process.stdout, mode="r|"))
                except tarfile.TarError:
                    pass
                process.stdout.read()
            errors.seek(0)
            # An unreachable mirror is told in a line of its own, indented
            said = [line for line in errors if line[:2] in ("E:", "W:", "  ")]
        if process.returncode:
            raise LabError(
                f"the packages of Xen {xen.version} could not be fetched:\n"
                + "".join("    " + line.lstrip() for line in said[-6:])
                + "    Check the network and the free space in /tmp, then run it again."
            )

    def _read(self, tar: tarfile.TarFile) -> None:
        for member in tar:
            name = os.path.normpath(member.name)
            if member.isreg():
                data = tar.extractfile(member)
                assert data is not None
                self.files[name] = data.read()
            elif member.islnk():
                self.files[name] = self.files[os.path.normpath(member.linkname)]
            elif member.issym():
                self.links[name] = member.linkname

    def find(self, pattern: str) -> bytes:
        """The one file whose path matches; a link stands for what it names."""
        for name, data in self.files.items():
            if re.fullmatch(pattern, name):
                return data
        for name, target in self.links.items():
            if re.fullmatch(pattern, name):
                return self.find(".*/" + re.escape(os.path.basename(target)))
        raise LabError(f"the packages hold no file {pattern}")

    def hypervisor(self, xen: Xen) -> bytes:
        return gzip.decompress(self.find(rf"boot/xen-{re.escape(xen.version)}.*\.gz"))

    def tools(self) -> bytes:
        """The pruned dom0 user space, as an initramfs."""
        archive = Archive()
        libraries: set[str] = {"libgcc_s.so.1"}  # dlopened by pthread_cancel()
        for tool in TOOLS:
            for name in self.files:
                if re.fullmatch(rf"usr/lib/xen-[\d.]+/bin/{tool}", name):
                    archive.file(name, self.files[name])
                    archive.symlink(f"usr/sbin/{tool}", f"/{name}")
                    libraries |= needed(self.files[name])
                    break
            else:
                raise LabError(f"the packages hold no {tool}")
        for tool in STORE_TOOLS:
            data = self.find(f"usr/bin/xenstore-{tool}")
            archive.file(f"usr/bin/xenstore-{tool}", data)
            libraries |= needed(data)
        done: set[str] = set()
        while libraries - done:
            library = min(libraries - done)
            done.add(library)
            data = self.find(r"(usr/)?lib.*/" + re.escape(library))
            where = "lib64" if library.startswith("ld-linux") else LIBRARIES
            archive.file(f"{where}/{library}", data)
            libraries |= needed(data)
        archive.file("bin/busybox", self.find("(usr/)?bin/busybox"))
        archive.file("etc/xen/xl.conf", self.find("etc/xen/xl.conf"), mode=0o644)
        return archive.compressed()


def needed(elf: bytes) -> set[str]:
    """The shared libraries that an ELF file names."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(elf)
        file.flush()
        text = output("readelf", "-d", file.name)
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", text))


def make_hypervisor(xen: Xen, directory: Path) -> None:
    """Hypervisor and tools come out of one download: they must match."""
    hypervisor, tools = directory / "xen", directory / "tools.cpio.gz"
    inputs = [Path(__file__).read_bytes(), (HERE / "cpio.py").read_bytes()]
    inputs.append(repr(xen).encode())
    stamp = hashlib.sha256(b"\0".join(inputs)).hexdigest()
    if up_to_date(hypervisor, stamp) and up_to_date(tools, stamp):
        return
    tree = Tree(xen)
    rebuild(hypervisor, inputs, lambda: tree.hypervisor(xen))
    rebuild(tools, inputs, tree.tools)


def dom0_initramfs(tools: bytes) -> bytes:
    """The kernel unpacks concatenated archives one after the other."""
    archive = Archive()
    archive.console()
    archive.file("init", (HERE / "dom0" / "init").read_bytes())
    archive.symlink("bin/sh", "busybox")
    return tools + archive.compressed()


def guest_initramfs() -> bytes:
    need("gcc")
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "init"
        sources = [str(source) for source in GUEST_SOURCES if source.suffix == ".c"]
        output("gcc", *CFLAGS, "-o", str(program), *sources)
        archive = Archive()
        archive.console()
        archive.file("init", program.read_bytes())
    return archive.compressed()


def make_images(xen: Xen) -> Images:
    directory = IMAGES / xen.version
    images = Images(
        directory / "xen", directory / "dom0.cpio.gz", IMAGES / "guest.cpio.gz"
    )
    need_space(IMAGES, 64)
    with locked(IMAGES / ".lock"):
        make_hypervisor(xen, directory)
        tools = (directory / "tools.cpio.gz").read_bytes()
        cpio = (HERE / "cpio.py").read_bytes()
        init = (HERE / "dom0" / "init").read_bytes()
        rebuild(images.dom0, [cpio, init, tools], lambda: dom0_initramfs(tools))
        inputs = [cpio, " ".join(CFLAGS).encode()]
        inputs += [source.read_bytes() for source in GUEST_SOURCES]
        rebuild(images.guest, inputs, guest_initramfs)
    return images


def main() -> int:
    images = make_images(choose_xen(os.environ.get("XEN") or "4.17"))
    for image in (images.xen, images.dom0, images.guest):
        say(f"{image.relative_to(TOP)}  {image.stat().st_size >> 10} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(run_main(main))
