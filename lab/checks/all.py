# SPDX-License-Identifier: GPL-2.0-only
"""All that is asked of a guest that has lived, judge by judge."""

from __future__ import annotations

from dataclasses import dataclass

from lab.checks import (
    clocks as judge,
    network as judge_connection,
    demotion as judge_life,
    suspend as judge_sleep,
)
from lab.guest.session import Case
from lab.config import Host
from lab.checks.kselftest import judge_selftest
from lab.guest.scenario import Life

# What each judge has to say
Findings = dict[str, list[str]]


@dataclass(frozen=True)
class Slept:
    """Xen suspended the guest so often, and it resumed so often as another domain.

    It had to evaluate its TSC again after each suspend, cancelled or not, and after
    hibernation, which is no suspend of Xen's.
    """

    suspends: int = 0
    wakes: int = 0
    images: int = 0

    @property
    def evaluations(self) -> int:
        return self.suspends + self.images


def judge_guest(case: Case, life: Life, slept: Slept) -> Findings:
    """What holds for a kernel with the series and for one without it."""
    report = life.report
    findings = {
        "kind": judge.judge_kind(report, case.kind),
        "leaf": judge.judge_outside(report, life.outside),
        "printk": judge.judge_printk(report),
        "clocks": judge.judge_clocks(report, suspended=slept.wakes > 0),
        "trouble": judge.judge_trouble(report),
        "ticks": judge_life.judge_ticks(life),
        "suspends": judge_sleep.judge_suspends(report, slept.suspends),
        "wakes": judge_sleep.judge_wakes(report, slept.wakes),
        "timers": judge_sleep.judge_timers(report),
        "accounts": judge_sleep.judge_accounts(report),
    }
    if case.network:
        findings["connection"] = judge_connection.judge_connection(report)
    return findings


def judge_series(
    case: Case, life: Life, host: Host, slept: Slept, demoted: str = ""
) -> Findings:
    """What the series promises: a verdict that holds, or a TSC that is demoted.

    The reason for the demotion is a regular expression.
    """
    report = life.report
    expected = judge.expected_of(report, case.tsc_mode, case.cmdline, host)
    policy = judge.judge_policy(report, expected)
    if not report.verdicts:
        return {"policy": policy}
    findings = {"selftest": judge_selftest(report, patched=True)}
    if demoted:
        findings["demoted"] = judge_life.judge_demoted(report, demoted)
        return findings
    findings["policy"] = policy
    if expected.verdict == "reliable":
        times = slept.evaluations
        findings["still reliable"] = judge_life.judge_still_reliable(report, times)
    return findings
