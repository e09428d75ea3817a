# SPDX-License-Identifier: GPL-2.0-only
"""What the series gains: patched guests against an unpatched one.

It is counted, and not timed: how long something takes on a busy machine says nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.checks import policy
from tests import specs
from lab.config import HOSTS, GuestSpec
from tests.lives import Lives
from lab.guest.report import READINGS, Report
from lab.guest.scenario import stay
from lab.checks.kselftest import check_selftest
from lab.checks.xen_clock import check_dom0, check_foresight, check_forecast
from lab.checks.xen_clock import check_tool, guest_of
from tests.recorded import forecast
from tests.tree import KERNEL

TRUSTED_EMULATED = (specs.DEFAULT, specs.EMULATED, specs.NONSENSE)
FIRST_LOOP = r"^Calibrating delay loop \(skipped\), value calculated"
ALL_LOOPS = r"^smpboot: Total of \d+ processors activated"
# The lab presets it in PVH guests, which this takes back
DELAY = GuestSpec("delay-loop", "", "lpj=0", kind="pvh")
OLD_DELAY = GuestSpec("old-delay-loop", "", "lpj=0", kind="pvh", patched=False)
PROBES_PIT = "^tsc: (Fast TSC calibration|PIT calibration)"


@pytest.mark.parametrize(
    ("new", "old"),
    [
        pytest.param(TRUSTED_EMULATED, specs.OLD_DEFAULT, id="default"),
        pytest.param((specs.NATIVE_ON,), specs.OLD_NATIVE, id="native-on"),
    ],
)
def test_the_clock_is_read_without_the_kernel(
    session: Lives, new: tuple[GuestSpec, ...], old: GuestSpec
) -> None:
    entries = {str(case): session.of(case).report.entries for case in (*new, old)}
    assert entries == {str(case): 0 for case in new} | {str(old): READINGS}, (
        f"of {READINGS} readings, these enter the kernel: {entries}; "
        f"repeat with: {repeat(session, new[0])}"
    )


def test_the_pit_is_not_probed(session: Lives) -> None:
    """Half a second of the boot passes before the kernel knows that there is none."""
    assert session.of(specs.OLD_DEFAULT).report.grep(PROBES_PIT)
    for case in TRUSTED_EMULATED:
        assert not session.of(case).report.grep(PROBES_PIT), case


def test_no_cpu_measures_its_delay_loop(session: Lives) -> None:
    """All have the first one's, which is that of the TSC's frequency."""
    if KERNEL == "6.1":
        pytest.skip("Linux 6.1 takes it over from a CPU of the same package only")
    assert measured_loop(session.of(DELAY, stay).report) == pytest.approx(0, abs=0.05)


def test_without_the_series_cpus_measure_it(session: Lives) -> None:
    """If this fails, the test above shows nothing."""
    assert abs(measured_loop(session.of(OLD_DELAY, stay).report)) > 1


def measured_loop(report: Report) -> float:
    """By how many BogoMIPS the CPUs together differ from so many first ones."""
    first = float(report.grep(FIRST_LOOP)[0].text.split()[-3])
    total = float(report.grep(ALL_LOOPS)[0].text.split("(")[1].split()[0])
    return total - len(report.vcpus) * first


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
    problems = check_dom0(told, HOSTS["untrusted"], "policy")
    assert not problems, "\n".join(problems)


RESTORED = (specs.DEFAULT, specs.NATIVE, specs.EMULATED, specs.PVH, specs.OLD_DEFAULT)


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("case", RESTORED, ids=str)
def test_the_forecast_is_right(session: Lives, case: GuestSpec, tmp_path: Path) -> None:
    """On the same host, and of one whose TSC is not reliable."""
    report = session.of(case).report
    host = json.loads(session.host(case.kind).must("xen-clock host --json"))
    said = forecast(tmp_path, host, host, guest_of(report, case.kind))
    problems = check_forecast(said, report, patched=case.patched)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("case", (specs.OLD_DEFAULT, specs.OLD_NATIVE), ids=str)
def test_kselftest_is_skipped(session: Lives, case: GuestSpec) -> None:
    problems = check_selftest(session.of(case).report, patched=False)
    assert not problems, "\n".join(problems)


def repeat(session: Lives, case: GuestSpec) -> str:
    return case.repeat(session.settings)
