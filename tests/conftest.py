# SPDX-License-Identifier: GPL-2.0-only
"""One boot of Xen for all tests, and a last line that a machine can read."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Iterator

import pytest
from _pytest.terminal import TerminalReporter

from tests.specs import PATCHED
from tests.lives import Lives
from lab.base.common import BUILD, LabError, locked, say
from lab.config import GuestSpec, HOSTS, Settings
from lab.guest.scenario import Life
from tests.recorded import Tool, build
from tests.tree import KERNELS, SETTINGS

# Directories of tests, the fast ones first
DIRECTORIES = ("unit", "series", "boot")

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
    items.sort(key=lambda item: DIRECTORIES.index(item.path.parent.name))


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
    return SETTINGS


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
def session(settings: Settings, tell: Callable[[str], None]) -> Iterator[Lives]:
    """Xen once; the guests run as the tests ask for them."""
    with Lives("check", settings, tell, HOSTS["untrusted"]) as session:
        yield session


@pytest.fixture(scope="session")
def older(settings: Settings, tell: Callable[[str], None]) -> Iterator[Lives]:
    """The same host, but Xen's clock is more than a day ahead.

    So it is older than any jump forward is long, with that which makes TSCs old.
    """
    with Lives("older", settings, tell, HOSTS["untrusted"].older()) as session:
        yield session


@pytest.fixture(scope="session", params=PATCHED, ids=str)
def case(request: pytest.FixtureRequest) -> GuestSpec:
    assert isinstance(request.param, GuestSpec)
    return request.param


@pytest.fixture(scope="session")
def life(case: GuestSpec, session: Lives) -> Life:
    """The life of the case's guest, which several tests look at."""
    return session.of(case)
