# SPDX-License-Identifier: GPL-2.0-only
"""`make lab-mutants`: errors put into the series on purpose.

A test must see each of them.  Each is a patch in lab/mutants/, which names the tests
that are to fail.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lab.base.common import KERNEL, LAB, TOP, LabError, run_main, say
from lab.images.kernel import build

HERE = TOP / "lab" / "mutants"
HEADER = re.compile(r"^(Subject|Test|Kernel|Until): (.+)$", re.MULTILINE)
KERNELS: dict[str, list[str]] = {"plain": [], "probe": ["probe"]}
FAILED = re.compile(r"^FAILED \S*::(\S+)", re.MULTILINE)
# pytest's: some tests failed
TESTS_FAILED = 1


@dataclass(frozen=True)
class Mutant:
    name: str
    subject: str
    # Arguments for pytest, the first of which names a file of tests
    test: list[str]
    kernel: list[str]
    # The newest kernel in which it is the series that the error hits
    until: str


def read(path: Path) -> Mutant:
    fields = dict(HEADER.findall(path.read_text()))
    missing = {"Subject", "Test", "Kernel"} - fields.keys()
    if missing or fields["Kernel"] not in KERNELS:
        raise LabError(f"{path} lacks {', '.join(missing) or 'a known Kernel:'}")
    words = shlex.split(fields["Test"])
    test = [f"tests/boot/test_{words[0]}.py", *words[1:]]
    kernel = KERNELS[fields["Kernel"]]
    return Mutant(
        path.stem, fields["Subject"], test, kernel, fields.get("Until", KERNEL)
    )


def mutants(names: list[str]) -> list[Mutant]:
    known = {path.stem: path for path in sorted(HERE.glob("*.patch"))}
    for name in names:
        if name not in known:
            raise LabError(f"MUTANT={name} is none of: {', '.join(known)}")
    chosen = [read(known[name]) for name in names or known]
    fitting = [mutant for mutant in chosen if version(KERNEL) <= version(mutant.until)]
    if names and fitting != chosen:
        raise LabError(f"MUTANT={' '.join(names)}: not all hit Linux {KERNEL}")
    return fitting


def version(kernel: str) -> list[int]:
    return [int(number) for number in kernel.split(".")]


def killers(mutant: Mutant) -> list[str]:
    """Build it and run its tests: those that fail."""
    build(KERNEL, *mutant.kernel, f"mutant={mutant.name}")
    log = LAB / f"mutant-{mutant.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *mutant.test],
        cwd=TOP,
        env={**os.environ, "MUTANT": mutant.name},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    log.write_text(done.stdout)
    if done.returncode not in (0, TESTS_FAILED):
        raise LabError(f"the tests of {mutant.name} did not run: see {log}")
    return FAILED.findall(done.stdout)


def main() -> int:
    chosen = mutants((os.environ.get("MUTANT") or "").split())
    rows, survivors = [], 0
    for number, mutant in enumerate(chosen, 1):
        say(f"mutants: {number} of {len(chosen)}: {mutant.name}: {mutant.subject}")
        failed = killers(mutant)
        survivors += not failed
        rows.append(f"  {mutant.name:16}{mutant.subject}")
        rows.append(f"  {'':16}{', '.join(failed) or 'SURVIVED'}")
    print("\n".join(["", "Mutants, and the tests that failed", *rows]))
    print(f"{len(chosen)} mutants, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(run_main(main))
