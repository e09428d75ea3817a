# SPDX-License-Identifier: GPL-2.0-only
"""Makes the initramfs with the programs that others wrote."""

from __future__ import annotations

import gzip
import os
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from lab.base.common import BUILD, TOP, LabError, locked, output, say, write_atomically
from lab.base.cpio import Archive
from lab.config import Xen
from lab.images.initramfs import IMAGES, TOOLS_ARCHIVE, Images, make_images, rebuild
from lab.images.debian import Tree, Unavailable, needed
from lab.commands.suites.table import PACKAGES, PROGRAMS, SELFTESTS, Package, Program
from lab.commands.suites.table import batches, script

APPLETS = ("sh", "timeout", "date", "echo", "killall")


@dataclass(frozen=True)
class Suites:
    """What guests boot with, the programs that it holds, and why others are not there."""

    images: Images
    programs: list[Program]
    gone: dict[str, str]


def selftests_of(kernel: str) -> Path:
    """Of the very kernel that is booted, in its source."""
    tests = BUILD / kernel / "linux/tools/testing/selftests"
    if not (tests / "lib.mk").exists():
        raise LabError(
            f"there is no {tests.relative_to(TOP)}",
            hint=f"It is there once the kernel is built: scripts/kernel {kernel}",
        )
    return tests


def built(tests: Path, program: Program, directory: Path) -> bytes:
    """By the kernel's own Makefile."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    environ["LDFLAGS"] = "" if program.shared else "-static"
    for name in ("V", "KERNEL", "ARCH", "CROSS_COMPILE"):
        environ.pop(name, None)
    file = directory / program.name
    # As it says itself, no make of another directory stands above it
    where = ["-C", str(tests / program.suite), f"OUTPUT={directory}"]
    output("make", "-s", *where, str(file), env=environ)
    return file.read_bytes()


def package_archive(suite: str, name: str, package: Package) -> bytes:
    """The program and its libraries."""
    tree = Tree(package.name, suite, (package.name,))
    archive = Archive()
    data = tree.find(package.file)
    archive.file(f"suites/{name}/{package.file.rpartition('/')[2]}", data)
    tree.add_libraries(archive, needed(data))
    return archive.compressed()


def packaged(suite: str, programs: list[Program]) -> tuple[list[bytes], dict[str, str]]:
    """The archives of those that can be had, and why the others cannot."""
    archives: list[bytes] = []
    gone: dict[str, str] = {}
    for name in dict.fromkeys(p.suite for p in programs if p.suite in PACKAGES):
        package = PACKAGES[name]
        target = IMAGES / "suites" / f"{name}.cpio.gz"
        try:
            rebuild(
                target,
                [suite.encode(), repr(package).encode()],
                partial(package_archive, suite, name, package),
            )
        except Unavailable as error:
            gone |= {str(p): str(error) for p in programs if p.suite == name}
            continue
        archives.append(target.read_bytes())
    return archives, gone


def selftest_archive(kernel: str) -> tuple[Archive, dict[str, str]]:
    """The kernel's own programs, as far as this version has them: some run others."""
    tests = selftests_of(kernel)
    archive = Archive()
    gone: dict[str, str] = {}
    say(f"lab: building the programs of Linux {kernel}'s {' and '.join(SELFTESTS)}")
    with tempfile.TemporaryDirectory() as directory:
        for program in [p for p in PROGRAMS if p.suite in SELFTESTS]:
            if not (tests / program.suite / f"{program.name}.c").exists():
                gone[str(program)] = f"Linux {kernel} has no {program}"
                continue
            try:
                data = built(tests, program, Path(directory))
            except LabError as error:
                gone[str(program)] = f"it cannot be built: {error}"
                continue
            archive.file(f"suites/{program}", data)
    return archive, gone


def make_suites(xen: Xen, kernel: str, programs: list[Program]) -> Suites:
    """On top of the initramfs that all guests have, and of dom0's shell and libc."""
    images = make_images(xen, kernel)
    with locked(IMAGES / ".lock"):
        packages, absent = packaged(xen.suite, programs)
        archive, missing = selftest_archive(kernel)
        gone = absent | missing
        there = [program for program in programs if str(program) not in gone]
        for number, batch in enumerate(batches(there)):
            archive.file(f"suites/batch.{number}", script(batch).encode(), mode=0o644)
        for applet in APPLETS:
            archive.symlink(f"bin/{applet}", "busybox")
        archive.directory("tmp")
        tools = images.dom0.with_name(TOOLS_ARCHIVE).read_bytes()
        parts = [images.guest.read_bytes(), tools, *packages, archive.compressed()]
        guest = IMAGES / "suites" / "guest.cpio.gz"
        # Xen unpacks it for a PV guest, and only the first part of it
        whole = b"".join(gzip.decompress(part) for part in parts)
        write_atomically(guest, gzip.compress(whole, compresslevel=1, mtime=0))
    return Suites(replace(images, guest=guest), there, gone)
