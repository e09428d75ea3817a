# SPDX-License-Identifier: GPL-2.0-only
"""`make fuzz`: libFuzzer on the policy and the guard, compiled for the host."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lab.common import BUILD, KERNEL, LAB, TOP, LabError, need, output, run_main, say

HERE = TOP / "lab" / "fuzzer"
KERNEL_SIDE = TOP / "arch" / "x86" / "xen"
SOURCES = [HERE / "fuzz_tsc.c"]
SOURCES += [KERNEL_SIDE / name for name in ("tsc_policy.c", "tsc_watch.c")]
CFLAGS = "-g -O1 -std=gnu11 -Wall -Wextra -Wno-sign-compare -Werror".split()
# Whatever a sanitizer finds ends the run
CFLAGS += ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]
MAX_LENGTH = 256


def build(kernel: str) -> Path:
    """The fuzzer's program, with the headers that the kernel has for its tools."""
    need("clang")
    tree = BUILD / kernel / "linux"
    program = LAB / "fuzz" / "fuzz_tsc"
    program.parent.mkdir(parents=True, exist_ok=True)
    include = ["-I", str(HERE / "include"), "-I", str(KERNEL_SIDE)]
    include += ["-I", str(tree / "tools" / "include")]
    include += ["-idirafter", str(tree / "arch" / "x86" / "include")]
    output("clang", *CFLAGS, *include, "-o", str(program), *map(str, SOURCES))
    return program


def fuzz(program: Path, runs: int, seed: int) -> None:
    """What it says is kept beside it, and so is an input that breaks something."""
    log = program.parent / "log"
    command = [str(program), f"-runs={runs}", f"-max_len={MAX_LENGTH}"]
    command += [f"-seed={seed}", f"-artifact_prefix={program.parent}/"]
    with log.open("w") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT)
    if done.returncode:
        lines = log.read_text(errors="replace").splitlines()
        told = [n for n, line in enumerate(lines) if "does not hold" in line]
        told += [n for n, line in enumerate(lines) if "runtime error" in line]
        told += [n for n, line in enumerate(lines) if "ERROR: " in line]
        first = told[0] if told else max(0, len(lines) - 20)
        raise LabError(
            "the fuzzer found an input that should not be:\n"
            + "\n".join("    | " + line for line in lines[first : first + 20])
            + f"\n    The input is in {program.parent}; all that was said: {log}"
        )


def main() -> int:
    text = os.environ.get("RUNS") or "10000000"
    if not text.isdigit():
        raise LabError(f"RUNS={text} is not a number")
    runs = int(text)
    program = build(KERNEL)
    seed = int.from_bytes(os.urandom(3), "big") + 1
    say(f"fuzz: {runs} inputs, seed {seed}, a few minutes for ten million")
    fuzz(program, runs, seed)
    say(f"fuzz: {runs} inputs, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(run_main(main))
