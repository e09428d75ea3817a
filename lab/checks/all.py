# SPDX-License-Identifier: GPL-2.0-only
"""The one list of what is asked of a guest, for all commands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, Iterable

from lab.checks import clocks, demotion, hvm, network, policy, suspend
from lab.checks.demotion import MOVE_USEC
from lab.checks.kselftest import check_selftest
from lab.config import GuestSpec, HostSpec
from lab.guest.scenario import Life

# What each check has to say
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
    # To a host whose wall clock is another one, and may be behind by any time
    elsewhere: bool = False

    @property
    def evaluations(self) -> int:
        return self.suspends + self.images


# These are kept waiting by the emulation, as no hardware does: see lab/checks/hvm.py
SLOW = ("hvm", "pvshim")


def jitter(spec: GuestSpec) -> int:
    """What the emulation may add for such guests, in ns."""
    return hvm.DEVICES_NS if spec.kind in SLOW else 0


# A check knows how the guest was made, its life, and how often it was suspended
Check = Callable[[GuestSpec, Life, Slept], list[str]]


def _connection(spec: GuestSpec, life: Life, _: Slept) -> list[str]:
    return network.check_connection(life.report) if spec.network else []


def _machine(spec: GuestSpec, life: Life, slept: Slept) -> list[str]:
    if spec.kind != "hvm":
        return []
    problems = hvm.check_emulated(life.report)
    # The RTC has the time of the host, and the guest's own clock never goes back
    return problems if slept.elsewhere else problems + hvm.check_rtc(life.report)


def _downtime(spec: GuestSpec, life: Life, slept: Slept) -> list[str]:
    """Where printk may count seconds of a suspend, it may not count half of it."""
    if spec.kind != "hvm" or not slept.wakes or slept.elsewhere:
        return []
    return clocks.check_suspend(life.report)


# What holds for a kernel with the series and for one without it
CHECKS: dict[str, Check] = {
    "kind": lambda spec, life, _: policy.check_kind(life.report, spec.kind),
    "leaf": lambda _, life, __: policy.check_outside(life.report, life.outside),
    "printk": lambda _, life, __: clocks.check_printk(life.report),
    "clocks": lambda _, life, slept: clocks.check_clocks(
        life.report, suspended=slept.wakes > 0
    ),
    "trouble": lambda _, life, __: clocks.check_trouble(life.report),
    "ticks": lambda _, life, __: demotion.check_ticks(life),
    "suspends": lambda spec, life, slept: suspend.check_suspends(
        life.report, slept.suspends, MOVE_USEC + jitter(spec) // 1000
    ),
    "wakes": lambda _, life, slept: suspend.check_wakes(life.report, slept.wakes),
    "timers": lambda spec, life, _: suspend.check_timers(
        life.report, demotion.LATE_NS + jitter(spec)
    ),
    "accounts": lambda _, life, __: suspend.check_accounts(
        life.report, life.guest.lost
    ),
    "connection": _connection,
    "machine": _machine,
    "downtime": _downtime,
}


def seen_in_shim(life: Life, slept: Slept) -> tuple[Life, Slept]:
    """A PV guest in PVH stays with its Xen, the shim: it is never another domain.

    What Xen has to say of the domain is of the shim.
    """
    return replace(life, outside={}), replace(slept, wakes=0)


def check_guest(
    spec: GuestSpec, life: Life, slept: Slept, names: Iterable[str] = tuple(CHECKS)
) -> Findings:
    """Run all of these checks, or those that are named."""
    if spec.kind == "pvshim":
        life, slept = seen_in_shim(life, slept)
    return {name: CHECKS[name](spec, life, slept) for name in names}


def check_series(
    spec: GuestSpec, life: Life, host: HostSpec, slept: Slept, demoted: str = ""
) -> Findings:
    """What the series promises: a verdict that holds, or a TSC that is demoted.

    The reason for the demotion is a regular expression.
    """
    report = life.report
    host = host.seen_by(spec.kind)
    # The shim runs its guest in the default mode, whatever mode it is in itself
    mode = "" if spec.kind == "pvshim" else spec.tsc_mode
    expected = policy.expected_of(report, mode, spec.cmdline, host)
    found = policy.check_policy(report, expected)
    if not report.verdicts:
        return {"policy": found}
    findings = {"selftest": check_selftest(report, patched=True)}
    if demoted:
        findings["demoted"] = demotion.check_demoted(report, demoted)
        return findings
    findings["policy"] = found
    if expected.verdict == "reliable":
        times = slept.evaluations
        findings["still reliable"] = demotion.check_still_reliable(report, times)
    return findings


def problems_of(findings: Findings) -> list[str]:
    """Return everything that is wrong, as a list of sentences."""
    return [
        f"{name}: {text}" for name, problems in findings.items() for text in problems
    ]
