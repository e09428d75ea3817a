# SPDX-License-Identifier: GPL-2.0-only
"""Distributions' configurations, as the lab keeps them."""

from __future__ import annotations

import re

import pytest

from lab.base.common import TOP
from lab.commands.bisect.configs import DISTRIBUTIONS, Config, distributions

PAGE = (TOP / "Documentation/lab/distributions.rst").read_text()


@pytest.mark.parametrize("config", distributions(), ids=str)
def test_each(config: Config) -> None:
    """All of its lines are read, it says where it is from, and the page has it."""
    text = (DISTRIBUTIONS / f"{config}.config").read_text()
    lines = [line for line in text.splitlines() if "CONFIG_" in line]
    assert config.lines == lines and lines
    names = [re.findall(r"CONFIG_\w+", line)[0] for line in lines]
    assert len(set(names)) == len(names)
    assert re.search(rf"^# {config}: .+; .+", text, re.MULTILINE)
    assert re.search(rf"^{config}  ", PAGE, re.MULTILINE)


def test_some_are_what_the_lab_is_not() -> None:
    wanted = {"PREEMPT_RT=y", "PREEMPT_DYNAMIC=y", "JUMP_LABEL=y", "CPU_MITIGATIONS=y"}
    assert wanted <= {option for one in distributions() for option in one.options}


def test_only_the_whole_series_is_built() -> None:
    assert all(config.whole and not config.boots for config in distributions())
