# SPDX-License-Identifier: GPL-2.0-only
"""Runs libFuzzer on the policy, the skew and sched_clock, built for this machine."""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path

from lab.base.common import LAB, TOP, LabError, need, output, say
from lab.commands import options
from lab.images.kernel import script

KERNEL_SIDE = TOP / "arch" / "x86" / "xen"
SOURCES = [TOP / "lab/payload/fuzz/fuzz_tsc.c", KERNEL_SIDE / "tsc_policy.c"]
# What the kernel's files include, as a program has it
INCLUDES = [TOP / "tools/xen-clock/include", KERNEL_SIDE]
CFLAGS = "-g -O1 -std=gnu11 -Wall -Wextra -Wno-sign-compare -Werror".split()
# Whatever a sanitizer finds ends the run
CFLAGS += ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]
MAX_LENGTH = 256


def build() -> Path:
    """The fuzzer's program."""
    need("clang")
    program = LAB / "fuzz" / "fuzz_tsc"
    program.parent.mkdir(parents=True, exist_ok=True)
    include = [f"-I{path}" for path in INCLUDES]
    output("clang", *CFLAGS, *include, "-o", str(program), *map(str, SOURCES))
    return program


def fuzz(program: Path, runs: int, seed: int) -> None:
    """Its output is kept in its directory, and so is an input that it fails on."""
    log = program.parent / "log"
    command = [str(program), f"-runs={runs}", f"-max_len={MAX_LENGTH}"]
    command += [f"-seed={seed}", f"-artifact_prefix={program.parent}/"]
    with log.open("w") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT)
    if done.returncode:
        lines = log.read_text(errors="replace").splitlines()
        found = [n for n, line in enumerate(lines) if "does not hold" in line]
        found += [n for n, line in enumerate(lines) if "runtime error" in line]
        found += [n for n, line in enumerate(lines) if "ERROR: " in line]
        first = found[0] if found else max(0, len(lines) - 20)
        raise LabError(
            "the fuzzer found an input on which a property fails:\n"
            + "\n".join("    | " + line for line in lines[first : first + 20]),
            hint=f"The input is in {program.parent}; all output: {log}",
        )


def arguments(parser: options.Parser) -> None:
    parser.add_argument(
        "--runs",
        type=options.positive,
        default=10_000_000,
        help="how many inputs to try (default: %(default)s)",
    )


def main(args: argparse.Namespace) -> int:
    runs: int = args.runs
    script("setup", "check")
    program = build()
    seed = int.from_bytes(os.urandom(3), "big") + 1
    say(f"fuzz: {runs} inputs, seed {seed}, a few minutes for ten million")
    fuzz(program, runs, seed)
    say(f"fuzz: {runs} inputs, nothing found")
    return 0
