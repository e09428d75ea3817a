# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's command line: the machine that each kind of host stands for."""

from __future__ import annotations

from pathlib import Path

from lab.host.gdb import SOCKET
from lab.host.pins import pinned
from lab.config import HostSpec
from lab.images.initramfs import Images
from lab.host.qmp import SOCKET as QMP_SOCKET

# QEMU 7.2 faults on the iret of a PV guest when SMAP is on, and its XSAVE gives
# tasks the vector registers of others: xl crashed, now and then, and orders to
# dom0 arrived maimed.  Xen's PVH guests get on with neither RDTSCP nor PKU there.
CPU = "max,-smap,-xsave,-rdtscp,-pku"
# In the run's directory
CARD, CABLE = "card.sock", "cable.sock"
# The fewer packets, the faster
MTU = 16000
# TCG's TSC has one frequency, never stops and is the same on all CPUs, but TCG does
# not say so.  QEMU warns that it cannot offer the bit, and then offers it.
INVARIANT_TSC = "invtsc=on,x-force-features=on"


def accelerator(spec: HostSpec) -> list[str]:
    """With icount an instruction takes 1 ns, and TSC and clock count those."""
    if not spec.tsc_khz:
        return ["-accel", "tcg,thread=multi"]
    sleep = "off" if spec.counted else "on"
    return ["-accel", "tcg,thread=single", "-icount", f"shift=0,sleep={sleep}"]


def debugger(spec: HostSpec) -> list[str]:
    """A stub that gdb's protocol is spoken to; the machine waits for it."""
    if not spec.uptime:
        return []
    path = f"socket,id=gdb,path={SOCKET},server=on,wait=off"
    return ["-chardev", path, "-gdb", "chardev:gdb", "-S"]


def network_card(spec: HostSpec) -> list[str]:
    """Ethernet over two sockets; the other host's is a link, made when it is there.

    Without vectors of its own: Xen loses an MSI that QEMU sends while it is moved to
    another CPU ("No irq handler for vector"), and the card's driver waits for ever.
    """
    if not spec.wired:
        return []
    ends = f"local.type=unix,local.path={CARD},remote.type=unix,remote.path={CABLE}"
    card = f"virtio-net-pci,netdev=cable,host_mtu={MTU},vectors=0,romfile="
    return ["-netdev", f"dgram,id=cable,{ends}", "-device", card]


def disks(images: Images) -> list[str]:
    """Two machines may have the same one, as long as only one of them uses it."""
    words = []
    if images.root:
        drive = f"if=none,id=root,format=raw,file={images.root},snapshot=on"
        words = ["-drive", drive, "-device", "virtio-blk-pci,drive=root,vectors=0"]
    for number, path in enumerate(images.disks):
        drive = f"if=none,id=disk{number},format=raw,file={path},file.locking=off"
        device = f"virtio-blk-pci,drive=disk{number},vectors=0"
        words += ["-drive", drive, "-device", device]
    return words


def remapper(spec: HostSpec) -> list[str]:
    """The IOMMU that Xen wants for a PVH dom0, which knows no machine addresses."""
    return ["-device", "amd-iommu"] if spec.pvh_dom0 else []


def qemu_command(
    images: Images, dom0_kernel: Path, spec: HostSpec, words: str = ""
) -> list[str]:
    """The words are for dom0's command line."""
    cpu = CPU + spec.cpu
    # A device of virtio's heeds the IOMMU only if it is told to
    behind = ",disable-legacy=on,iommu_platform=on" * spec.pvh_dom0
    dom0 = " ".join([str(dom0_kernel), "console=hvc0", *words.split()])
    if images.root:
        modules = f"{dom0} root=/dev/vda rw"
    else:
        modules = f"{dom0},{images.dom0}"
    return [
        # The kernel kills QEMU with us, however we end; -no-reboot ends it with Xen
        *("setpriv", "--pdeathsig", "KILL", "--", *pinned(spec)),
        "qemu-system-x86_64",
        *accelerator(spec),
        *("-smp", str(spec.cpus), "-m", str(spec.memory), "-machine", "q35"),
        *("-cpu", cpu + f",{INVARIANT_TSC}" * spec.tsc_reliable),
        *("-display", "none", "-monitor", "none", "-no-reboot", "-net", "none"),
        *("-kernel", str(images.xen)),
        "-append",
        "console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all "
        f"dom0_mem={spec.memory // 2}M dom0_max_vcpus=2 sched=credit bootscrub=false"
        + " dom0=pvh" * spec.pvh_dom0,
        *("-initrd", modules),
        *("-serial", "file:console.log", "-serial", "stdio"),
        *("-fsdev", "local,id=share,path=.,security_model=none"),
        *("-device", "virtio-9p-pci,fsdev=share,mount_tag=share" + behind),
        *("-qmp", f"unix:{QMP_SOCKET},server=on,wait=off"),
        *remapper(spec),
        *network_card(spec),
        *disks(images),
        *debugger(spec),
    ]
