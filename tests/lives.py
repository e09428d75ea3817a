# SPDX-License-Identifier: GPL-2.0-only
"""Guests that run once, for all tests that look at them."""

from __future__ import annotations

import pytest

from lab.config import GuestSpec
from lab.guest.scenario import Life, Scenario, save_and_restore
from lab.guest.session import Session, explain
from lab.host.errors import RunError


def fail_if(problems: list[str], case: GuestSpec, life: Life, repeat: str) -> None:
    """Fail with all problems, the guest's log lines that matter, and the command."""
    if problems:
        pytest.fail(explain(case, life, problems, repeat), pytrace=False)


class Lives(Session):
    """Runs a guest when it is first asked for, and remembers what came of it."""

    _lives: dict[GuestSpec, Life | RunError]
    _boots: dict[GuestSpec, list[str]]

    def __enter__(self) -> Lives:
        self._lives = {}
        self._boots = {}
        return self

    def log_of(self, spec: GuestSpec) -> list[str]:
        """What the kernel of a guest says that boots, and does nothing else."""
        if spec not in self._boots:
            guest = self.guest(spec)
            guest.create()
            guest.wait_state("up")
            guest.shutdown()
            self._boots[spec] = guest.log.lines
            self.tell(f"{spec}: has booted")
        return self._boots[spec]

    def of(self, spec: GuestSpec, scenario: Scenario = save_and_restore) -> Life:
        if spec not in self._lives:
            try:
                self._lives[spec] = self.run(spec, scenario)
            except RunError as error:
                self._lives[spec] = error
        life = self._lives[spec]
        if isinstance(life, RunError):
            raise life
        return life
