# SPDX-License-Identifier: GPL-2.0-only
"""Tests in several processes: who runs which, and how far they are.

"xen-lab check" has pytest-xdist start them. Each has Xen hosts of its own.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Generator

import pytest

from lab.host.pins import pins

# Files whose tests one worker runs, as they share what takes long to make or must not
# run at the same time; what takes longest comes first, each file of the others is alone
GROUPS = {
    # They compile in the kernels' trees, and so come long before others look at those
    "series/test_prefixes.py": "compile",
    "series/test_compile.py": "compile",
    "series/test_docs.py": "compile",
    "unit/test_proofs.py": "proofs",
    "unit/test_alerts.py": "packages",
    # Xen that is older than the others
    "boot/test_jump.py": "older",
    "boot/test_sleep.py": "older",
    "boot/test_parts.py": "older",
    "boot/test_trusted.py": "trusted",
    "boot/test_mainline.py": "trusted",
    # The same guests
    "boot/test_boot.py": "guests",
    "boot/test_gain.py": "guests",
    # Systemd takes its time to start
    "boot/test_debian.py": "debian",
    # These take long
    "boot/test_skew.py": "skew",
    "boot/test_window.py": "window",
    "boot/test_hvm.py": "hvm",
    "boot/test_ptp.py": "ptp",
}
NAMES = list(dict.fromkeys(GROUPS.values()))
# Of the files outside of series/ the one that looks at the kernels' trees
LOOKS_AT_TREES = "unit/test_bench.py"


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def group_of(nodeid: str) -> str:
    file = file_of(nodeid)
    return GROUPS.get(file.removeprefix("tests/"), file)


def rank_of(nodeid: str) -> tuple[bool, int, bool]:
    """What boots comes last, and groups come before other files.

    Of these the last are those that look at the trees, which are being compiled in.
    """
    group = group_of(nodeid)
    rank = NAMES.index(group) if group in NAMES else len(NAMES)
    file = file_of(nodeid).removeprefix("tests/")
    directory = file.partition("/")[0]
    looks = directory == "series" or file == LOOKS_AT_TREES
    return directory == "boot", rank, looks


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def spread_pins(config: Any) -> None:
    """Start at another CPU than the other workers do to pin machines."""
    for _ in range(int(config.workerinput["workerid"].removeprefix("gw"))):
        next(pins)


class Controller:
    """In the process that has started them: says what has failed, and which file is done."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._left: Counter[str] = Counter()
        self._seconds: dict[str, float] = {}
        self._outcomes: dict[str, Counter[str]] = {}
        self._all = 0

    @pytest.hookimpl(hookwrapper=True)  # type: ignore[misc]
    def pytest_xdist_make_scheduler(self) -> Generator[None, Any, None]:
        outcome = yield
        # What --dist=loadscope asks for
        outcome.get_result()._split_scope = group_of

    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self._left = Counter(map(file_of, ids))
        self._all = len(ids)

    @pytest.hookimpl(hookwrapper=True)  # type: ignore[misc]
    def pytest_report_teststatus(self) -> Generator[None, Any, None]:
        """No letters: those of several files would be among each other."""
        outcome = yield
        category, _, word = outcome.get_result()
        outcome.force_result((category, "", word))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = file_of(report.nodeid)
        self._seconds[file] = self._seconds.get(file, 0.0) + report.duration
        if report.when == "call" or not report.passed:
            self._outcomes.setdefault(file, Counter())[report.outcome] += 1
        if report.failed:
            self._say(f"failed: {report.nodeid}")

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        file = file_of(nodeid)
        self._left[file] -= 1
        if not self._left[file]:
            counts = sorted(self._outcomes.get(file, Counter()).items())
            told = ", ".join(f"{number} {outcome}" for outcome, number in counts)
            done = 100 - 100 * self._left.total() // self._all
            self._say(f"{done:3} %  {file}: {told} in {self._seconds[file]:.0f} s")

    def _say(self, text: str) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        assert terminal is not None
        terminal.write_line(text)
