# SPDX-License-Identifier: GPL-2.0-only
"""Draws the figure of the README: a guest's clock over a migration to another host.

Both guests run on the TSC, which their first host calls invariant, and go to a
host whose TSC has another frequency: one with the series, one as vendors advise.
"""

from __future__ import annotations

import argparse
import contextlib

from lab.base.common import TOP, say, write_atomically
from lab.guest.clock_trace import Course
from lab.config import HOSTS, GuestSpec
from lab.guest.scenario import Move
from lab.guest.session import Session
from lab.images.kernel import build_both, script
from lab.commands import options
from lab.base.svg import Line, draw

PICTURE = TOP / "Documentation/lab/migration.svg"
# Ticks more after the move, where they are shorter
MORE = 6
PATCHED = GuestSpec("patched", "native")
UNPATCHED = GuestSpec(
    "unpatched", "native", "clocksource=tsc tsc=reliable", patched=False
)


def arguments(parser: options.Parser) -> None:
    options.add_kernel(parser)
    options.add_xen(parser)
    options.add_verbose(parser)


def main(args: argparse.Namespace) -> int:
    settings = options.settings_of(args)
    script("setup", "boot")
    build_both(settings.kernel)
    courses: dict[str, Course] = {}
    tell = options.tell("plot")
    with contextlib.ExitStack() as stack:
        first, second = (
            stack.enter_context(Session(name, settings, tell, HOSTS[name]))
            for name in ("itsc", "1ghz")
        )
        for spec, more in ((PATCHED, MORE), (UNPATCHED, 0)):
            courses[spec.name] = Course(Move(second.host()), more)
            first.run(spec, courses[spec.name], verbose=True)
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
