# SPDX-License-Identifier: GPL-2.0-only
"""Builds each prefix of the series, in many configurations, and boots it.

A prefix is compiled where the series changes something, and must want no symbol that
only a later step brings; the whole series is linked, too.  In the lab's configuration
each prefix is, and then lives as a guest that is saved and restored.  In those of
distributions the whole series is built, booted, restored and demoted.
"""

from __future__ import annotations

import argparse
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from lab.guest.session import Session
from lab.base.common import BUILD, LabError, locked, need_space, say
from lab.base.common import write_atomically
from lab.base.junit import Case, write_junit
from lab.config import GuestSpec, HOSTS, Settings
from lab.checks.all import CHECKS, Slept, check_guest, check_series, problems_of
from lab.guest.scenario import Jump, Scenario, save_and_restore
from lab.images.kernel import build_both, git, script, tree_of
from lab.commands.bisect.build import Prefixes
from lab.commands import options
from lab.commands.bisect.configs import CONFIGS, Config

SERIES = "origin/series"
BOOTS = "boots"
# The TSC jumps by so much, which takes a host that is older than that
JUMP_NS = -15_000_000_000
HOST = HOSTS["untrusted"].older()
# Kernels for thousands of CPUs take more than the lab's
MEMORY = 192
ONCE = Slept(suspends=1, wakes=1)
# What is wrong with a prefix, by configuration and the number of its steps
Table = dict[str, dict[int, list[str]]]


def tell(text: str) -> None:
    say(f"prefixes: {text}")


@dataclass(frozen=True)
class Tree:
    """A clone of scripts/kernel's tree, so that neither disturbs the other."""

    kernel: str

    @property
    def home(self) -> Path:
        return BUILD / f"{self.kernel}-prefixes"

    @property
    def path(self) -> Path:
        return self.home / "linux"

    def image(self, name: str) -> Path:
        return self.home / name / "bzImage"

    def prepare(self) -> None:
        new = self.home / "linux.new"
        with locked(BUILD / f".lock-kernel-{self.kernel}"):
            if not self.path.exists():
                need_space(self.home, 6000)
                tell(f"making {self.path}")
                shutil.rmtree(new, ignore_errors=True)
                words = ("clone", "-q", "--local", "--no-checkout", ".", str(new))
                git(tree_of(self.kernel), *words)
                new.rename(self.path)
            git(self.path, "fetch", "-q", "--force", "--tags", "origin")

    def subjects(self) -> list[str]:
        words = ("--reverse", "--format=%s", f"base..{SERIES}")
        return git(self.path, "log", *words).splitlines()


class Build:
    """All prefixes in one configuration, and what is wrong with each."""

    def __init__(self, tree: Tree, config: Config) -> None:
        (tree.path / ".git/index.lock").unlink(missing_ok=True)
        git(tree.path, "checkout", "-q", "--force", "--detach", SERIES)
        kept = tree.home / f"{config}.config"
        config.write(tree.kernel, tree.path, kept)
        self.found: dict[int, list[str]] = {}
        self._tree = tree
        self._config = config
        self._prefixes = Prefixes(tree.path, kept, SERIES)
        self._total = len(self._prefixes.steps)
        self._start = time.monotonic()

    def _told(self, number: int, what: str, problems: list[str]) -> None:
        now = time.monotonic()
        came = "\n    ".join(["FAILED:", *problems]) if problems else "built"
        where = f"{self._config}: {number} of {self._total}"
        tell(f"{where}: {what}: {came} ({now - self._start:.0f} s)")
        self._start = now

    def run(self) -> None:
        linked = ("bzImage",) if self._config.boots else ()
        self._prefixes.build_base(*linked)
        self._told(0, "the base", [])
        for number, commit in enumerate(self._prefixes.steps, 1):
            if self._config.whole and number < self._total:
                continue
            self._build(number, commit, linked)
        if not self.found[self._total] and not self._config.whole:
            self._link()

    def _build(self, number: int, commit: str, linked: tuple[str, ...]) -> None:
        last = ("bzImage",) if self._config.whole else ("vmlinux",)
        targets = linked or (last if number == self._total else ())
        self.found[number] = self._prefixes.build(commit, *targets)
        self._told(number, self._prefixes.subject(commit), self.found[number])
        if "bzImage" in targets and not self.found[number]:
            image = self._tree.image(self._config.name_of(number))
            image.parent.mkdir(exist_ok=True)
            shutil.copy(self._tree.path / "arch/x86/boot/bzImage", image)

    def _link(self) -> None:
        """Add the symbols that a prefix would lack if it were linked."""
        lacking = self._prefixes.lacking(self._tree.path / "System.map")
        for number, commit in enumerate(self._prefixes.steps, 1):
            if lacking.get(commit):
                problems = [f"{symbol} is not there" for symbol in lacking[commit]]
                self._told(number, self._prefixes.subject(commit), problems)
                self.found[number] += problems


