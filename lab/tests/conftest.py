# SPDX-License-Identifier: GPL-2.0-only
"""One boot of Xen for all tests, and a last line that a machine can read."""

from __future__ import annotations

import os
import signal
from typing import Iterator

import pytest
from _pytest.terminal import TerminalReporter

from lab.boot import Settings, settings_from
from lab.cases import Case, Results
from lab.common import say
from lab.images import make_images
from lab.life import Life
from lab.qemu import Machine
from lab.runs import Run


def pytest_configure(config: pytest.Config) -> None:
    # Why something was skipped is always told
    if "s" not in config.option.reportchars:
        config.option.reportchars += "s"
    signal.signal(signal.SIGTERM, signal.default_int_handler)


class Counts:
    """The very last line of the run; an error is a failure."""

    def __init__(self) -> None:
        self.of = {"passed": 0, "failed": 0, "skipped": 0}


counts = Counts()


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    for name, kinds in (
        ("passed", ("passed", "xpassed")),
        ("failed", ("failed", "error")),
        ("skipped", ("skipped", "xfailed")),
    ):
        counts.of[name] = sum(
            len(terminalreporter.stats.get(kind, [])) for kind in kinds
        )


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    # A run that was cut short is no pass, whatever it had counted until then
    if exitstatus in (2, 3, 4):
        say("\nlab: the test run was cut short")


def pytest_unconfigure(config: pytest.Config) -> None:
    print(", ".join(f"{number} {name}" for name, number in counts.of.items()))


@pytest.fixture(scope="session")
def settings() -> Settings:
    return settings_from({**os.environ, "TSC_MODE": "", "CMDLINE": ""})


@pytest.fixture(scope="session")
def results(settings: Settings) -> Iterator[Results]:
    """Xen, booted once; the guests run as the tests ask for them."""
    images = make_images(settings.xen)
    with Machine(Run("check"), images, settings.unpatched) as machine:
        machine.wait_boot()
        yield Results(machine, images, settings)


@pytest.fixture(scope="session")
def life(request: pytest.FixtureRequest, results: Results) -> Life:
    """The life of the guest that a test is parametrised with."""
    case = request.param
    assert isinstance(case, Case)
    return results.of(case)
