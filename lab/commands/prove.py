# SPDX-License-Identifier: GPL-2.0-only
"""Proves with CBMC what lab/proofs/ claims of the kernel's code, for all inputs.

Each proof comes with mutants: errors in the kernel's code that it must refute.
"""

from __future__ import annotations

import argparse
import re
import resource
import shutil
import subprocess
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

from lab.base.common import LAB, TOP, LabError, need, output, say
from lab.commands import options
from lab.images.kernel import script

HERE = TOP / "lab" / "proofs"
KERNEL_SIDE = TOP / "arch" / "x86" / "xen"
WORK = LAB / "proofs"
SUITE = "trixie"
PACKAGES = ("cbmc", "minisat", "libc6", "libgcc-s1", "libstdc++6")
LIBRARIES = "usr/lib/x86_64-linux-gnu"
INCLUDE = (HERE / "include", TOP / "tools" / "xen-clock" / "include")
CHECKS = (
    "bounds pointer div-by-zero signed-overflow undefined-shift pointer-overflow"
    " enum-range"
)
OPTIONS = [f"--{check}-check" for check in CHECKS.split()] + ["--unwinding-assertions"]
UNCHECKED = ["--no-standard-checks", "--unwinding-assertions"]
SECONDS = 300
MEMORY = 8 << 30
PROVED, REFUTED = 0, 10


@dataclass(frozen=True)
class Change:
    """Another text in one of the kernel's files."""

    file: str
    old: str
    new: str

    def apply(self, directory: Path) -> None:
        """Change the copy in a directory, where the text must occur once."""
        path = directory / self.file
        text = path.read_text()
        if text.count(self.old) != 1:
            raise LabError(f"{self.file} has not once, as a proof needs: {self.old}")
        path.write_text(text.replace(self.old, self.new))


@dataclass(frozen=True)
class Proof:
    """What is claimed, where, and what must refute it."""

    name: str
    claim: str
    file: str
    function: str
    options: tuple[str, ...]
    replace: tuple[Change, ...]
    mutants: tuple[Change, ...]
    undecided: bool

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Outcome:
    """What cbmc found: what failed, if anything, and in how many seconds."""

    failed: tuple[str, ...]
    seconds: float


def proofs() -> list[Proof]:
    """All that lab/proofs/proofs.toml lists."""
    table = tomllib.loads((HERE / "proofs.toml").read_text())
    return [proof_of(table, row) for row in table["proof"]]


def proof_of(table: dict[str, Any], row: dict[str, Any]) -> Proof:
    """One proof; what it replaces has a name of its own in the table."""
    file, function = row["harness"].split(":")
    checks = OPTIONS if row.get("checks", True) else UNCHECKED
    options = (*checks, *row.get("options", []))
    replace = tuple(Change(**table[name]) for name in row.get("replace", []))
    mutants = tuple(Change(*mutant) for mutant in row["mutants"])
    undecided = row.get("undecided", False)
    told = (row["name"], row["claim"], file, function)
    return Proof(*told, options, replace, mutants, undecided)


def unpack() -> Path:
    """CBMC and its libraries from another suite, without installing them."""
    root = LAB / "cbmc"
    if not (root / "unpacked").exists():
        need("dpkg-deb", "gcc")
        for package in PACKAGES:
            deb = output(str(TOP / "scripts" / "fetch"), SUITE, package).split()[-1]
            output("dpkg-deb", "-x", deb, str(root))
        (root / "unpacked").touch()
    return root


def loader(root: Path, program: str) -> list[str]:
    """The command that runs a program with the libraries that it was built for."""
    path = f"{root / LIBRARIES}:{root / 'usr/lib'}"
    start = str(root / LIBRARIES / "ld-linux-x86-64.so.2")
    return [start, "--library-path", path, str(root / "usr/bin" / program)]


def prepare(name: str, changes: tuple[Change, ...]) -> Path:
    """A copy of the harnesses and of the kernel's files, with some changes."""
    directory = WORK / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for path in [*KERNEL_SIDE.glob("*.[ch]"), *HERE.glob("*.c")]:
        shutil.copy(path, directory)
    for change in changes:
        change.apply(directory)
    make_headers(directory)
    return directory


