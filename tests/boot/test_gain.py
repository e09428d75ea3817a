# SPDX-License-Identifier: GPL-2.0-only
"""What the series gains: patched guests against an unpatched one.

Several cases are one and the same to the kernel.  The least of their figures
counts: what TCG adds on a busy machine differs from guest to guest.
"""

from __future__ import annotations

import pytest

from lab.checks import policy
from tests import specs
from lab.config import GuestSpec
from tests.lives import Lives
from lab.checks.kselftest import check_selftest
from lab.checks.xen_clock import check_dom0, check_foresight, check_tool

TRUSTED_EMULATED = (specs.DEFAULT, specs.EMULATED, specs.NONSENSE)
SOONER_SECONDS = 0.3


@pytest.mark.parametrize(
    ("new", "old", "times"),
    [
        pytest.param(TRUSTED_EMULATED, specs.OLD_DEFAULT, 5, id="default"),
        pytest.param((specs.NATIVE_ON,), specs.OLD_NATIVE, 100, id="native-on"),
    ],
)
def test_clock_is_cheaper(
    session: Lives, new: tuple[GuestSpec, ...], old: GuestSpec, times: int
) -> None:
    patched = min(session.of(case).report.cost("vdso") for case in new)
    unpatched = session.of(old).report.cost("vdso")
    assert unpatched >= times * patched, (
        f"clock_gettime: {patched:.1f} ns patched, {unpatched:.1f} ns unpatched, "
        f"less than {times} times; repeat with: {repeat(session, new[0])}"
    )


def test_boot_is_sooner(session: Lives) -> None:
    """The time that is lost on a PIT shows where the TSC's frequency is known.

    The rest of the boot takes as long with the series as without it, and on a
    busy machine varies by more than that.
    """
    old = session.of(specs.OLD_DEFAULT).report
    new = [session.of(case).report for case in TRUSTED_EMULATED]
    calibrated = min(report.calibrated for report in new)
    run_init = min(report.run_init for report in new)
    text = (
        f"tsc detected after {calibrated:.3f} s patched, {old.calibrated:.3f} s not, "
        f"Run /init after {run_init:.3f} s patched, {old.run_init:.3f} s not; "
        f"repeat with: {repeat(session, specs.DEFAULT)}"
    )
    assert old.calibrated - calibrated >= SOONER_SECONDS, text
    assert old.run_init > run_init, text


@pytest.mark.parametrize("case", (specs.OLD_DEFAULT, specs.OLD_NATIVE), ids=str)
def test_xen_clock_foresees_it(session: Lives, case: GuestSpec) -> None:
    """On a kernel without the series it says what one with the series would do."""
    report, host = session.of(case).report, session.settings.host
    expected = policy.expected_of(report, case.tsc_mode, "", host)
    problems = check_tool(report, expected, patched=False)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("old", "new"),
    [(specs.OLD_DEFAULT, specs.DEFAULT), (specs.OLD_NATIVE, specs.NATIVE)],
    ids=str,
)
def test_the_series_decides_so(session: Lives, old: GuestSpec, new: GuestSpec) -> None:
    problems = check_foresight(session.of(old).report, session.of(new).report)
    assert not problems, "\n".join(problems)


def test_dom0_foresees_it(session: Lives) -> None:
    told = session.host().must("xen-clock --json")
    problems = check_dom0(told, "untrusted", "policy")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("case", (specs.OLD_DEFAULT, specs.OLD_NATIVE), ids=str)
def test_kselftest_is_skipped(session: Lives, case: GuestSpec) -> None:
    problems = check_selftest(session.of(case).report, patched=False)
    assert not problems, "\n".join(problems)


def repeat(session: Lives, case: GuestSpec) -> str:
    return case.repeat(session.settings)
