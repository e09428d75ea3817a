# SPDX-License-Identifier: GPL-2.0-only
"""Measures what clocks cost: sched_clock, clock_gettime() and a timer interrupt.

In instructions on a host where only they take time, Xen's included; and in ns on
an ordinary one, which is emulated and busy: those are no measure of hardware. With
--native the functions alone, in a program on the CPU of this machine.
"""

from __future__ import annotations

import argparse

from lab.commands import options
from lab.commands.bench import guests, native


def arguments(parser: options.Parser) -> None:
    options.add_kernel(parser)
    options.add_xen(parser)
    options.add_host(parser)
    options.add_verbose(parser)
    parser.add_argument(
        "--native",
        action="store_true",
        help="boot nothing: in ns on this machine's CPU, with one thread and with more",
    )


def main(args: argparse.Namespace) -> int:
    if args.native:
        options.refuse(args, "is for what is booted", "xen", "host", "verbose")
    settings = options.settings_of(args)
    measure = native.measure if args.native else guests.measure
    print("\n".join(measure(settings)))
    return 0