@dataclass(frozen=True)
class Boot:
    """A kernel as a guest, what becomes of it, and which of the checks must pass."""

    kind: str = "pv"
    scenario: Scenario = save_and_restore
    slept: Slept = ONCE
    # All must where none is named
    checks: tuple[str, ...] = ()
    demoted: str = ""

    def __str__(self) -> str:
        return f"{self.kind}-{'jump' if self.demoted else 'save'}"


# A prefix need not do more
PREFIX = (Boot(checks=("trouble", "clocks")),)
WHOLE = (
    Boot(),
    Boot("pvh"),
    Boot("pv", Jump(JUMP_NS, idle=True), Slept(), demoted="moved apart by"),
)


def problems_in(boot: Boot, case: GuestSpec, session: Session) -> list[str]:
    try:
        life = session.run(case, boot.scenario)
    except LabError as error:
        return [str(error)]
    found = check_guest(case, life, boot.slept, boot.checks or CHECKS)
    if not boot.checks:
        found |= check_series(case, life, HOST, boot.slept, boot.demoted)
    return problems_of(found)


def boot(
    tree: Tree, settings: Settings, config: Config, numbers: list[int]
) -> dict[int, list[str]]:
    """What is wrong with each of these."""
    found: dict[int, list[str]] = {}
    with Session("prefixes", settings, tell, HOST) as session:
        for number in numbers:
            name = config.name_of(number)
            linux = str(tree.image(name).parent.relative_to(BUILD))
            for one in WHOLE if config.whole else PREFIX:
                case = GuestSpec(
                    f"{name}-{one}", linux=linux, kind=one.kind, memory=MEMORY
                )
                problems = problems_in(one, case, session)
                found[number] = found.get(number, []) + problems
                came = ["FAILED:", *problems] if problems else ["booted"]
                tell(f"{case}: " + "\n    ".join(came))
    return found


def markdown(kernel: str, table: Table, subjects: list[str]) -> str:
    """A row for each prefix."""
    lines = [f"# The prefixes of the series for Linux {kernel}", ""]
    lines.append("| | the last step | " + " | ".join(table) + " |")
    lines.append("|---" * (len(table) + 2) + "|")
    for number, subject in enumerate(subjects, 1):
        cells = [
            ("FAILED" if found[number] else "yes") if number in found else "-"
            for found in table.values()
        ]
        lines.append(f"| {number} | {subject} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def junit_cases(table: Table) -> list[Case]:
    return [
        Case(f"bisect.{config}", f"{number:02}", failure="\n".join(problems))
        for config, found in table.items()
        for number, problems in found.items()
    ]


def arguments(parser: options.Parser) -> None:
    options.add_selection(parser, "configurations")
    options.add_shard(parser)
    options.add_junit(parser)
    options.add_kernel(parser)
    options.add_xen(parser)
    options.add_verbose(parser)


def main(args: argparse.Namespace) -> int:
    configs = options.selected(args, CONFIGS)
    if args.list:
        return 0
    settings = options.settings_of(args)
    script("setup", "check")
    build_both(settings.kernel)
    tree = Tree(settings.kernel)
    table: Table = {}
    report = tree.home / "prefixes.md"
    with locked(tree.home / ".lock"):
        tree.prepare()
        subjects = tree.subjects()
        for config in configs:
            build = Build(tree, config)
            build.run()
            table[str(config)] = build.found
            if config.boots or config.whole:
                built = [number for number, wrong in build.found.items() if not wrong]
                booted = boot(tree, settings, config, built)
                table[f"{config} {BOOTS}"] = booted
            text = markdown(settings.kernel, table, subjects)
            write_atomically(report, text.encode())
            if args.junit:
                write_junit(args.junit, "bisect", junit_cases(table))
    problems = [wrong for found in table.values() for wrong in found.values()]
    failed = sum(map(bool, problems))
    say(markdown(settings.kernel, table, subjects))
    total = len(problems)
    tell(f"{total - failed} of {total} are well; the table is in {report}")
    return 1 if failed else 0
