# SPDX-License-Identifier: GPL-2.0-only
"""Draws the figure of the README: a guest's clock over a migration to another host.

Both guests run on the TSC, which their first host calls invariant, and go to a
host whose TSC has another frequency: one with the series, one as vendors advise.
"""

from __future__ import annotations

import argparse

from lab.base.common import TOP, say, write_atomically
from lab.guest.clock_trace import Course
from lab.config import HOSTS
from lab.images.initramfs import make_images
from lab.guest.scenario import Move, live
from lab.host.host import Machine
from lab.host.rundir import Run
from lab.images.kernel import build_both, script
from lab.commands import options
from lab.base.svg import Line, draw
from lab.guest.guest import Guest

PICTURE = TOP / "Documentation/lab/migration.svg"
# Ticks more after the move, where they are shorter
MORE = 6


def arguments(parser: options.Parser) -> None:
    options.add_kernel(parser)
    options.add_xen(parser)
    options.add_verbose(parser)


def main(args: argparse.Namespace) -> int:
    settings = options.settings_of(args)
    script("setup", "boot")
    build_both(settings.kernel)
    images = make_images(settings.xen, settings.kernel)
    courses: dict[str, Course] = {}
    hosts = HOSTS["itsc"], HOSTS["1ghz"]
    machines = [
        Machine(Run(host.name), images, settings.unpatched, host) for host in hosts
    ]
    with machines[0] as first, machines[1] as second:
        for machine in machines:
            say(f"lab: booting Xen and dom0 under QEMU: {machine.run.directory.name}")
            machine.wait_boot()
        for name, kernel, cmdline, more in (
            ("patched", settings.patched, "", MORE),
            ("unpatched", settings.unpatched, "clocksource=tsc tsc=reliable", 0),
        ):
            courses[name] = Course(Move(second), more)
            guest = Guest(
                first,
                name,
                kernel,
                images.guest,
                tsc_mode="native",
                cmdline=cmdline,
            )
            live(guest, courses[name])
    lines = [
        Line("with the series", "#1a7f37", courses["patched"].points),
        Line("without, tsc=reliable", "#cf222e", courses["unpatched"].points),
    ]
    write_atomically(
        PICTURE, draw(lines, "migration to a host of another frequency").encode()
    )
    for line in lines:
        real, counted = line.points[-1]
        say(f"{line.name}: {counted:.1f} s counted in {real:.1f} s after the move")
    say(f"{PICTURE.relative_to(TOP)} is drawn")
    return 0