def make_headers(directory: Path) -> None:
    """Empty ones, where the harness has all that is needed of a kernel's header."""
    for path in directory.glob("*.c"):
        for name in re.findall(r"^#include <(.*)>$", path.read_text(), re.M):
            if not any((shims / name).exists() for shims in INCLUDE):
                header = directory / "empty" / name
                header.parent.mkdir(parents=True, exist_ok=True)
                header.touch()


def limit() -> None:
    """In the child: what needs more memory than this fails, rather than the machine."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def command_of(proof: Proof, directory: Path) -> list[str]:
    """How cbmc is called."""
    include = [f"-I{path}" for path in (directory, *INCLUDE, directory / "empty")]
    command = [*loader(unpack(), "cbmc"), str(directory / proof.file)]
    return [*command, "--function", proof.function, *include, *proof.options]


def check(proof: Proof, name: str, changes: tuple[Change, ...]) -> Outcome:
    """Run cbmc. An end that is neither a proof nor a refutation is an error."""
    command = command_of(proof, prepare(name, changes))
    log = WORK / f"{name}.log"
    start = time.monotonic()
    ended = run_limited(command, log)
    if ended not in (str(PROVED), str(REFUTED)):
        raise LabError(f"{name}: cbmc ended with {ended}; what it said: {log}")
    return Outcome(tuple(failures(log.read_text())), time.monotonic() - start)


def run_limited(command: list[str], log: Path) -> str:
    """The exit status, or that it took too long."""
    with log.open("w") as file:
        try:
            done = subprocess.run(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                preexec_fn=limit,
            )
        except subprocess.TimeoutExpired:
            return f"no result after {SECONDS} s"
    return str(done.returncode)


def failures(text: str) -> Iterator[str]:
    """The claims that do not hold, in cbmc's words."""
    for found in re.finditer(r"^\[(\S+)\] (?:line \d+ )?(.*): FAILURE$", text, re.M):
        yield f"{found[1]}: {found[2]}"


def prove(proof: Proof) -> bool:
    """Check the proof and its mutants; no result is a failure, too."""
    try:
        return prove_or_raise(proof)
    except LabError as error:
        say(f"{'NO END':8} {error}")
        return False


def prove_or_raise(proof: Proof) -> bool:
    """Say what came of the proof and of each mutant, a line each."""
    outcome = check(proof, proof.name, proof.replace)
    good = not outcome.failed
    word = "proved" if good else "REFUTED"
    say(f"{word:8} {outcome.seconds:6.1f} s  {proof.name}: {proof.claim}")
    for failed in outcome.failed:
        say(f"{'':20} {failed}")
    for number, mutant in enumerate(proof.mutants, 1):
        good &= refute(proof, number, mutant)
    return good


def refute(proof: Proof, number: int, mutant: Change) -> bool:
    """A mutant must fail by a claim or a check, and not only by a bound of the proof."""
    name = f"{proof.name}.mutant{number}"
    outcome = check(proof, name, (*proof.replace, mutant))
    real = [text for text in outcome.failed if ".unwind." not in text]
    word = "refuted" if real else "MISSED"
    shown = real[0] if real else f"{mutant.file}: {mutant.old!r} to {mutant.new!r}"
    say(f"{word:>10} {outcome.seconds:4.1f} s  mutant {number}: {shown}")
    return bool(real)


def arguments(parser: options.Parser) -> None:
    options.add_selection(parser, "proofs")
    parser.add_argument(
        "--undecided", action="store_true", help="try those without a known result, too"
    )


def run(chosen: list[Proof]) -> int:
    """Prove them; one that fails does not keep the others from running."""
    bad = [proof.name for proof in chosen if not prove(proof)]
    if bad:
        raise LabError("these do not hold, or do not refute: " + ", ".join(bad))
    say(f"prove: {len(chosen)} proofs hold, and all their mutants are refuted")
    return 0


def describe(proof: Proof) -> str:
    note = " (undecided)" if proof.undecided else ""
    return f"{proof.name:17} {proof.claim}{note}"


def main(args: argparse.Namespace) -> int:
    chosen = options.selected(args, proofs(), describe)
    if args.list:
        return 0
    script("setup", "check")
    return run([proof for proof in chosen if args.undecided or not proof.undecided])
