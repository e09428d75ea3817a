# SPDX-License-Identifier: GPL-2.0-only
"""Fetches Debian's packages, and takes out of them what the lab needs."""

from __future__ import annotations

import gzip
import io
import os
import re
import subprocess
import tarfile
import tempfile

from lab.base.common import TOP, LabError, need, output, say
from lab.base.cpio import Archive
from lab.config import Xen

LIBRARIES = "lib/x86_64-linux-gnu"
# All of dom0's user space: these, and the libraries that they need.
TOOLS = (
    "xl",
    "xenstored",
    "xenconsoled",
    "libxl-save-helper",
    "xen-init-dom0",
    "xenctx",
)
STORE_TOOLS = ("list", "ls", "read", "rm", "watch", "write")


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


class Unavailable(LabError):
    """These cannot be had here and now, which says nothing about others."""


class Tree:
    """The unpacked packages, in memory."""

    def __init__(self, what: str, suite: str, packages: tuple[str, ...]) -> None:
        need("mmdebstrap", "apt-get", "dpkg-deb", "readelf")
        say(f"lab: downloading {what} ({suite})")
        # Unpacking runs nothing, so an ordinary user needs no name space.
        mode = "auto" if os.geteuid() == 0 else "chrootless"
        command = ["mmdebstrap", "--variant=extract", f"--mode={mode}"]
        command += ["--format=tar", "--include=" + ",".join(packages)]
        command += [suite, "-", *sources_list(suite)]
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
            raise Unavailable(
                f"the packages of {what} could not be fetched from {suite}:",
                hint="".join(line.lstrip() for line in said[-6:])
                + "Check the network and the free space in /tmp, then run it again.\n"
                "An old suite moves to an archive, where the mirrors have it not.",
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

    def symbols(self, xen: Xen) -> bytes:
        """Where things are in the hypervisor, which must be this very build."""
        symbols = self.find(rf"usr/lib/debug/boot/xen-syms-{xen.version}-amd64")
        with tempfile.NamedTemporaryFile() as file:
            file.write(symbols)
            file.flush()
            build = re.search(r"Build ID: (\w+)", output("readelf", "-n", file.name))
        if build is None or bytes.fromhex(build[1]) not in self.hypervisor(xen):
            raise LabError("the packaged symbols are those of another build of Xen")
        return symbols

    def headers(self) -> bytes:
        """Xen's public headers, as a tar archive."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name, data in sorted(self.files.items()):
                if name.startswith("usr/include/xen/"):
                    member = tarfile.TarInfo(name.removeprefix("usr/include/"))
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
        return archive.getvalue()

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
        self.add_libraries(archive, libraries)
        archive.file("bin/busybox", self.find("(usr/)?bin/busybox"))
        archive.file("etc/xen/xl.conf", self.find("etc/xen/xl.conf"), mode=0o644)
        return archive.compressed()

    def add_libraries(self, archive: Archive, names: set[str]) -> None:
        """These, and those that they need themselves."""
        libraries, done = set(names), set[str]()
        while libraries - done:
            library = min(libraries - done)
            done.add(library)
            data = self.find(r"(usr/)?lib.*/" + re.escape(library))
            where = "lib64" if library.startswith("ld-linux") else LIBRARIES
            archive.file(f"{where}/{library}", data)
            libraries |= needed(data)


def needed(elf: bytes) -> set[str]:
    """The shared libraries that an ELF file names."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(elf)
        file.flush()
        text = output("readelf", "-d", file.name)
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", text))
