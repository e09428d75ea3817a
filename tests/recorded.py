# SPDX-License-Identifier: GPL-2.0-only
"""Recorded guests, and tools/xen-clock to run in them."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from lab.base.common import BUILD, LAB, TOP, LabError, locked, output
from lab.images.initramfs import rebuild
from tests.tree import silent

SOURCE = TOP / "tools" / "xen-clock"
OUT = LAB / "tool"
LOCK = BUILD / ".lock-tool"
# The variables of make for each build
BUILDS: dict[str, list[str]] = {"static": [], "shared": ["STATIC=0"], "san": ["SAN=1"]}

POLICY = (TOP / "arch/x86/xen/tsc_policy.c").read_text()
RULES = {
    name: (verdict.lower(), reason)
    for name, verdict, reason in re.findall(
        r'\] = \{\s+"([\w-]+)", XEN_TSC_(\w+),\s+"([^"]+)"\s+\}', POLICY
    )
}
KHZ = 2596128
COMMANDS: tuple[list[str], ...] = (
    [],
    ["metrics"],
    ["check"],
    ["bench", "--reads", "100"],
    ["watch", "--seconds", "1"],
)
Done = subprocess.CompletedProcess[str]


@dataclasses.dataclass(frozen=True)
class Guest:
    """What Xen and the kernel say of a guest."""

    kind: str = "PV"
    version: tuple[int, int, str] = (4, 17, ".7")
    largest: int = 5
    flags: int = 1
    mode: int = 0
    khz: int = KHZ
    host_khz: int = KHZ
    incarnation: int = 1
    pvclock_khz: int = KHZ
    itsc: bool = False
    dom0: bool = False
    kvm: bool = False
    cmdline: str = "console=hvc0"
    clocksource: str = "xen"
    # /sys/hypervisor/tsc/
    kernel: dict[str, str] = dataclasses.field(default_factory=dict)
    nohz_full: str = ""
    # What "xen-clock record" keeps of the clock of the host
    host_clock: str = ""
    # What xl prints, by its commands
    xl: dict[str, str] = dataclasses.field(default_factory=dict)

    def cpuid(self) -> str:
        base = 0x40000000
        major, minor, _ = self.version
        leaves = [
            (base, 0, base + self.largest, 0x566E6558, 0x65584D4D, 0x4D4D566E),
            (base + 1, 0, major << 16 | minor, 0, 0, 0),
            (base + 3, 0, self.flags, self.mode, self.khz, self.incarnation),
            (base + 3, 2, self.host_khz, 0, 0, 0),
            (0x80000000, 0, 0x80000008, 0, 0, 0),
            (0x80000007, 0, 0, 0, 0, int(self.itsc) << 8),
        ]
        if self.kvm:
            leaves.append((base + 0x100, 0, base + 1, 0x4B4D564B, 0x564B4D56, 0x4D))
        return "".join(" ".join(map(hex, leaf)) + "\n" for leaf in leaves)

    def files(self) -> dict[str, str]:
        sources = "sys/devices/system/clocksource/clocksource0"
        major, minor, extra = self.version
        mhz = f"{self.pvclock_khz // 1000}.{self.pvclock_khz % 1000:03}"
        files = {
            "sys/hypervisor/type": "xen",
            "sys/hypervisor/guest_type": self.kind,
            "sys/hypervisor/version/major": str(major),
            "sys/hypervisor/version/minor": str(minor),
            "sys/hypervisor/version/extra": extra,
            f"{sources}/current_clocksource": self.clocksource,
            f"{sources}/available_clocksource": "xen tsc ",
            "proc/cmdline": self.cmdline,
            "proc/cpuinfo": f"processor\t: 0\ncpu MHz\t\t: {mhz}",
            "proc/xen/capabilities": "control_d" if self.dom0 else "",
        }
        files |= {f"sys/hypervisor/tsc/{k}": v for k, v in self.kernel.items()}
        files |= {f"xl/{name}": text for name, text in self.xl.items()}
        if self.host_clock:
            files["host_clock"] = self.host_clock
        if self.nohz_full:
            files["sys/devices/system/cpu/nohz_full"] = self.nohz_full
        return files


BEHIND = "device: /dev/ptp0\noffset_ns: -1300000\nerror_ns: 0"

# As a guest in the lab had it, after a restore
PATCHED = Guest(
    incarnation=2,
    host_clock=BEHIND,
    clocksource="tsc",
    kernel={
        "mode": "default",
        "emulated": "1",
        "host_reliable": "0",
        "frequency_khz": str(KHZ),
        "host_frequency_khz": str(KHZ),
        "incarnation": "2",
        "verdict": "reliable",
        "reason": RULES["emulated"][1],
        "demoted": "0",
    },
)

MET = [
    ("impostor", Guest(kvm=True)),
    ("old-xen", Guest(version=(3, 4, ".4"))),
    ("no-leaf", Guest(largest=2)),
    ("frequency", Guest(pvclock_khz=KHZ * 94 // 100)),
    ("frequency", Guest(khz=0)),
    ("emulated", Guest()),
    ("emulated", Guest(mode=1, kind="PVH")),
    ("emulated", Guest(pvclock_khz=KHZ * 96 // 100)),
    ("native", Guest(flags=2)),
    ("native", Guest(flags=2, khz=0, dom0=True)),
    ("unreliable-host", Guest(flags=0, khz=0, dom0=True)),
    ("unreliable-host", Guest(flags=2, mode=1)),
    ("invariant", Guest(flags=2, mode=2, itsc=True, kind="HVM")),
    ("invariant-unchecked", Guest(flags=0, mode=2, itsc=True)),
    ("never-emulated", Guest(flags=2, mode=2)),
    ("pvrdtscp", Guest(flags=4, mode=3, version=(4, 11, ".4"))),
    ("unknown-mode", Guest(mode=7)),
]


class Tool:
    """The three builds, and recorded guests for them to run in."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def record(self, guest: Guest | None) -> dict[str, str]:
        root, cpuid = self.place / "root", self.place / "cpuid"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        cpuid.write_text(guest.cpuid() if guest else "0 0 13 0 0 0\n")
        for name, text in guest.files().items() if guest else ():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text + "\n")
        return {
            **os.environ,
            "XEN_CLOCK_ROOT": str(root),
            "XEN_CLOCK_CPUID": str(cpuid),
        }

    def __call__(
        self, guest: Guest | None, *arguments: str, build: str = "san", **more: str
    ) -> Done:
        return subprocess.run(
            [str(OUT / build / "xen-clock"), *arguments],
            env={**self.record(guest), **more},
            capture_output=True,
            text=True,
        )


