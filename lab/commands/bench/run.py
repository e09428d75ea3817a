# SPDX-License-Identifier: GPL-2.0-only
"""Measures what a read of sched_clock costs, in the kernel itself.

In instructions on a host where only they take time, Xen's included; and in ns on
an ordinary one, which is emulated and busy: those are no measure of hardware.
"""

from __future__ import annotations

import argparse

from lab.commands import options
from lab.commands.bench import guests


def arguments(parser: options.Parser) -> None:
    options.add_kernel(parser)
    options.add_xen(parser)
    options.add_host(parser)
    options.add_verbose(parser)


def main(args: argparse.Namespace) -> int:
    print("\n".join(guests.measure(options.settings_of(args))))
    return 0
