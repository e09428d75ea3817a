# SPDX-License-Identifier: GPL-2.0-only
"""Proves with CBMC what lab/proofs/ claims of the kernel's code, for all inputs.

Each proof comes with mutants: errors in the kernel's code that it must refute. Where
herd7 is found, litmus tests are checked against the kernel's memory model, too.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import resource
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

from lab.base.common import LAB, TOP, LabError, need, output, say
from lab.commands import options
from lab.config import DEFAULT_KERNEL
from lab.images.kernel import script, tree_of

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
MODEL = tree_of(DEFAULT_KERNEL) / "tools" / "memory-model"
SECONDS = 300
MEMORY = 8 << 30
PROVED, REFUTED = 0, 10
# The last words of cbmc, or of herd7
ENDING = r"^VERIFICATION (SUCCESSFUL|FAILED)$|^Observation "


@dataclass(frozen=True)
class Change:
    """Another text in one of the kernel's files, wherever it occurs."""

    file: str
    old: str
    new: str
    times: int = 1

    def apply(self, directory: Path) -> None:
        """Change the copy in a directory, where the text must occur that often."""
        path = directory / self.file
        text = path.read_text()
        found = text.count(self.old)
        if found != self.times:
            wanted = f"{self.times} times, as a proof needs, but {found}: {self.old}"
            raise LabError(f"{self.file} has not {wanted}")
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

    @property
    def litmus(self) -> bool:
        """Is it a litmus test of the kernel's memory model?"""
        return self.file.endswith(".litmus")

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Outcome:
    """What was found: what failed, if anything, and in how many seconds of CPU time."""

    failed: tuple[str, ...]
    # None if it was found earlier, with the same input
    seconds: float | None

    @property
    def cost(self) -> str:
        return "as before" if self.seconds is None else f"{self.seconds:.1f} s"


def proofs() -> list[Proof]:
    """All that lab/proofs/proofs.toml lists."""
    table = tomllib.loads((HERE / "proofs.toml").read_text())
    return [proof_of(table, row) for row in table["proof"]]


def proof_of(table: dict[str, Any], row: dict[str, Any]) -> Proof:
    """One proof; what it replaces has a name of its own in the table."""
    file, _, function = row["harness"].partition(":")
    checks = OPTIONS if row.get("checks", True) else UNCHECKED
    options = (*checks, *row.get("options", []))
    replace = tuple(Change(**table[name]) for name in row.get("replace", []))
    mutants = tuple(Change(*mutant) for mutant in row["mutants"])
    told = (row["name"], row["claim"], file, function)
    return Proof(*told, options, replace, mutants)


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
    for path in [
        *KERNEL_SIDE.glob("*.[ch]"),
        *HERE.glob("*.c"),
        *HERE.glob("*.litmus"),
    ]:
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
    """In the child: what needs more time or memory than this fails."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def command_of(proof: Proof, directory: Path) -> list[str]:
    """How cbmc is called, or herd7."""
    file = directory / proof.file
    if proof.litmus:
        return ["herd7", "-I", str(MODEL), "-conf", "linux-kernel.cfg", str(file)]
    include = [f"-I{path}" for path in (directory, *INCLUDE, directory / "empty")]
    command = [*loader(unpack(), "cbmc"), str(file), "--function", proof.function]
    return [*command, *include, *proof.options]


def why_skipped(proof: Proof) -> str:
    """What a litmus test needs and is not here, or nothing."""
    if proof.litmus and not shutil.which("herd7"):
        return "there is no herd7, which is not in Debian: github.com/herd/herdtools7"
    if proof.litmus and not MODEL.exists():
        return f"there is no memory model in {MODEL}: make kernel"
    return ""


def digest(directory: Path, command: list[str]) -> str:
    """Of what a result depends on, with CBMC and the compiler that it preprocesses with."""
    words = [*command, output("gcc", "--version")]
    found = hashlib.sha256("\0".join(words).encode())
    root = unpack()
    files = [root / "usr/bin/cbmc", *(root / LIBRARIES).iterdir()]
    files += directory.rglob("*")
    files += [file for shims in INCLUDE for file in shims.rglob("*")]
    for path in sorted(path for path in files if path.is_file()):
        found.update(f"\0{path}\0".encode() + path.read_bytes())
    return found.hexdigest()


def check(proof: Proof, name: str, changes: tuple[Change, ...]) -> Outcome:
    """Run cbmc, unless it had the same input last time.

    An end that is neither a proof nor a refutation is an error.
    """
    directory = prepare(name, changes)
    command = command_of(proof, directory)
    log, stamp = (WORK / f"{name}.{suffix}" for suffix in ("log", "input"))
    # What the memory model consists of is not looked at
    given = "" if proof.litmus else digest(directory, command)
    if given and log.exists() and stamp.exists() and stamp.read_text() == given:
        said = log.read_text()
        if re.search(ENDING, said, re.M):
            return Outcome(tuple(failures(said)), None)
    stamp.unlink(missing_ok=True)
    start = children_seconds()
    with log.open("w") as file:
        ended = subprocess.run(
            command, stdout=file, stderr=subprocess.STDOUT, preexec_fn=limit
        ).returncode
    seconds = children_seconds() - start
    said = log.read_text()
    if ended not in (PROVED, REFUTED) or not re.search(ENDING, said, re.M):
        limits = f"{seconds:.0f} s of {SECONDS}, {MEMORY >> 30} GiB of memory allowed"
        raise LabError(f"{name}: no result, status {ended} ({limits}), see {log}")
    stamp.write_text(given)
    return Outcome(tuple(failures(said)), seconds)


def children_seconds() -> float:
    """CPU time of all that was run here, which a busy machine does not change much."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def failures(text: str) -> Iterator[str]:
    """The claims that do not hold, in the words of cbmc or herd7."""
    for found in re.finditer(r"^\[(\S+)\] (?:line \d+ )?(.*): FAILURE$", text, re.M):
        yield f"{found[1]}: {found[2]}"
    yield from re.findall(r"^Observation .* (?:Sometimes|Always) .*$", text, re.M)


def prove(proof: Proof) -> bool:
    """Check the proof and its mutants; no result is a failure, too."""
    if reason := why_skipped(proof):
        say(f"{'skipped':20} {proof.name}: {reason}")
        return True
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
    say(f"{word:8} {outcome.cost:>9}  {proof.name}: {proof.claim}")
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
    say(f"{word:>10} {outcome.cost:>9}  mutant {number}: {shown}")
    return bool(real)


def arguments(parser: options.Parser) -> None:
    options.add_selection(parser, "proofs")


def run(chosen: list[Proof]) -> int:
    """Prove them; one that fails does not keep the others from running."""
    bad = [proof.name for proof in chosen if not prove(proof)]
    if bad:
        raise LabError("these do not hold, or do not refute: " + ", ".join(bad))
    skipped = sum(bool(why_skipped(proof)) for proof in chosen)
    told = f", {skipped} are skipped" if skipped else ""
    count = len(chosen) - skipped
    say(f"prove: {count} proofs hold, and all their mutants are refuted{told}")
    return 0


def describe(proof: Proof) -> str:
    return f"{proof.name:17} {proof.claim}"


def main(args: argparse.Namespace) -> int:
    chosen = options.selected(args, proofs(), describe)
    if args.list:
        return 0
    script("setup", "check")
    return run(chosen)
