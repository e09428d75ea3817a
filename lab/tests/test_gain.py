# SPDX-License-Identifier: GPL-2.0-only
"""What the series gains: a patched guest against an unpatched one."""

from __future__ import annotations

import pytest

from lab import cases
from lab.cases import Case, Results

# TCG's jitter is a factor of two; the gains are far beyond it.
CHEAPER = [
    pytest.param(cases.DEFAULT, cases.OLD_DEFAULT, 5, id="default"),
    pytest.param(cases.NATIVE_ON, cases.OLD_NATIVE, 100, id="native-on"),
]
SOONER_SECONDS = 0.3


@pytest.mark.parametrize(("new", "old", "times"), CHEAPER)
def test_clock_is_cheaper(results: Results, new: Case, old: Case, times: int) -> None:
    kernel = results.settings.kernel
    patched = results.of(new).report.cost("vdso")
    unpatched = results.of(old).report.cost("vdso")
    assert unpatched >= times * patched, (
        f"clock_gettime: {patched:.1f} ns patched, {unpatched:.1f} ns unpatched, "
        f"less than {times} times; repeat with: {new.repeat(kernel)}"
    )


@pytest.mark.parametrize(
    ("new", "old"),
    [
        pytest.param(cases.DEFAULT, cases.OLD_DEFAULT, id="default"),
        pytest.param(cases.NATIVE, cases.OLD_NATIVE, id="native"),
    ],
)
def test_boot_is_sooner(results: Results, new: Case, old: Case) -> None:
    kernel = results.settings.kernel
    patched = results.of(new).report.run_init
    unpatched = results.of(old).report.run_init
    assert unpatched - patched >= SOONER_SECONDS, (
        f"Run /init after {patched:.3f} s patched, {unpatched:.3f} s unpatched; "
        f"repeat with: {new.repeat(kernel)}"
    )
