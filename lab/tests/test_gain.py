# SPDX-License-Identifier: GPL-2.0-only
"""What the series gains: patched guests against an unpatched one.

Several cases are one and the same to the kernel.  The least of their figures
counts: what TCG adds on a busy machine differs from guest to guest.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab import cases, judge
from lab.cases import Case, Results
from lab.judge_selftest import judge_selftest
from lab.judge_tool import guest_of, judge_dom0, judge_foresight, judge_forecast
from lab.judge_tool import judge_tool
from lab.tests.recorded import forecast

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


RESTORED = (cases.DEFAULT, cases.NATIVE, cases.EMULATED, cases.PVH, cases.OLD_DEFAULT)


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("case", RESTORED, ids=str)
def test_the_forecast_is_right(results: Results, case: Case, tmp_path: Path) -> None:
    """On the same host, and of one whose TSC is not reliable."""
    report = results.of(case).report
    host = json.loads(results.machine(case.kind).must("xen-clock host --json"))
    said = forecast(tmp_path, host, host, guest_of(report, case.kind))
    problems = judge_forecast(said, report, patched=case.patched)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("case", (cases.OLD_DEFAULT, cases.OLD_NATIVE), ids=str)
def test_kselftest_is_skipped(results: Results, case: Case) -> None:
    problems = judge_selftest(results.of(case).report, patched=False)
    assert not problems, "\n".join(problems)


def repeat(results: Results, case: Case) -> str:
    return case.repeat(results.settings)
