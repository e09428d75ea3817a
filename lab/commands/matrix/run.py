# SPDX-License-Identifier: GPL-2.0-only
"""Runs the matrix of hosts, modes and scenarios, or a part of it, and reports.

In each case a guest without the series and one with it live the same life under
the same Xen, one after the other.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from dataclasses import replace
from pathlib import Path

from lab.guest.session import Session, explain
from lab.base.common import TOP, LabError, say, write_atomically
from lab.guest.clock_trace import Course
from lab.host.errors import HostDied, NotCreated, RunError
from lab.config import GuestSpec, Settings, XENS
from lab.checks.all import Findings, check_guest, check_series
from lab.checks.xen_clock import check_foresight
from lab.guest.scenario import Scenario, Life
from lab.commands.matrix.table import PLACES, Cell, Stage, cells
from lab.base.junit import write_junit
from lab.base.select import select
from lab.commands.matrix.report import html, markdown
from lab.commands.matrix.store import FILE, SUITE, Shard, junit_case
from lab.commands.matrix.outcome import ALIVE, Outcome, Side, compare
from lab.commands.result import Result
from lab.images.debian import Unavailable
from lab.host.host import Host
from lab.images.kernel import build_both, script
from lab.commands import options
from lab.base.svg import Line, draw
from lab.guest.report import Report


class Sessions:
    """The machines that are up: those of one place, and of where guests go from it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = ("", "")
        self._stack = contextlib.ExitStack()
        self._results: dict[str, Session] = {}
        # No run prunes the logs of those that are over
        self._over: list[Session] = []
        self._gone: dict[str, Unavailable] = {}

    def __enter__(self) -> Sessions:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def at(self, cell: Cell, place: str) -> Session:
        if self._name != (cell.xen, cell.place):
            self._stack.close()
            self._over += self._results.values()
            self._results = {}
            self._name = (cell.xen, cell.place)
        if cell.xen in self._gone:
            raise self._gone[cell.xen]
        if place not in self._results:
            settings = replace(self._settings, xen=XENS[cell.xen])
            name = f"lab-{cell.xen}-{place}"
            try:
                session = Session(name, settings, self._tell, PLACES[place])
            except Unavailable as error:
                self._gone[cell.xen] = error
                raise
            self._results[place] = self._stack.enter_context(session)
        return self._results[place]

    @staticmethod
    def _tell(text: str) -> None:
        say(f"lab:   {text}")


def repeat(cell: Cell, settings: Settings) -> str:
    words = [f"./xen-lab matrix --kernel {settings.kernel}"]
    words += [f"--mutant {settings.mutant}"] if settings.mutant else []
    return " ".join([*words, f"-k {cell}"])


def target_of(sessions: Sessions, cell: Cell, home: Host, kind: str) -> Host:
    """Where the guest goes, which is older or younger where that is the point."""
    home.wait_age(cell.life.younger)
    away = sessions.at(cell, cell.life.target).host(kind)
    older = PLACES[cell.life.target].uptime > 0
    if (older or cell.life.younger) and older != (away.uptime > home.uptime):
        raise LabError(
            f"{cell.life.target} has been up for {away.uptime:.0f} s, and where the "
            f"guest comes from for {home.uptime:.0f} s"
        )
    return away


def checked(
    cell: Cell,
    case: GuestSpec,
    scenario: Scenario,
    lives: list[Life],
    before: list[Report],
) -> Findings:
    """Of all the guests that took part, and what those before them foresaw."""
    found: Findings = {
        "foresight": [
            problem
            for old, new in zip(before, lives)
            for problem in check_foresight(old, new.report)
        ]
    }
    for life in lives:
        findings = check_guest(case, life, cell.life.slept)
        if case.patched:
            host, slept = cell.host, cell.life.slept
            findings |= check_series(case, life, host, slept, cell.demoted)
        findings |= cell.life.also(life, scenario)
        for name, problems in findings.items():
            found.setdefault(name, []).extend(problems)
    return found


