# SPDX-License-Identifier: GPL-2.0-only
"""Restores guests on each host, and compares that with xen-clock's forecast.

A guest boots on a host, is saved there, and the same image is restored on each of the
hosts, the first one too. Before that "xen-clock forecast" says in dom0 what becomes of
its TSC; after it, the guest and Xen say what has become of it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

from lab.base.common import LabError, say
from lab.checks.xen_clock import check_forecast, check_listed
from lab.commands import options
from lab.config import HOSTS, TSC_MODES, GuestSpec
from lab.guest.guest import Guest
from lab.guest.report import Report
from lab.guest.scenario import Scenario, finish
from lab.guest.session import Session
from lab.host.host import Host
from lab.host.xen_tsc import Outside
from lab.images.kernel import build_both, script

KINDS = ("pv", "pvh", "hvm")


@dataclass(frozen=True)
class Case:
    """A kind of guest in a mode, which boots on this host."""

    kind: str
    mode: str
    home: str

    def __str__(self) -> str:
        return f"{self.kind}-{self.mode}-{self.home}"


CASES = tuple(
    Case(kind, mode, home) for kind in KINDS for mode in TSC_MODES for home in HOSTS
)


def listed(host: Host, name: str) -> dict[str, Any]:
    """The guest of this name, as "xen-clock host" lists it."""
    guests = json.loads(host.must("xen-clock host --json"))["guests"]
    found: list[dict[str, Any]] = [one for one in guests if one["name"] == name]
    if len(found) != 1:
        raise LabError(f"xen-clock host lists {len(found)} guests with the name {name}")
    return found[0]


def forecast(here: Host, there: Host, name: str) -> dict[str, Any]:
    """What an operator is told who asks in dom0 of the first host."""
    document = there.must("xen-clock host --json")
    here.run.path("there.json").write_text(document)
    said = here.must(f"xen-clock forecast --to /share/there.json --guest {name} --json")
    [guest] = json.loads(said)["guests"]
    assert isinstance(guest, dict)
    return guest


@dataclass
class Visits(Scenario):
    """Saved once, and restored from that on each of these hosts."""

    hosts: dict[str, Host]
    # By the names of the hosts; the guest is finished on the last one as all guests are
    forecasts: dict[str, dict[str, Any]] = field(default_factory=dict)
    listed: dict[str, dict[str, Any]] = field(default_factory=dict)
    ends: dict[str, tuple[Outside, Report]] = field(default_factory=dict)

    def run(self, guest: Guest) -> None:
        for name, host in self.hosts.items():
            self.forecasts[name] = forecast(guest.host, host, guest.name)
        guest.save(share=True)
        kept = guest.shared.with_suffix(".kept")
        guest.shared.rename(kept)
        for name, host in self.hosts.items():
            os.link(kept, guest.shared)
            guest.move_to(host)
            self.listed[name] = listed(host, guest.name)
            if len(self.listed) < len(self.hosts):
                self.ends[name] = finish(guest)
        kept.unlink()

    def problems(self, name: str) -> list[str]:
        outside, report = self.ends[name]
        return [
            *check_forecast(self.forecasts[name], report, patched=True),
            *check_listed(self.listed[name], report, outside),
        ]

    def outcome(self, name: str) -> str:
        """In words."""
        _, report = self.ends[name]
        before, after = (report.time_leaf(when) for when in ("before", "after"))
        kept = "" if before.khz == after.khz else f" at {after.khz} kHz"
        return f"{'emulated' if after.emulated else 'native'}{kept} on {name}"


def arguments(parser: options.Parser) -> None:
    options.add_selection(parser, "cases")
    options.add_kernel(parser)
    options.add_xen(parser)
    options.add_no_build(parser)
    options.add_verbose(parser)


def run_case(case: Case, sessions: dict[str, Session]) -> int:
    """How many of the hosts were not as forecast."""
    spec = GuestSpec(str(case), case.mode, kind=case.kind)
    try:
        hosts = {name: one.host(case.kind) for name, one in sessions.items()}
        visits = Visits(hosts)
        life = sessions[case.home].run(spec, visits)
    except LabError as error:
        say(f"forecast: {case}: lost: {error}")
        return len(sessions)
    visits.ends[list(hosts)[-1]] = life.outside["after"], life.report
    say(f"forecast: {case}: {', '.join(visits.outcome(name) for name in hosts)}")
    wrong = {name: visits.problems(name) for name in hosts}
    for name, problems in wrong.items():
        for problem in problems:
            say(f"forecast: {case}: not as it should be on {name}: {problem}")
    return sum(map(bool, wrong.values()))


def main(args: argparse.Namespace) -> int:
    settings = options.settings_of(args)
    cases = options.selected(args, list(CASES))
    if args.list:
        return 0
    if not args.no_build:
        script("setup", "boot")
        build_both(settings.kernel)
    tell = options.tell("forecast")
    wrong = 0
    for kind in KINDS:
        chosen = [case for case in cases if case.kind == kind]
        with contextlib.ExitStack() as stack:
            sessions = {
                name: stack.enter_context(
                    Session(f"forecast-{name}", settings, tell, spec)
                )
                for name, spec in HOSTS.items()
            }
            wrong += sum(run_case(case, sessions) for case in chosen)
    hosts = len(cases) * len(HOSTS)
    tell(f"{'FAIL' if wrong else 'PASS'}: {hosts - wrong} of {hosts} as forecast")
    return 1 if wrong else 0
