# SPDX-License-Identifier: GPL-2.0-only
"""Makes a kit that runs the guests on any Xen host, and tries it on the lab's.

The kit is build/xen-clock-kit-VERSION.tar.xz. It needs a dom0 with xl, and nothing of
this repository: its README says how to run it, and Documentation/lab/kit.rst more.
"""

from __future__ import annotations

import argparse
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Sequence

from lab.base.common import TOP, LabError, say
from lab.base.log import Log
from lab.commands import options
from lab.commands.kit.build import make_kit
from lab.commands.kit.merge import read_report, table_of
from lab.config import HOSTS, TSC_MODES, XENS, Settings
from lab.guest.session import Session
from lab.host.host import Host
from lab.images.dom0_disk import make_debian
from lab.images.initramfs import Images, make_images
from lab.images.kernel import build_both, script

KINDS = ("pv", "pvh", "hvm")
# dom0's user space, and what of scripts/setup it takes to make it
SETUPS = {"lab": "boot", "debian": "distro"}
REPORTS = ("report.json", "report.md", "report.html")
# For a guest at each step: emulated ones are slow, and their firmware is slower
PATIENCE = 400


def arguments(parser: options.Parser) -> None:
    options.add_kernel(parser)
    parser.add_argument(
        "--try",
        dest="attempt",
        action="store_true",
        help="unpack it in dom0 of the lab's hosts as well, and run it there, which "
        "takes an hour; --xen, --host, --guest, --tsc-mode and --dom0 are for this",
    )
    options.add_xen(parser)
    options.add_host(parser)
    parser.add_argument(
        "--guest", choices=KINDS, help="guests of this kind only (default: all)"
    )
    parser.add_argument(
        "--tsc-mode", choices=list(TSC_MODES), help="in this mode only (default: all)"
    )
    parser.add_argument(
        "--dom0",
        choices=list(SETUPS),
        default="lab",
        help="its user space: the lab's own, which is small, or an installed Debian, "
        "with systemd and bash (default: %(default)s)",
    )
    options.add_no_build(parser)
    options.add_verbose(parser)


def unpack(host: Host, kit: Path) -> str:
    """In dom0, as its user would; the result is the directory there."""
    host.run.add(kit, kit.name)
    directory = f"/run/{kit.name.removesuffix('.tar.xz')}"
    host.must(f"rm -rf {directory}")
    host.must(f"cd /run && dd if=/share/{kit.name} bs=1M | tar xJ")
    return directory


def start(host: Host, directory: str, words: str) -> Log:
    """Run it beside whatever else dom0 does; the result is the log of what it says."""
    host.must("rm -f /share/kit.log /share/kit.status")
    command = f"./run -y -p {PATIENCE} {words} < /dev/null > /share/kit.log 2>&1"
    command += " & echo $! > /share/kit.pid; wait $!; echo $? > /share/kit.status"
    host.must(f"cd {directory} && {{ {{ {command}; }} & }}")
    return Log(host.run.path("kit.log"))


def left_over(host: Host, directory: str) -> list[str]:
    """What should be gone when it has ended: domains, and files."""
    domains = host.must("xl list").splitlines()[2:]
    files = host.must(f"ls -a {directory} /var/log/xen/").split()
    ours = re.compile(r"work|.*\.new|(guest|qemu-dm|xl)-xen-clock-kit.*")
    return [f"domain {line.split()[0]}" for line in domains] + [
        f"file {name}" for name in files if ours.fullmatch(name)
    ]


def run_on(host: Host, kit: Path, kind: str, mode: str) -> Path:
    """Run it on this host, and say what it says; the result is where its reports are."""
    words, reports = f"-k {kind} -m {mode}", f"kit-{kind}-{mode}"
    directory = unpack(host, kit)
    log = start(host, directory, words)
    status = host.run.path("kit.status")

    def ended() -> bool:
        for line in log.poll():
            say(f"  {line}")
        return status.exists() and status.read_text().endswith("\n")

    host.wait(ended)
    ended()
    if status.read_text() != "0\n":
        raise LabError(f"the kit failed with status {status.read_text()}{log.tail()}")
    names = " ".join(f"{directory}/{name}" for name in REPORTS)
    host.must(f"mkdir /share/{reports} && cp {names} /share/{reports}/")
    left = left_over(host, directory)
    if left:
        raise LabError(f"the kit has left {', '.join(left)} in dom0")
    return host.run.path(reports)


def attempt(
    kit: Path,
    settings: Settings,
    images: Images,
    kinds: Sequence[str],
    modes: Sequence[str],
) -> list[Path]:
    """Each kind of guest has a host of its own, as in all of the lab."""
    found, tell = [], options.tell("kit")
    for kind in kinds:
        with Session("kit", settings, tell, settings.host, images) as session:
            for mode in modes:
                begin = time.monotonic()
                # By mode, as the patience with a host is limited
                found.append(run_on(session.host(kind), kit, kind, mode))
                seconds = time.monotonic() - begin
                say(f"kit: {kind}, {mode}: {seconds:.0f} s; see {found[-1]}")
    return found


def main(args: argparse.Namespace) -> int:
    if not args.attempt:
        needs_try = ("xen", "host", "guest", "tsc_mode", "dom0", "verbose")
        options.refuse(args, "is for --try", *needs_try)
    settings = Settings(kernel=args.kernel)
    if not args.no_build:
        script("setup", SETUPS[args.dom0] if args.attempt else "kernel")
        build_both(settings.kernel)
    say("kit: packing kernels, guests and tools, which takes some seconds")
    kit = make_kit(settings)
    say(f"{kit.relative_to(TOP)} is written, {kit.stat().st_size / 1e6:.1f} MB")
    if not args.attempt:
        say(
            "Copy it to dom0 of a Xen host, unpack it with 'tar xf', and run ./run there."
        )
        return 0
    kinds = [args.guest] if args.guest else KINDS
    modes = [args.tsc_mode] if args.tsc_mode else list(TSC_MODES)
    settings = replace(settings, xen=XENS[args.xen], host=HOSTS[args.host])
    make = make_debian if args.dom0 == "debian" else make_images
    images = make(settings.xen, settings.kernel)
    found = attempt(kit, settings, images, kinds, modes)
    say(table_of([read_report(path / "report.json") for path in found]))
    return 0
