# SPDX-License-Identifier: GPL-2.0-only
"""What the series gains: patched guests against an unpatched one.

Several cases are one and the same to the kernel.  The least of their figures
counts: what TCG adds on a busy machine differs from guest to guest.
"""

from __future__ import annotations

import pytest

from lab.checks import clocks as judge
from lab.guest import session as cases
from lab.guest.session import Case, Results
from lab.checks.kselftest import judge_selftest
from lab.checks.xen_clock import judge_dom0, judge_foresight, judge_tool

TRUSTED_EMULATED = (cases.DEFAULT, cases.EMULATED, cases.NONSENSE)
SOONER_SECONDS = 0.3


@pytest.mark.parametrize(
    ("new", "old", "times"),
    [
        pytest.param(TRUSTED_EMULATED, cases.OLD_DEFAULT, 5, id="default"),
        pytest.param((cases.NATIVE_ON,), cases.OLD_NATIVE, 100, id="native-on"),
    ],
)
def test_clock_is_cheaper(
    results: Results, new: tuple[Case, ...], old: Case, times: int
) -> None:
    patched = min(results.of(case).report.cost("vdso") for case in new)
    unpatched = results.of(old).report.cost("vdso")
    assert unpatched >= times * patched, (
        f"clock_gettime: {patched:.1f} ns patched, {unpatched:.1f} ns unpatched, "
        f"less than {times} times; repeat with: {repeat(results, new[0])}"
    )


def test_boot_is_sooner(results: Results) -> None:
    """The time that is lost on a PIT shows where the TSC's frequency is known.

    The rest of the boot takes as long with the series as without it, and on a
    busy machine varies by more than that.
    """
    old = results.of(cases.OLD_DEFAULT).report
    new = [results.of(case).report for case in TRUSTED_EMULATED]
    calibrated = min(report.calibrated for report in new)
    run_init = min(report.run_init for report in new)
    text = (
        f"tsc detected after {calibrated:.3f} s patched, {old.calibrated:.3f} s not, "
        f"Run /init after {run_init:.3f} s patched, {old.run_init:.3f} s not; "
        f"repeat with: {repeat(results, cases.DEFAULT)}"
    )
    assert old.calibrated - calibrated >= SOONER_SECONDS, text
    assert old.run_init > run_init, text


@pytest.mark.parametrize("case", (cases.OLD_DEFAULT, cases.OLD_NATIVE), ids=str)
def test_xen_clock_foresees_it(results: Results, case: Case) -> None:
    """On a kernel without the series it says what one with the series would do."""
    report, host = results.of(case).report, results.settings.host
    expected = judge.expected_of(report, case.tsc_mode, "", host)
    problems = judge_tool(report, expected, patched=False)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("old", "new"),
    [(cases.OLD_DEFAULT, cases.DEFAULT), (cases.OLD_NATIVE, cases.NATIVE)],
    ids=str,
)
def test_the_series_decides_so(results: Results, old: Case, new: Case) -> None:
    problems = judge_foresight(results.of(old).report, results.of(new).report)
    assert not problems, "\n".join(problems)


def test_dom0_foresees_it(results: Results) -> None:
    told = results.machine().must("xen-clock --json")
    problems = judge_dom0(told, "untrusted", "policy")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("case", (cases.OLD_DEFAULT, cases.OLD_NATIVE), ids=str)
def test_kselftest_is_skipped(results: Results, case: Case) -> None:
    problems = judge_selftest(results.of(case).report, patched=False)
    assert not problems, "\n".join(problems)


def repeat(results: Results, case: Case) -> str:
    return case.repeat(results.settings)