def side_of(
    sessions: Sessions, cell: Cell, old: Side | None = None
) -> tuple[Side, Course, str]:
    """How a guest lived, its course, and what is wrong, to print.

    It is the one with the series where that without it is given.
    """
    patched = old is not None
    session = sessions.at(cell, cell.place)
    case = cell.case(patched=patched)
    again = repeat(cell, session.settings)
    stage = Stage(
        lambda: target_of(sessions, cell, session.host(case.kind), case.kind),
        lambda ending: session.guest(cell.case(patched=patched, ending=ending)),
        session.tell,
    )
    scenario = cell.life.scenario(stage)
    course = Course(scenario)
    lived: Scenario = scenario
    if cell.life.drawn:
        lived = course
    try:
        life = session.run(case, lived)
        lives = [life, *scenario.others]
        findings = checked(cell, case, scenario, lives, old.reports if old else [])
    except (HostDied, NotCreated):
        raise
    except RunError as error:
        details = f"{error}\nRepeat with: {again}"
        return Side({ALIVE: [str(error)]}), course, details
    side = Side(
        findings,
        life.report.cost("vdso"),
        life.report.clocksource,
        str(life.guest.log.path.relative_to(TOP)),
        life.lives - 1,
        [one.report for one in lives],
    )
    problems = [f"{name}: {text}" for name, found in findings.items() for text in found]
    if not problems:
        return side, course, ""
    return side, course, explain(case, life, problems, again)


def drawing(cell: Cell, old: Course, new: Course) -> str:
    if not (cell.life.drawn and old.points and new.points):
        return ""
    lines = [
        Line("with the series", "#1a7f37", new.points),
        Line("without", "#cf222e", old.points),
    ]
    return draw(lines, cell.lifecycle)


def outcome_of(sessions: Sessions, cell: Cell, settings: Settings) -> Outcome:
    start = time.monotonic()
    try:
        if reason := cell.refused(settings.kernel):
            return Outcome(cell, Result.SKIPPED, reason=reason)
        old, old_course, _ = side_of(sessions, cell)
        new, new_course, details = side_of(sessions, cell, old)
    except Unavailable as error:
        return Outcome(cell, Result.SKIPPED, reason=str(error))
    # What nobody has foreseen ends this case, and the others go on
    except (LabError, OSError, ValueError, LookupError) as error:
        seconds = time.monotonic() - start
        told = "" if isinstance(error, LabError) else f"{type(error).__name__}: "
        reason = f"{told}{error}"
        details = f"{reason}\nRepeat with: {repeat(cell, settings)}"
        return Outcome(cell, Result.LOST, seconds, reason, details=details)
    return Outcome(
        cell,
        compare(old, new),
        time.monotonic() - start,
        old=old,
        new=new,
        details=details,
        drawing=drawing(cell, old_course, new_course),
    )


def write_report(shard: Shard, output: Path) -> None:
    """What is known so far can be read, and survives an interruption."""
    cases, minutes = len(shard.outcomes), shard.seconds / 60
    title = f"Linux {shard.kernel}, {cases} cases in {minutes:.0f} minutes"
    write_atomically(output / "report.md", markdown(shard.outcomes, title).encode())
    write_atomically(output / "report.html", html(shard.outcomes, title).encode())
    shard.save(output / FILE)


def finish(shard: Shard, output: Path, junit: Path | None) -> int:
    """Write the reports and sum up; the result is the exit status."""
    write_report(shard, output)
    if junit:
        write_junit(junit, SUITE, [junit_case(one) for one in shard.outcomes])
    counts = {
        result.value: sum(one.result is result for one in shard.outcomes)
        for result in Result
    }
    say(", ".join(f"{number} {name}" for name, number in counts.items()))
    say(f"the report is {output / 'report.html'}, and report.md beside it")
    compared = counts["fixed"] + counts["same"]
    failed = any(one.result.failed for one in shard.outcomes)
    # All cases of a shard may have been skipped, but not all of the whole matrix
    whole = shard.own == shard.chosen
    return 0 if (compared or not whole) and not failed else 1


def arguments(parser: options.Parser) -> None:
    options.add_selection(parser, "cases")
    options.add_shard(parser)
    options.add_junit(parser)
    options.add_output(parser)
    options.add_no_build(parser)
    options.add_kernel(parser)
    options.add_mutant(parser)
    options.add_verbose(parser)


def main(args: argparse.Namespace) -> int:
    settings = options.settings_of(args)
    own = options.selected(args, cells())
    if args.list:
        return 0
    if not args.no_build:
        script("setup", "check")
        build_both(settings.kernel)
    for patched in (False, True):
        settings.image(patched=patched)
    start = time.monotonic()
    shard = Shard(
        settings.kernel,
        [str(cell) for cell in select(args.k, cells())],
        [str(cell) for cell in own],
    )
    write_report(shard, args.output)
    with Sessions(settings) as sessions:
        for number, cell in enumerate(own, 1):
            outcome = outcome_of(sessions, cell, settings)
            shard.outcomes.append(outcome)
            say(f"lab: {number} of {len(own)}: {outcome}")
            if outcome.details:
                say(outcome.details)
            shard.seconds = time.monotonic() - start
            write_report(shard, args.output)
    return finish(shard, args.output, args.junit)
