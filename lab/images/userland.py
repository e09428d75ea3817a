# SPDX-License-Identifier: GPL-2.0-only
"""Makes the disk of guests that run Debian: systemd, and programs that users run."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
import tempfile
from pathlib import Path

from lab.base.common import TOP, locked, need, need_space, output, say
from lab.base.common import write_atomically
from lab.images.debian import Unavailable, sources_list
from lab.images.initramfs import CFLAGS, GUEST_SOURCES, IMAGES, PAYLOAD, SELFTEST
from lab.images.initramfs import TOOL_SOURCES, compiled, selftest, testptp, up_to_date
from lab.images.initramfs import testptp_sources

SOURCES = sorted((PAYLOAD / "debian").iterdir())
PACKAGES = (
    "chrony",
    "curl",
    "dbus",
    "initramfs-tools",
    "postgresql",
    "prometheus",
    "prometheus-node-exporter",
    "redis-server",
    "systemd-sysv",
    "udev",
)
# Nobody reads them there
LEFT_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*/*.gz")
ENABLED = ("lab-agent.service", "xen-clock-metrics.timer")
# It would keep the node exporter busy, and is started where it is needed
DISABLED = ("prometheus.service",)
# What "run WHEN NAME" of the agent does
ORDERS = ("begin", "more", "end", "alert", "calm", "install")
# Where the files of lab/payload/debian/ are put, by the ends of their names
PLACES = {
    "": ("usr/local/bin", 0o755),
    ".service": ("etc/systemd/system", 0o644),
    ".sql": ("suites", 0o644),
    ".timer": ("etc/systemd/system", 0o644),
    ".yml": ("etc/prometheus", 0o644),
}
# Of the file system, with what is left for the programs' data
MIB = 1200
INODES = 65536


def package() -> Path:
    """tools/xen-clock as users install it."""
    return Path(output(str(TOP / "scripts" / "deb-tool")).splitlines()[-1])


def own_files(kernel: str) -> bytes:
    """What is the lab's there, as a tar archive."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:

        def add(name: str, data: bytes, mode: int) -> None:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), mode
            tar.addfile(member, io.BytesIO(data))

        for source in SOURCES:
            where, mode = PLACES[source.suffix]
            add(f"{where}/{source.name}", source.read_bytes(), mode)
        for order in ORDERS:
            line = f"programs-{order} exec /usr/local/bin/programs {order}\n"
            add(f"suites/batch.programs-{order}", line.encode(), 0o644)
        agent = compiled(GUEST_SOURCES, f"-I{SELFTEST}")
        add("usr/local/bin/lab-agent", agent, 0o755)
        add("usr/bin/tsc-selftest", selftest(kernel), 0o755)
        add("usr/bin/testptp", testptp(kernel), 0o755)
        add("etc/fstab", b"/dev/xvda / auto defaults 0 0\n", 0o644)
        add("etc/hostname", b"guest\n", 0o644)
    return archive.getvalue()


def bootstrap(suite: str, target: Path, directory: Path, own: bytes) -> None:
    """A tar archive of the file system, with all packages installed."""
    need("mmdebstrap")
    say(f"lab: installing Debian's {', '.join(PACKAGES)} ({suite}), two minutes")
    overlay, deb = directory / "own.tar", package()
    overlay.write_bytes(own)
    command = ["mmdebstrap", "--variant=minbase", "--format=tar"]
    command += [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    command += [f"--include={','.join(PACKAGES)}"]
    command += [f"--customize-hook=upload {deb} /tmp/{deb.name}"]
    command += [f'--customize-hook=chroot "$1" dpkg -i /tmp/{deb.name}']
    command += [f"--customize-hook=tar-in {overlay} /"]
    command += [f'--customize-hook=chroot "$1" systemctl enable {" ".join(ENABLED)}']
    command += [f'--customize-hook=chroot "$1" systemctl disable {" ".join(DISABLED)}']
    done = subprocess.run(
        [*command, suite, str(target), *sources_list(suite)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        (IMAGES / "userland.log").write_text(done.stdout)
        raise Unavailable(
            f"Debian could not be installed from {suite}:",
            hint="\n".join(done.stdout.splitlines()[-6:])
            + f"\nAll of it: {IMAGES / 'userland.log'}\n"
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


def inputs(suite: str, kernel: str) -> list[bytes]:
    sources = [*SOURCES, *GUEST_SOURCES, *TOOL_SOURCES, *testptp_sources(kernel)]
    sources += [Path(__file__), TOP / "tools/xen-clock/chrony-host.conf"]
    return [source.read_bytes() for source in sources] + [
        suite.encode(),
        *map(str.encode, CFLAGS),
    ]


def make_userland(suite: str, kernel: str) -> Path:
    """The image of its disk, which guests get copies of."""
    target = IMAGES / "userland" / f"{suite}.ext2"
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(IMAGES / ".lock-userland"):
        stamp = hashlib.sha256(b"\0".join(inputs(suite, kernel))).hexdigest()
        if up_to_date(target, stamp):
            return target
        need_space(target.parent, 3 * MIB)
        record = target.with_name(target.name + ".stamp")
        record.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as directory:
            archive = Path(directory) / "root.tar"
            bootstrap(suite, archive, Path(directory), own_files(kernel))
            file_system(archive, target)
        write_atomically(record, stamp.encode())
    return target
