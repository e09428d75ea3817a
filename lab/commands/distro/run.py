# SPDX-License-Identifier: GPL-2.0-only
"""Boots Debian in guests, and asks its programs what becomes of their time.

In each case a guest without the series and one with it live the same life, one after
the other: systemd, chrony, PostgreSQL, Redis and Prometheus' node exporter, as Debian
packages them, from a disk in dom0. What became of them is in build/lab/distro.md, too.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable

from lab.base.common import BUILD, LabError, need_space
from lab.checks.all import Findings, Slept, check_guest, check_series, problems_of
from lab.checks.programs import check_alert, check_programs, summary
from lab.commands import options
from lab.commands.distro.package import install, make_package
from lab.config import HOSTS, GuestSpec, HostSpec, Settings
from lab.guest.lifecycle import pause, save
from lab.guest.programs import PAUSE_USEC, Alerted, Programs
from lab.guest.guest import Guest
from lab.guest.scenario import (
    TICKS,
    Jump,
    Life,
    Move,
    Scenario,
    Steps,
    checkpoint,
    tick,
)
from lab.guest.session import Session
from lab.images.disk import MIB
from lab.images.initramfs import make_images
from lab.images.kernel import build_all, script
from lab.images.userland import make_userland

UNTRUSTED = HOSTS["untrusted"]
MEMORY = 512
# Half of it is dom0's, which keeps a saved guest in memory
HOST_MEMORY = 3072
# What vendors advise
ADVISED = "clocksource=tsc tsc=reliable"
# That by which the agent knows it, in Debian 13 too
INTERFACE = "net.ifnames=0"
# The TSC goes back by so much while the guest is paused
JUMP_NS = -15_000_000_000


@dataclass(frozen=True)
class Case:
    """A kind of guest, its mode, and what happens to it."""

    name: str
    kind: str
    what: str
    tsc_mode: str = ""
    # The guest without the series is booted as vendors advise
    advised: bool = False
    # Why the guest with the series demotes the TSC, as a regular expression
    demoted: str = ""

    @property
    def jumps(self) -> bool:
        return self.what in ("jump", "alert")

    @property
    def installs(self) -> bool:
        return self.what == "package"

    @property
    def compares(self) -> bool:
        """With a guest without the series, which raises no alert, and is no package."""
        return self.what not in ("alert", "package")

    def __str__(self) -> str:
        return self.name


CASES = (
    Case("pv-save", "pv", "save"),
    Case("pvh-save", "pvh", "save"),
    Case("hvm-save", "hvm", "save"),
    Case("pv-pause", "pv", "pause"),
    Case("pv-jump", "pv", "jump", advised=True, demoted="moved apart by"),
    Case("pv-alert", "pv", "alert"),
    Case("pv-native-save", "pv", "save", "native"),
    Case("pv-package", "pv", "package"),
    Case("pv-move-1ghz", "pv", "move"),
    Case("pv-checkpoint", "pv", "checkpoint"),
    # Only Xen 4.14 migrates PV guests live
    Case("pvh-migrate", "pvh", "migrate"),
)
SUITES = ("bookworm", "trixie")


@Steps
def migrate(guest: Guest) -> None:
    """Live, to the machine that it is on; its readers rest throughout."""
    guest.migrate()
    tick(guest, TICKS)


@dataclass(frozen=True)
class Lifecycle:
    """What happens, how Xen suspends the guest for that, and what must outlast it."""

    # None: a move, for which there has to be another host
    scenario: Scenario | None
    slept: Slept = Slept()
    # A TCP connection to dom0, which is the same one throughout
    network: bool = False


JUMP = Jump(JUMP_NS, idle=True)
LIFECYCLES = {
    "save": Lifecycle(save, Slept(1, 1), network=True),
    "package": Lifecycle(save, Slept(1, 1)),
    "pause": Lifecycle(pause, network=True),
    "checkpoint": Lifecycle(checkpoint, Slept(1), network=True),
    "migrate": Lifecycle(migrate, Slept(1, 1), network=True),
    "jump": Lifecycle(JUMP),
    "alert": Lifecycle(JUMP),
    "move": Lifecycle(None, Slept(1, 1, elsewhere=True)),
}
REPORT = BUILD / "lab" / "distro.md"
tell = options.tell("distro")


def arguments(parser: options.Parser) -> None:
    options.add_selection(parser, "cases")
    options.add_kernel(parser)
    options.add_xen(parser)
    parser.add_argument(
        "--suite",
        default=SUITES[0],
        choices=SUITES,
        help="the release of Debian in the guests (default: %(default)s)",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="the configuration of the kernel that the guest of pv-package installs, "
        "such as Debian's /boot/config-6.12... (default: the lab's)",
    )
    options.add_no_build(parser)
    options.add_verbose(parser)


def scenario_of(case: Case, away: Session | None) -> Scenario:
    scenario = LIFECYCLES[case.what].scenario
    if scenario is None:
        assert away is not None
        scenario = Move(away.host(case.kind), pause=PAUSE_USEC, alike=True)
    return scenario


def spec_of(case: Case, disk: str, *, patched: bool) -> GuestSpec:
    return GuestSpec(
        case.name if patched else f"old-{case.name}",
        case.tsc_mode,
        f"{INTERFACE} {ADVISED if case.advised and not patched else ''}".strip(),
        patched=patched,
        kind=case.kind,
        memory=MEMORY,
        disk=disk,
        network=LIFECYCLES[case.what].network,
    )


def findings(case: Case, spec: GuestSpec, life: Life, said: dict[str, str]) -> Findings:
    """What each check has to say."""
    if case.what == "alert":
        return check_alert(said)
    slept = LIFECYCLES[case.what].slept
    found = check_guest(spec, life, slept)
    found |= check_programs(
        said["begin"], said["end"], follows=spec.patched, resumes=slept.suspends
    )
    if spec.patched:
        host = UNTRUSTED.for_guests(spec.kind)
        found |= check_series(spec, life, host, slept, demoted=case.demoted)
    return found


def report(text: str) -> None:
    """Tell it, and the report as well, which an interrupted command leaves."""
    tell(text)
    with REPORT.open("a", encoding="utf-8") as file:
        file.write(f"- {text}\n")


def run_guest(
    case: Case,
    spec: GuestSpec,
    home: Session,
    away: Session | None,
    told: Callable[[str], None],
) -> list[str]:
    """What is wrong with it."""
    kind = Alerted if case.what == "alert" else Programs
    programs = kind(scenario_of(case, away))
    try:
        if case.installs:
            spec = install(spec, home)
        life = home.run(spec, programs)
        if "end" in programs.said:
            for line in summary(programs.said["begin"], programs.said["end"]):
                told(f"{spec}: {line}")
        return problems_of(findings(case, spec, life, programs.said))
    except LabError as error:
        return [str(error)]


def copies(image: Path, number: int, stack: contextlib.ExitStack) -> tuple[str, ...]:
    """Disks for so many guests, which vanish with this process, however it ends."""
    need_space(image.parent, number * MIB)
    paths = []
    for _ in range(number):
        file = stack.enter_context(tempfile.TemporaryFile(dir=image.parent))
        with image.open("rb") as source:
            shutil.copyfileobj(source, file, 1 << 20)
        file.flush()
        paths.append(f"/proc/{os.getpid()}/fd/{file.fileno()}")
    return tuple(paths)


def live_case(
    case: Case,
    settings: Settings,
    image: Path,
    *,
    patched: tuple[bool, ...],
    told: Callable[[str], None] = tell,
) -> list[list[str]]:
    """What is wrong with each guest, of which these have the series.

    If all have, then so has dom0, and there need be no other kernel.
    """
    with contextlib.ExitStack() as stack:
        images = replace(
            make_images(settings.xen, settings.kernel),
            disks=copies(image, len(patched), stack),
        )

        def session(spec: HostSpec) -> Session:
            spec = replace(spec, memory=HOST_MEMORY, series=all(patched))
            name = f"distro-{spec.name}"
            return stack.enter_context(Session(name, settings, tell, spec, images))

        home = session(UNTRUSTED.older() if case.jumps else UNTRUSTED)
        away = session(HOSTS["1ghz"]) if case.what == "move" else None
        specs = [
            spec_of(case, f"/dev/vd{letter}", patched=with_series)
            for letter, with_series in zip("ab", patched)
        ]
        wrong = [run_guest(case, spec, home, away, told) for spec in specs]
    return wrong


def run_case(case: Case, settings: Settings, image: Path) -> int:
    """How many of its guests are not as they should be; those without may be."""
    start = time.monotonic()
    patched = (False, True) if case.compares else (True,)
    *old, new = live_case(case, settings, image, patched=patched, told=report)
    report(f"{case}: {'FAIL' if new else 'PASS'} in {time.monotonic() - start:.0f} s")
    for text in sum(old, []):
        report(f"{case}: without the series: {text}")
    for text in new:
        report(f"{case}: not as it should be: {text}")
    return len(new)


def main(args: argparse.Namespace) -> int:
    settings = options.settings_of(args)
    cases = options.selected(args, list(CASES))
    if args.list:
        return 0
    installs = any(case.installs for case in cases)
    if args.config and (args.no_build or not installs):
        raise LabError(
            "--config is for a package that is built",
            hint="Select pv-package with -k, and leave --no-build out.",
        )
    if not args.no_build:
        script("setup", "distro")
        both = any(case.compares for case in cases)
        build_all(settings.kernel, *["none"] * both, "series")
        if installs:
            make_package(settings.kernel, args.config)
    image = make_userland(args.suite, settings.kernel)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(
        f"# Debian ({args.suite}) in guests, Linux {settings.kernel}, Xen {settings.xen.version}\n\n"
    )
    wrong = [run_case(case, settings, image) for case in cases]
    tell(f"{'FAIL' if any(wrong) else 'PASS'}, in {REPORT}")
    return 1 if any(wrong) else 0
