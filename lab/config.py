# SPDX-License-Identifier: GPL-2.0-only
"""What the lab can boot, as data: kernels, versions of Xen, hosts and guests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lab.base.common import BUILD, TOP, LabError

DEFAULT_KERNEL = "6.12"
TSC_MODES = {"default": 0, "always_emulate": 1, "native": 2}
# The last is a PV guest whose Xen, the shim, is a PVH guest
GUESTS = ("pv", "pvh", "hvm", "pvshim")


@dataclass(frozen=True)
class Xen:
    """A version of Xen and the Debian suite that it comes from, dom0's tools too."""

    version: str
    suite: str
    # Built with shadow paging, which tracks the pages that a PV guest writes to
    migrates_pv: bool = False
    # A guest that goes on after a suspend learns that it was cancelled
    cancels: bool = True
    # A guest that may be migrated sees the invariant TSC, if it is configured so
    shows_itsc: bool = True
    # Its symbols are packaged as well, without which it cannot be made to look old
    symbols: bool = True
    # The device model of HVM guests: a package, and the program in it
    qemu_package: str = "qemu-system-xen"
    qemu: str = "usr/libexec/xen-qemu-system-i386"

    @property
    def packages(self) -> tuple[str, ...]:
        hypervisor = f"xen-hypervisor-{self.version}-amd64"
        return (
            hypervisor,
            *([f"{hypervisor}-dbg"] if self.symbols else []),
            "libxen-dev",
            f"xen-utils-{self.version}",
            "xenstore-utils",
            "busybox-static",
            "libgcc-s1",
        )


# If QEMU counts instructions, each takes a cycle and a ns
ICOUNT_KHZ = 1_000_000
# No machine of the lab is up for as long
OLDER_SECONDS = 100_000
# As a PVH guest Xen has no access to an MSR that it wants to change on the CPU that QEMU
# is by default, an Athlon 64 (HWCR, 0xc0010015); this is a Zen
SHIM_CPU = ",family=23,model=49"


@dataclass(frozen=True)
class HostSpec:
    """What Xen thinks of the machine's TSC, and what it lets its guests see."""

    name: str
    tsc_reliable: bool
    # Guests see the invariant TSC as well, which by default Xen hides
    itsc: bool = False
    # The frequency is this, exactly, and can only be ICOUNT_KHZ; 0: as the machine below
    tsc_khz: int = 0
    # Nothing but instructions takes time: each run is like the one before
    counted: bool = False
    # Xen believes to have been up for so many seconds when it boots
    uptime: int = 0
    cpus: int = 2
    # Another host can be at the other end of its cable
    wired: bool = False
    # dom0's kernel has the series, too
    series: bool = False
    # dom0 is a PVH guest itself, not a PV one
    pvh_dom0: bool = False
    # dom0 has a device model and firmware, which PV and PVH guests do without
    device_model: bool = False
    # Of the machine, in MiB, half of which dom0 has
    memory: int = 2048
    # More of its CPU than lab/host/qemu_args.py says of all
    cpu: str = ""

    def __post_init__(self) -> None:
        if self.tsc_khz not in (0, ICOUNT_KHZ):
            raise LabError(
                f"the host '{self.name}' cannot have a TSC of {self.tsc_khz} kHz",
                hint=f"QEMU has that of the machine below (0), and {ICOUNT_KHZ}.",
            )

    def for_guests(self, kind: str) -> HostSpec:
        """With one CPU for all but PV guests and a PV dom0: what kills them, see
        lab/guest/known_bugs.py, takes a thread of QEMU that is interrupted at the wrong
        place, by another vCPU's.  And so that QEMU can be kept on one CPU, see
        lab/host/pins.py.
        """
        if kind == "pv" and not self.pvh_dom0:
            return self
        cpu = SHIM_CPU if kind == "pvshim" else ""
        return replace(self, cpus=1, device_model=kind in ("hvm", "pvshim"), cpu=cpu)

    def seen_by(self, kind: str) -> HostSpec:
        """What a guest can know of it.

        A PV guest in PVH has the shim for its Xen, which takes no TSC for reliable.
        """
        if kind != "pvshim":
            return self
        return replace(self, tsc_reliable=False, itsc=False)

    def with_one_cpu(self) -> HostSpec:
        """The same host, where vCPUs take turns; see Documentation/lab/inside.rst."""
        return replace(self, cpus=1)

    def older(self) -> HostSpec:
        """The same host, on which Xen has been up for longer than on any other."""
        return replace(self, uptime=OLDER_SECONDS)


