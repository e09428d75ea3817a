# SPDX-License-Identifier: GPL-2.0-only
"""Puts errors into the series, each of which a test must see.

Each is a patch in lab/mutants/, which names the tests that are to fail.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lab.base.common import LAB, TOP, LabError, say
from lab.base.junit import Case, write_junit
from lab.commands import options
from lab.images.kernel import build, build_probes, script

HERE = TOP / "lab" / "mutants"
HEADER = re.compile(r"^(Subject|Test|Kernel|Since|Until): (.+)$", re.MULTILINE)
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
    # The oldest kernel whose test sees it, and the newest that has what it changes, if any
    since: str
    until: str

    def __str__(self) -> str:
        return self.name

    def fits(self, kernel: str) -> bool:
        first, last = (version(one or kernel) for one in (self.since, self.until))
        return first <= version(kernel) <= last


def read(path: Path) -> Mutant:
    fields = dict(HEADER.findall(path.read_text()))
    missing = {"Subject", "Test", "Kernel"} - fields.keys()
    if missing or fields["Kernel"] not in KERNELS:
        raise LabError(f"{path} lacks {', '.join(missing) or 'a known Kernel:'}")
    words = shlex.split(fields["Test"])
    test = [f"tests/boot/test_{words[0]}.py", *words[1:]]
    kernel = KERNELS[fields["Kernel"]]
    since, until = (fields.get(name, "") for name in ("Since", "Until"))
    return Mutant(path.stem, fields["Subject"], test, kernel, since, until)


def mutants(kernel: str) -> list[Mutant]:
    """Return those that change the code of the series for this kernel."""
    every = [read(HERE / f"{name}.patch") for name in options.mutants()]
    return [mutant for mutant in every if mutant.fits(kernel)]


def version(kernel: str) -> list[int]:
    return [int(number) for number in kernel.split(".")]


def killers(mutant: Mutant, kernel: str, xen: str) -> list[str]:
    """Build it and run its tests: those that fail."""
    build(kernel, *mutant.kernel, f"mutant={mutant.name}")
    log = LAB / f"mutant-{mutant.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *mutant.test],
        cwd=TOP,
        env={
            **os.environ,
            "KERNEL": kernel,
            "XEN": xen,
            "MUTANT": mutant.name,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    log.write_text(done.stdout)
    if done.returncode not in (0, TESTS_FAILED):
        raise LabError(f"the tests of {mutant.name} did not run: see {log}")
    return FAILED.findall(done.stdout)


def arguments(parser: options.Parser) -> None:
    options.add_selection(parser, "errors")
    options.add_shard(parser)
    options.add_junit(parser)
    options.add_kernel(parser)
    options.add_xen(parser)


def tell_junit(args: argparse.Namespace, cases: dict[str, Case]) -> None:
    """After each, as a run can die at any time."""
    if args.junit:
        write_junit(args.junit, "mutants", list(cases.values()))


def main(args: argparse.Namespace) -> int:
    chosen = options.selected(
        args, mutants(args.kernel), lambda one: f"{one.name:16}{one.subject}"
    )
    if args.list:
        return 0
    script("setup", "check")
    build_probes(args.kernel)
    rows: list[str] = []
    cases = {
        one.name: Case("mutants", one.name, skipped="it was not run") for one in chosen
    }
    tell_junit(args, cases)
    for number, mutant in enumerate(chosen, 1):
        say(f"mutants: {number} of {len(chosen)}: {mutant.name}: {mutant.subject}")
        failed = killers(mutant, args.kernel, args.xen)
        survived = "" if failed else "no test has failed"
        cases[mutant.name] = Case("mutants", mutant.name, failure=survived)
        tell_junit(args, cases)
        rows.append(f"  {mutant.name:16}{mutant.subject}")
        rows.append(f"  {'':16}{', '.join(failed) or 'SURVIVED'}")
    survivors = sum(bool(case.failure) for case in cases.values())
    print("\n".join(["", "Mutants, and the tests that failed", *rows]))
    print(f"{len(chosen)} mutants, {survivors} survived")
    return 1 if survivors else 0
