# SPDX-License-Identifier: GPL-2.0-only
"""`make prefixes`: each prefix of the series builds, in many configurations, and boots.

A prefix is compiled where the series changes something, and must want no symbol that
only a later step brings; the whole series is linked, too.  In the lab's configuration
each prefix is, and then lives as a guest that is saved and restored.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from lab.guest.session import Case, Results
from lab.base.common import BUILD, KERNEL, LabError, locked, need_space, run_main, say
from lab.base.common import write_atomically
from lab.config import HOSTS
from lab.checks.clocks import judge_clocks, judge_trouble
from lab.images.kernel import git, tree_of
from lab.commands.bisect.build import Prefixes
from lab.commands.bisect.configs import Config, choose
from lab.settings import settings_from

HOME = BUILD / f"{KERNEL}-prefixes"
TREE = HOME / "linux"
SERIES = "origin/series"
BOOT = "boots"
# What is wrong with a prefix, by configuration and the number of its steps
Table = dict[str, dict[int, list[str]]]


def tell(text: str) -> None:
    say(f"prefixes: {text}")


def prepare_tree() -> None:
    """A clone of scripts/kernel's tree, so that neither disturbs the other."""
    new = HOME / "linux.new"
    with locked(BUILD / f".lock-kernel-{KERNEL}"):
        if not TREE.exists():
            need_space(HOME, 6000)
            tell(f"making {TREE}")
            shutil.rmtree(new, ignore_errors=True)
            git(
                tree_of(KERNEL),
                "clone",
                "-q",
                "--local",
                "--no-checkout",
                ".",
                str(new),
            )
            new.rename(TREE)
        git(TREE, "fetch", "-q", "--force", "--tags", "origin")


def image(number: int) -> Path:
    return HOME / f"{number:02}" / "bzImage"


def build(config: Config) -> dict[int, list[str]]:
    """Each prefix in a configuration, told as it is done."""
    (TREE / ".git/index.lock").unlink(missing_ok=True)
    git(TREE, "checkout", "-q", "--force", "--detach", SERIES)
    kept = HOME / f"{config}.config"
    config.write(KERNEL, TREE, kept)
    prefixes = Prefixes(TREE, kept, SERIES)
    linked = ("bzImage",) if config.boots else ()
    total = len(prefixes.steps)
    start = time.monotonic()

    def told(number: int, what: str, problems: list[str]) -> None:
        nonlocal start
        now = time.monotonic()
        came = "\n    ".join(["FAILED:", *problems]) if problems else "built"
        tell(f"{config}: {number} of {total}: {what}: {came} ({now - start:.0f} s)")
        start = now

    prefixes.build_base(*linked)
    told(0, "the base", [])
    found = {}
    for number, commit in enumerate(prefixes.steps, 1):
        targets = linked or (("vmlinux",) if number == total else ())
        found[number] = prefixes.build(commit, *targets)
        told(number, prefixes.subject(commit), found[number])
        if config.boots and not found[number]:
            image(number).parent.mkdir(exist_ok=True)
            shutil.copy(TREE / "arch/x86/boot/bzImage", image(number))
    if not found[total]:
        lacking = prefixes.lacking(TREE / "System.map")
        for number, commit in enumerate(prefixes.steps, 1):
            if lacking.get(commit):
                problems = [f"{symbol} is not there" for symbol in lacking[commit]]
                told(number, prefixes.subject(commit), problems)
                found[number] += problems
    return found


def boot(numbers: list[int]) -> dict[int, list[str]]:
    settings = settings_from({**os.environ, "MUTANT": ""})
    found = {}
    with Results("prefixes", settings, tell, HOSTS["untrusted"]) as results:
        for number in numbers:
            name = f"prefix-{number:02}"
            case = Case(name, linux=str(image(number).parent.relative_to(BUILD)))
            try:
                report = results.of(case).report
                problems = judge_trouble(report) + judge_clocks(report, suspended=True)
            except LabError as error:
                problems = [str(error)]
            found[number] = problems
            if problems:
                tell("\n    ".join([f"{name}: FAILED:", *problems]))
    return found


def markdown(table: Table, subjects: list[str]) -> str:
    """A row for each prefix."""
    lines = [f"# The prefixes of the series for Linux {KERNEL}", ""]
    lines.append("| | the last step | " + " | ".join(table) + " |")
    lines.append("|---" * (len(table) + 2) + "|")
    for number, subject in enumerate(subjects, 1):
        cells = [
            ("FAILED" if found[number] else "yes") if number in found else "-"
            for found in table.values()
        ]
        lines.append(f"| {number} | {subject} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    table: Table = {}
    configs = choose()
    report = HOME / "prefixes.md"
    with locked(HOME / ".lock"):
        prepare_tree()
        words = ("--reverse", "--format=%s", f"base..{SERIES}")
        subjects = git(TREE, "log", *words).splitlines()
        for config in configs:
            table[str(config)] = build(config)
            if config.boots:
                built = [n for n, found in table[str(config)].items() if not found]
                table[BOOT] = boot(built)
            write_atomically(report, markdown(table, subjects).encode())
    failed = sum(
        bool(problems) for found in table.values() for problems in found.values()
    )
    total = sum(len(found) for found in table.values())
    say(markdown(table, subjects))
    tell(f"{total - failed} of {total} are well; the table is in {report}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run_main(main))
