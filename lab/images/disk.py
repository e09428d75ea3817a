# SPDX-License-Identifier: GPL-2.0-only
"""Makes disks with Debian on them, which a guest or dom0 boots from."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Sequence

from lab.base.common import TOP, locked, need, need_space, output, say
from lab.base.common import write_atomically
from lab.images.debian import Unavailable, sources_list
from lab.images.initramfs import IMAGES, up_to_date

# Nobody reads them there
LEFT_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*/*.gz")
# Of the file system, with what is left for the programs' data
MIB = 1200
INODES = 65536


@dataclass(frozen=True)
class Disk:
    """What is on it, besides a minimal Debian of this suite."""

    name: str
    suite: str
    packages: tuple[str, ...]
    # More that mmdebstrap does in the end, as its --customize-hook
    hooks: Sequence[str] = ()

    @property
    def image(self) -> Path:
        return IMAGES / self.name / f"{self.suite}.ext2"

    @property
    def log(self) -> Path:
        return IMAGES / f"{self.name}.log"


class Files:
    """A tar archive of files that are the lab's own."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._bytes, mode="w")

    def add(self, name: str, data: bytes, mode: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(data), mode
        self._tar.addfile(member, io.BytesIO(data))

    def archive(self) -> bytes:
        self._tar.close()
        return self._bytes.getvalue()


def bootstrap(disk: Disk, target: Path, own: bytes) -> None:
    """A tar archive of the file system, with all packages installed."""
    need("mmdebstrap")
    names = ", ".join(disk.packages)
    say(f"lab: installing Debian's {names} ({disk.suite}), two minutes")
    overlay = target.with_name("own.tar")
    overlay.write_bytes(own)
    command = ["mmdebstrap", "--variant=minbase", "--format=tar"]
    command += [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    command += [f"--include={','.join(disk.packages)}"]
    command += [f"--customize-hook=tar-in {overlay} /"]
    command += [f"--customize-hook={hook}" for hook in disk.hooks]
    done = subprocess.run(
        [*command, disk.suite, str(target), *sources_list(disk.suite)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        disk.log.write_text(done.stdout)
        raise Unavailable(
            f"Debian could not be installed from {disk.suite}:",
            hint="\n".join(done.stdout.splitlines()[-6:]) + f"\nAll of it: {disk.log}\n"
            "Check the network and the free space in /tmp, then run it again.",
        )


def file_system(archive: Path, target: Path) -> None:
    """genext2fs needs no mount, and so no privileges."""
    need("genext2fs")
    say(f"lab: making {target.relative_to(TOP)}")
    new = target.with_name(target.name + ".new")
    try:
        output(
            *("genext2fs", "-B", "4096", "-b", str(MIB << 8), "-N", str(INODES)),
            *("-a", str(archive), str(new)),
        )
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)


def make_disk(disk: Disk, inputs: list[bytes], own: Callable[[], bytes]) -> Path:
    """Its image, made anew only if it was made from something else."""
    target = disk.image
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(IMAGES / f".lock-{disk.name}"):
        everything = [*inputs, repr(disk).encode(), Path(__file__).read_bytes()]
        stamp = hashlib.sha256(b"\0".join(everything)).hexdigest()
        if up_to_date(target, stamp):
            return target
        need_space(target.parent, 3 * MIB)
        record = target.with_name(target.name + ".stamp")
        record.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as directory:
            archive = Path(directory) / "root.tar"
            bootstrap(disk, archive, own())
            file_system(archive, target)
        write_atomically(record, stamp.encode())
    return target
