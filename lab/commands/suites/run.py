# SPDX-License-Identifier: GPL-2.0-only
"""Runs clock tests that others wrote in a guest without the series and in one with it.

Both live under the same Xen, one after the other, and run everything twice: before
and after they are saved and restored.
"""

from __future__ import annotations

import argparse
import time

from lab.base.common import LabError, say
from lab.host.errors import HostDied
from lab.checks.clocks import check_trouble
from lab.commands.suites.check import Results, compare, table, word
from lab.guest.scenario import finish, measure
from lab.commands.result import Result
from lab.host.rundir import Run
from lab.config import Settings
from lab.images.kernel import build_both, script
from lab.commands import options
from lab.commands.suites.table import LIMIT_SECONDS, PROGRAMS, WHENS
from lab.commands.suites.table import batches, usual
from lab.commands.suites.build import Suites, make_suites
from lab.guest.batch import parse
from lab.guest.guest import Guest
from lab.guest.session import Session

MEMORY = 256


class Round:
    """All the programs in one guest, whose results are those that it came to."""

    def __init__(self, suites: Suites, guest: Guest) -> None:
        self.results: Results = {}
        self.problems: list[str] = []
        self._batches = batches(suites.programs)
        self._guest = guest

    def run(self) -> None:
        guest = self._guest
        try:
            guest.create()
            guest.wait_state("up")
            for when in WHENS:
                if when == "after":
                    guest.save()
                    guest.restore()
                    say(f"suites: {guest.name}: saved and restored")
                for number in range(len(self._batches)):
                    self._run_batch(when, number)
            measure(guest)
            _, report = finish(guest)
        except HostDied:
            raise
        except LabError as error:
            self.problems.append(f"{guest.name}: {error}")
            say(f"suites: {self.problems[-1]}")
            guest.destroy()
            return
        say(f"suites: {guest.name}: its clocksource is {report.clocksource}")
        self.problems += [f"{guest.name}: {text}" for text in check_trouble(report)]

    def _run_batch(self, when: str, number: int) -> None:
        guest, batch = self._guest, self._batches[number]
        guest.host.limit = guest.host.age + 2.0 * LIMIT_SECONDS
        guest.phase(f"run {when} {number}")
        guest.wait_state(f"ran {when} {number}")
        said = parse(guest.report())
        for program in batch:
            one = said[str(program)]
            self.results[when, str(program)] = one
            name = f"{guest.name}-{when}-{program.suite}-{program.name}.txt"
            guest.host.run.path(name).write_text(one.text)
            came = word(program, one)
            say(
                f"suites: {guest.name}, {when} the restore: {program} {came} "
                f"({one.seconds} s)"
            )


def rounds(settings: Settings, suites: Suites) -> tuple[Round, Round, Run]:
    """Run all programs in both guests, on one host."""
    tell = options.tell("suites")
    both = []
    with Session("suites", settings, tell, settings.host, suites.images) as session:
        for name, patched in (("unpatched", False), ("patched", True)):
            spec = settings.spec(name, patched=patched, memory=MEMORY)
            both.append(Round(suites, session.guest(spec)))
            both[-1].run()
        return both[0], both[1], session.host(settings.guest).run


def arguments(parser: options.Parser) -> None:
    options.add_selection(parser, "programs")
    options.add_kernel(parser)
    options.add_xen(parser)
    options.add_host(parser)
    options.add_guest(parser)
    options.add_verbose(parser)


def main(args: argparse.Namespace) -> int:
    settings = options.settings_of(args)
    every = list(PROGRAMS) if args.k or args.list else usual()
    programs = options.selected(args, every)
    if args.list:
        return 0
    script("setup", "check")
    build_both(settings.kernel)
    start = time.monotonic()
    suites = make_suites(settings.xen, settings.kernel, programs)
    for name, reason in suites.gone.items():
        say(f"suites: {name} is skipped: {reason}")
    if not suites.programs:
        raise LabError("there is nothing to run")
    old, new, run = rounds(settings, suites)
    verdicts = [compare(p, old.results, new.results) for p in suites.programs]
    problems = [
        *(problem for verdict in verdicts for problem in verdict.problems),
        *old.problems,
        *new.problems,
    ]
    text = "\n".join([table(verdicts), *problems])
    run.path("report.txt").write_text(text + "\n")
    say(text)
    counts = {
        result: sum(verdict.result is result for verdict in verdicts)
        for result in Result
    }
    say(", ".join(f"{number} {result.value}" for result, number in counts.items()))
    say(f"{time.monotonic() - start:.0f} s in all; everything is in {run.directory}")
    failed = new.problems or any(result.failed and counts[result] for result in Result)
    return 1 if failed else 0
