# SPDX-License-Identifier: GPL-2.0-only
"""One boot of Xen for all tests, and a last line that a machine can read."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Iterator

import pytest
from _pytest.terminal import TerminalReporter

from lab.cases import PATCHED, Case, Results
from lab.common import BUILD, LabError, locked, say
from lab.hosts import HOSTS
from lab.life import Life
from lab.settings import Settings, settings_from
from lab.tests.recorded import Tool, build
from lab.tests.tree import KERNELS

# The fast ones first
ORDER = (
    "lint",
    "cocci",
    "docs",
    "lab",
    "faults",
    "death",
    "hosts",
    "xens",
    "lifecycles",
    "matrix",
    "matrix_run",
    "connection",
    "suites",
    "naps",
    "story",
    "svg",
    "sysfs",
    "selftest",
    "tool",
    "watch",
    "mutants",
    "fuzz",
    "proofs",
    "export",
    "deb",
    "kunit",
    "dom0",
    "s3",
    "boot",
    "mainline",
    "kernels",
    "gain",
    "nohz",
    "window",
    "parts",
    "hibernate",
    "cost",
    "trusted",
    "sleep",
    "jump",
    "skew",
    "ptp",
    "series",
    "prefixes",
)

# The very last line of the run; an error is a failure
KINDS = {
    "passed": ("passed", "xpassed"),
    "failed": ("failed", "error"),
    "skipped": ("skipped", "xfailed"),
}
counts: dict[str, int] = {}
told: set[str] = set()


def pytest_configure(config: pytest.Config) -> None:
    # Why something was skipped is always told
    if "s" not in config.option.reportchars:
        config.option.reportchars += "s"
    # The lines of ours that led to it: those of others' only hide it
    if config.option.tbstyle == "auto":
        config.option.tbstyle = "short"
    # Fixtures end, and QEMU with them, however the run is stopped
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def pytest_exception_interact(
    call: pytest.CallInfo[object], report: pytest.TestReport
) -> None:
    # Such an error explains itself, once; our own source lines would only hide it
    if call.excinfo is not None and isinstance(call.excinfo.value, LabError):
        text = f"error: {call.excinfo.value}"
        report.longrepr = text.splitlines()[0] if text in told else text
        told.add(text)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: ORDER.index(item.path.stem.removeprefix("test_")))


def pytest_terminal_summary(
    terminalreporter: TerminalReporter, exitstatus: pytest.ExitCode
) -> None:
    for name, kinds in KINDS.items():
        counts[name] = sum(len(terminalreporter.stats.get(k, [])) for k in kinds)
    if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        terminalreporter.write_line("The run was cut short, which counts as a failure.")
        counts["failed"] += 1


def pytest_unconfigure(config: pytest.Config) -> None:
    if counts:
        print(", ".join(f"{number} {name}" for name, number in counts.items()))


@pytest.fixture(scope="session")
def settings() -> Settings:
    return settings_from({**os.environ, "TSC_MODE": "", "CMDLINE": ""})


@pytest.fixture(scope="session")
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Says how far a long test is, at once."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None

    def tell(text: str) -> None:
        with capture.global_and_fixture_disabled():
            say(f"\nlab: {text}")

    return tell


@pytest.fixture
def trees() -> Iterator[None]:
    """The kernels' trees as they are with the series: scripts/kernel has to wait."""
    with ExitStack() as locks:
        for kernel in KERNELS:
            locks.enter_context(locked(BUILD / f".lock-kernel-{kernel}"))
        yield


@pytest.fixture(scope="session")
def built() -> None:
    """tools/xen-clock, in all its builds."""
    build()


@pytest.fixture
def tool(built: None, tmp_path: Path) -> Tool:
    return Tool(tmp_path)


@pytest.fixture(scope="session")
def results(settings: Settings, tell: Callable[[str], None]) -> Iterator[Results]:
    """Xen once; the guests run as the tests ask for them."""
    with Results("check", settings, tell, HOSTS["untrusted"]) as results:
        yield results


@pytest.fixture(scope="session")
def older(settings: Settings, tell: Callable[[str], None]) -> Iterator[Results]:
    """The same host, but Xen's clock is more than a day ahead.

    So it is older than any jump forward is long, with that which makes TSCs old.
    """
    with Results("older", settings, tell, HOSTS["untrusted"].older()) as results:
        yield results


@pytest.fixture(scope="session", params=PATCHED, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    assert isinstance(request.param, Case)
    return request.param


@pytest.fixture(scope="session")
def life(case: Case, results: Results) -> Life:
    """The life of the case's guest, which several tests look at."""
    return results.of(case)