XENS = {
    xen.version: xen
    for xen in (
        Xen(
            "4.14",
            "bullseye",
            migrates_pv=True,
            cancels=False,
            shows_itsc=False,
            symbols=False,
            qemu_package="qemu-system-x86",
            qemu="usr/bin/qemu-system-i386",
        ),
        Xen("4.17", "bookworm"),
        Xen("4.20", "trixie"),
    )
}
COUNTED = HostSpec("counted", tsc_reliable=False, tsc_khz=ICOUNT_KHZ, counted=True)
HOSTS = {
    host.name: host
    for host in (
        HostSpec("untrusted", tsc_reliable=False),
        HostSpec("trusted", tsc_reliable=True),
        HostSpec("itsc", tsc_reliable=True, itsc=True),
        HostSpec("1ghz", tsc_reliable=False, tsc_khz=ICOUNT_KHZ),
    )
}


@dataclass(frozen=True)
class Settings:
    """What a command was asked for."""

    kernel: str = DEFAULT_KERNEL
    xen: Xen = XENS["4.17"]
    host: HostSpec = HOSTS["untrusted"]
    guest: str = "pv"
    tsc_mode: str = ""
    cmdline: str = ""
    # The name of an error that the kernel with the series has
    mutant: str = ""
    # That kernel checks itself ("debug", "kasan")
    variant: str = ""

    @property
    def patched(self) -> Path:
        return self.image()

    @property
    def unpatched(self) -> Path:
        return self.image(patched=False)

    def spec(self, name: str, *, patched: bool = True, memory: int = 64) -> GuestSpec:
        """Return the guest that was asked for."""
        return GuestSpec(
            name,
            self.tsc_mode,
            self.cmdline,
            patched=patched,
            kind=self.guest,
            memory=memory,
        )

    def image(self, *, patched: bool = True, probe: bool = False) -> Path:
        """One of the kernels that scripts/kernel builds."""
        words = [*([] if patched else ["none"]), *(["probe"] * probe)]
        if patched and self.variant:
            words = [self.variant, *words]
        mutant = self.mutant if patched else ""
        names = [self.kernel, *words, *([mutant] if mutant else [])]
        image = BUILD / "-".join(names) / "bzImage"
        if not image.exists():
            words += [f"mutant={mutant}"] if mutant else []
            raise LabError(
                f"there is no kernel {image.parent.relative_to(TOP)}/bzImage",
                hint="Build it with: "
                f"scripts/kernel {' '.join([self.kernel, *words])}",
            )
        return image


@dataclass(frozen=True)
class GuestSpec:
    """What a guest is made of."""

    name: str
    tsc_mode: str = ""
    cmdline: str = ""
    patched: bool = True
    # The kernel has the lab's probes in it
    probe: bool = False
    kind: str = "pv"
    # Guests see the invariant TSC, where the host has it
    itsc: bool = False
    # It has a vCPU for itself for so many ms, before all else
    spin: int = 0
    # In MiB
    memory: int = 64
    # It has a connection to dom0
    network: bool = False
    # The disk of dom0 that it has, and boots from, instead of the lab's initramfs
    disk: str = ""
    # Another Linux than that of the settings
    linux: str = ""
    # The directory of a kernel that scripts/kernel has not built, and of its initrd
    installed: str = ""
    vcpus: int = 2
    # Whether the TSC of a vCPU that does not run stops, and more: see xl.cfg(5)
    timer_mode: str = ""

    def __str__(self) -> str:
        return self.name

    def repeat(self, settings: Settings) -> str:
        """The command that shows this case again."""
        words = ["./xen-lab boot", f"--kernel {self.linux or settings.kernel}"]
        words.append(f"--xen {settings.xen.version}")
        if self.kind != "pv":
            words.append(f"--guest {self.kind}")
        if self.tsc_mode:
            words.append(f"--tsc-mode {self.tsc_mode}")
        if self.cmdline:
            words.append(f'--cmdline "{self.cmdline}"')
        return " ".join(words)


# Have a kernel with the lab's probes use one of them
COST, ORDER = (
    f"kunit.enable=1 kunit.filter_glob=xen_probe.xen_probe_{name}"
    for name in ("cost", "order")
)
