# SPDX-License-Identifier: GPL-2.0-only
"""One boot of Xen for all tests, and a last line that a machine can read."""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Callable, Generator, Iterator, NoReturn

import pytest
from _pytest.terminal import TerminalReporter

from tests.specs import PATCHED
from tests.lives import Lives
from lab.base.common import BUILD, LabError, locked, say
from lab.config import GuestSpec, HOSTS, Settings
from lab.guest.scenario import Life
from tests.recorded import Tool, build
from tests.tree import KERNELS, SETTINGS
from tests.workers import Controller, is_worker, rank_of, spread_pins

# Directories of tests, the fast ones first
DIRECTORIES = ("unit", "series", "boot")

# The very last line of the run; an error is a failure
KINDS = {
    "passed": ("passed", "xpassed"),
    "failed": ("failed", "error"),
    "skipped": ("skipped", "xfailed"),
}
counts: dict[str, int] = {}
ERROR = "error: "


def pytest_configure(config: pytest.Config) -> None:
    # Why something was skipped is always told
    if "s" not in config.option.reportchars:
        config.option.reportchars += "s"
    # The lines of ours that led to it: those of others' only hide it
    if config.option.tbstyle == "auto":
        config.option.tbstyle = "short"
    # Fixtures end, and QEMU with them, however the run is stopped
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    if is_worker(config):
        spread_pins(config)
        return
    config.pluginmanager.register(Once())
    if config.getoption("numprocesses", None):
        config.pluginmanager.register(Controller(config))


def stop(number: int, frame: FrameType | None) -> NoReturn:
    """Once: a parent that is stopped as well stops us again, while fixtures end."""
    for other in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    raise KeyboardInterrupt


class Once:
    """An error of the lab is told in full only once, whichever tests have met it."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    @pytest.hookimpl(tryfirst=True)  # type: ignore[misc]
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        text = report.longrepr
        if isinstance(text, str) and text.startswith(ERROR):
            report.longrepr = text.splitlines()[0] if text in self._told else text
            self._told.add(text)


@pytest.hookimpl(hookwrapper=True)  # type: ignore[misc]
def pytest_runtest_makereport(
    call: pytest.CallInfo[object],
) -> Generator[None, Any, None]:
    outcome = yield
    explain(call, outcome.get_result())


@pytest.hookimpl(hookwrapper=True)  # type: ignore[misc]
def pytest_make_collect_report() -> Generator[None, Any, None]:
    outcome = yield
    report = outcome.get_result()
    explain(report.call, report)


def explain(call: pytest.CallInfo[object], report: Any) -> None:
    """Such an error explains itself; our own source lines would only hide it."""
    if call.excinfo is not None and isinstance(call.excinfo.value, LabError):
        report.longrepr = f"{ERROR}{call.excinfo.value}"


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    items.sort(key=lambda item: DIRECTORIES.index(item.path.parent.name))
    if is_worker(config):
        items.sort(key=lambda item: rank_of(item.nodeid))


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
            if is_worker(request.config):
                # Its standard output is the channel to the one that has started it
                print(f"lab: {text}", file=sys.stderr, flush=True)
            else:
                say(f"\nlab: {text}")

    return tell


@contextmanager
def locked_trees(*, shared: bool) -> Iterator[None]:
    with ExitStack() as locks:
        for kernel in KERNELS:
            path = BUILD / f".lock-kernel-{kernel}"
            locks.enter_context(locked(path, shared=shared))
        yield


@pytest.fixture
def trees() -> Iterator[None]:
    """The kernels' trees as they are with the series: scripts/kernel has to wait."""
    with locked_trees(shared=True):
        yield


@pytest.fixture
def own_trees() -> Iterator[None]:
    """The same, for a test that compiles in them: it leaves them with the series."""
    with locked_trees(shared=False):
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

    So it is older than any jump forward is long, with that which makes TSCs old. All of
    a guest jumps, which one CPU is enough for.
    """
    spec = HOSTS["untrusted"].older().with_one_cpu()
    with Lives("older", settings, tell, spec) as session:
        yield session


@pytest.fixture(scope="session")
def one_cpu(settings: Settings, tell: Callable[[str], None]) -> Iterator[Lives]:
    """The host of session with one CPU, for guests that show all they have to there."""
    spec = HOSTS["untrusted"].with_one_cpu()
    with Lives("one-cpu", settings, tell, spec) as session:
        yield session


@pytest.fixture(scope="session")
def trusted(settings: Settings, tell: Callable[[str], None]) -> Iterator[Lives]:
    """A host with one CPU whose TSC Xen trusts."""
    spec = HOSTS["trusted"].with_one_cpu()
    with Lives("trusted", settings, tell, spec) as session:
        yield session


@pytest.fixture(scope="session", params=PATCHED, ids=str)
def case(request: pytest.FixtureRequest) -> GuestSpec:
    assert isinstance(request.param, GuestSpec)
    return request.param


@pytest.fixture(scope="session")
def life(case: GuestSpec, session: Lives) -> Life:
    """The life of the case's guest, which several tests look at."""
    return session.of(case)