def build() -> None:
    """Other workers may want to do so, too."""
    with locked(LOCK):
        for name, variables in BUILDS.items():
            silent("make", "-s", "-C", SOURCE, f"O={OUT / name}", *variables)


def unpacked(deb: Path, name: str) -> bytes:
    """One file of a package, of which nothing is installed and nothing runs."""
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        file = tar.extractfile(name)
        if file is None:
            raise LabError(f"{deb} has no {name}")
        return file.read()


def promtool() -> Path:
    """Prometheus' own check of metrics."""
    deb = Path(output(str(TOP / "scripts/fetch"), "bookworm", "prometheus"))
    program = OUT / "promtool"
    with locked(LOCK):
        rebuild(
            program, [deb.name.encode()], lambda: unpacked(deb, "./usr/bin/promtool")
        )
        program.chmod(0o755)
    return program


def forecast(
    place: Path, here: dict[str, Any], there: dict[str, Any], guest: dict[str, Any]
) -> dict[str, Any]:
    """What xen-clock says of a guest that moves from host to host."""
    files = [place / "here.json", place / "there.json"]
    for file, document in zip(files, ({**here, "guests": [guest]}, there)):
        file.write_text(json.dumps(document))
    tool = Tool(place)
    words = ("--from", str(files[0]), "--to", str(files[1]), "--json")
    [said] = documents(tool(None, "forecast", *words))
    [one] = said["guests"]
    assert isinstance(one, dict)
    return one


def good(done: Done) -> str:
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def documents(done: Done) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found and all(isinstance(document, dict) for document in found)
    return found


def one_line(text: str) -> str:
    return " ".join(text.split())


RELIABLE = "(XEN) TSC marked as reliable, warp = 0 (count=3)"
UNRELIABLE = "(XEN) TSC not marked as either constant or reliable, warp=0 (count=3)"
CONSTANT = "(XEN) TSC has constant rate, deep Cstates possible, so not reliable, warp=0"
HEADING = "Name                       ID   Mem VCPUs\tState\tTime(s)"

# As xl shows them
DOMAINS = (
    ("Domain-0", 0, ""),
    ("web", 1, "mode=0,ofs=0x133f05c47,khz=2596128,inc=1"),
    ("old name", 12, "mode=2,ofs=0x38f68b4b3,khz=2596128,inc=1"),
    ("moved", 3, "mode=0,khz=2596127,inc=4"),
    ("pvh", 4, "(hvm) mode=0,khz=2596127,inc=2"),
    ("always", 5, "(hvm) mode=1,khz=2596128,inc=1"),
)


def dom0(
    version: tuple[int, int, str] = (4, 17, ".7"),
    *,
    reliable: bool = True,
    khz: int = KHZ,
    domains: tuple[tuple[str, int, str], ...] = DOMAINS,
    heading: str = "",
    boot: str = "(XEN) HVM: ASIDs enabled.\n",
    cmdline: str = "",
) -> Guest:
    lines = []
    for _, number, text in domains:
        kind = "(hvm)" if text.startswith("(hvm)") else ""
        if text:
            lines.append(f"(XEN) dom{number}{kind}: {text.removeprefix('(hvm) ')}")
    # Older ones may still be in the ring
    log = boot
    for old in (UNRELIABLE, RELIABLE):
        log += f"{old}\n(XEN) dom1: mode=1,khz=1,inc=9\n"
    log += "\n".join([heading or (RELIABLE if reliable else UNRELIABLE), *lines])
    shown = [
        f"{name:<40} {number:>5}  1024     2     r-----     12.5"
        for name, number, _ in domains
    ]
    return Guest(
        dom0=True,
        version=version,
        flags=2 if reliable else 0,
        khz=0,
        incarnation=0,
        host_khz=khz,
        pvclock_khz=khz,
        clocksource="tsc",
        xl={
            "info": f"cpu_mhz                : {khz // 1000}.{khz % 1000:03}\n"
            f"xen_commandline        : console=com1 {cmdline}",
            "list": "\n".join([HEADING, *shown]),
            "dmesg": log,
        },
    )


def document(tool: Tool, guest: Guest) -> dict[str, Any]:
    [said] = documents(tool(guest, "host", "--json"))
    return said
