# SPDX-License-Identifier: GPL-2.0-only
"""Runs the tests: of the lab and the tool, of the series, and with guests under Xen."""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys

from lab.base.common import BUILD, TOP
from lab.commands import options
from lab.images.kernel import UNAVAILABLE, build, build_probes, kernels
from lab.images.kernel import meanwhile, script

ACCEPTED = (0, UNAVAILABLE)
# Each keeps up to eight hosts, of which those that are idle take 0.5 to 1 GiB, and for
# some minutes the one with Debian's guest, which takes 3. A third process on two CPUs
# saves some time at best: guests, and dom0, become so slow that their kernels report
# soft lockups.
JOBS = 2
MEMORY_OF_A_JOB = 6 << 30


def default_jobs() -> int:
    """As many as this machine has the CPUs and the memory for."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    fit = min(len(os.sched_getaffinity(0)), memory // MEMORY_OF_A_JOB)
    return max(1, min(JOBS, fit))


def arguments(parser: options.Parser) -> None:
    parser.add_argument(
        "paths",
        nargs="*",
        default=["tests"],
        metavar="PATH",
        help="a directory or a file of tests (default: all of them)",
    )
    options.add_selection(parser, "tests")
    options.add_kernel(parser)
    options.add_xen(parser)
    parser.add_argument(
        "--all-kernels",
        action="store_true",
        help="first build each kernel that the series is for, so that all are booted",
    )
    parser.add_argument(
        "--jobs",
        type=options.positive,
        default=default_jobs(),
        metavar="N",
        help="run the tests of directories in so many processes, each of which boots "
        "hosts of its own and takes 6 GiB of memory (default: %(default)s here)",
    )
    options.add_junit(parser)
    options.add_no_build(parser)


def build_kernels(kernel: str, *, every: bool) -> None:
    """Build what the tests boot; of other kernels they look at the tree at least.

    A kernel whose source cannot be had any more is skipped by the tests.
    """
    with contextlib.ExitStack() as stack:
        for other in kernels():
            whole = every or (BUILD / other / "bzImage").exists()
            if other != kernel and not whole:
                # Half of the time these keep one CPU busy, not more
                stack.enter_context(meanwhile(other, "prepare", accept=ACCEPTED))
        build_probes(kernel, "part=fixes probe", "part=watchdog")
    for other in kernels():
        if every or (BUILD / other / "bzImage").exists():
            build(other, accept=ACCEPTED)


def main(args: argparse.Namespace) -> int:
    if args.list or args.no_build:
        options.refuse(args, "builds kernels, which is not asked for", "all_kernels")
    command = [sys.executable, "-m", "pytest", *args.paths]
    command += ["-k", args.k] if args.k else []
    if args.list:
        command += ["--collect-only", "-q"]
    elif args.jobs > 1 and any((TOP / path).is_dir() for path in args.paths):
        # See tests/workers.py
        command += ["-n", str(args.jobs), "--dist=loadscope"]
        command += ["-o", "console_output_style=classic"]
    if not args.list and not args.no_build:
        script("setup", "check")
        build_kernels(args.kernel, every=args.all_kernels)
    command += [f"--junitxml={args.junit}"] if args.junit else []
    environ = {"KERNEL": args.kernel, "XEN": args.xen, "MUTANT": ""}
    with subprocess.Popen(command, cwd=TOP, env={**os.environ, **environ}) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # It ends what it has started, and says how far it was
            process.terminate()
            process.wait()
            raise
