# SPDX-License-Identifier: GPL-2.0-only
"""Makes the disk of guests that run Debian: systemd, and programs that users run."""

from __future__ import annotations

from pathlib import Path

from lab.base.common import TOP, output
from lab.images.disk import Disk, Files, make_disk
from lab.images.initramfs import CFLAGS, GUEST_SOURCES, PAYLOAD, SELFTEST
from lab.images.initramfs import TOOL_SOURCES, compiled, selftest, testptp
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
    "python3-minimal",
    "redis-server",
    "systemd-sysv",
    "udev",
)
ENABLED = ("lab-agent.service", "xen-clock-metrics.timer")
# It would keep the node exporter busy, and is started where it is needed
DISABLED = ("prometheus.service",)
# The package of tools/xen-clock, which goes when it is installed
TOOL = "xen-clock.deb"
HOOKS = (
    f'chroot "$1" dpkg -i /tmp/{TOOL} && rm "$1/tmp/{TOOL}"',
    f'chroot "$1" systemctl enable {" ".join(ENABLED)}',
    f'chroot "$1" systemctl disable {" ".join(DISABLED)}',
)
# What "run WHEN NAME" of the agent does
ORDERS = ("begin", "more", "end", "alert", "calm", "install")
# Where the files of lab/payload/debian/ are put, by the ends of their names
PLACES = {
    "": ("usr/local/bin", 0o755),
    ".py": ("usr/local/bin", 0o755),
    ".service": ("etc/systemd/system", 0o644),
    ".sql": ("suites", 0o644),
    ".timer": ("etc/systemd/system", 0o644),
    ".yml": ("etc/prometheus", 0o644),
}


def package() -> Path:
    """tools/xen-clock as users install it."""
    return Path(output(str(TOP / "scripts" / "deb-tool")).splitlines()[-1])


def own_files(kernel: str) -> bytes:
    """What is the lab's there, as a tar archive."""
    files = Files()
    for source in SOURCES:
        where, mode = PLACES[source.suffix]
        files.add(f"{where}/{source.name}", source.read_bytes(), mode)
    for order in ORDERS:
        line = f"programs-{order} exec /usr/local/bin/programs {order}\n"
        files.add(f"suites/batch.programs-{order}", line.encode(), 0o644)
    agent = compiled(GUEST_SOURCES, f"-I{SELFTEST}")
    files.add("usr/local/bin/lab-agent", agent, 0o755)
    files.add("usr/bin/tsc-selftest", selftest(kernel), 0o755)
    files.add("usr/bin/testptp", testptp(kernel), 0o755)
    files.add(f"tmp/{TOOL}", package().read_bytes(), 0o644)
    files.add("etc/fstab", b"/dev/xvda / auto defaults 0 0\n", 0o644)
    files.add("etc/hostname", b"guest\n", 0o644)
    return files.archive()


def inputs(kernel: str) -> list[bytes]:
    sources = [*SOURCES, *GUEST_SOURCES, *TOOL_SOURCES, *testptp_sources(kernel)]
    tool = TOP / "tools/xen-clock"
    sources += [Path(__file__), tool / "chrony-host.conf"]
    sources += sorted((tool / "systemd").iterdir())
    sources += sorted(path for path in (tool / "debian").rglob("*") if path.is_file())
    return [source.read_bytes() for source in sources] + [
        line.encode() for line in CFLAGS
    ]


def make_userland(suite: str, kernel: str) -> Path:
    """The image of its disk, which guests get copies of."""
    disk = Disk("userland", suite, PACKAGES, HOOKS)
    return make_disk(disk, inputs(kernel), lambda: own_files(kernel))
