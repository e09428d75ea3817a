# SPDX-License-Identifier: GPL-2.0-only
"""What `make deb` refuses, before it builds anything.

That it packages a kernel which boots takes too long for each run.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.base.common import TOP
from tests.tree import KERNEL, run


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (None, "there is no file"),
        ("CONFIG_X86_64=y\n# CONFIG_XEN is not set\n", "is not for Xen guests"),
    ],
)
def test_config(tmp_path: Path, config: str | None, complaint: str) -> None:
    path = tmp_path / "config"
    if config is not None:
        path.write_text(config)
    done = run("scripts/deb", KERNEL, path)
    assert done.returncode == 1
    assert f"{complaint}" in done.stdout and str(path) in done.stdout


def test_no_config() -> None:
    done = run("make", "-C", TOP, "deb")
    assert done.returncode != 0 and "are required: --config" in done.stdout


def test_kernel_without_a_series(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("CONFIG_XEN=y\n")
    done = run("scripts/deb", "4.19", config)
    assert done.returncode == 1 and "no series for Linux 4.19" in done.stdout


@pytest.mark.parametrize("option", ["PREEMPT_RT", "preempt=y", "HZ=fast", "A=y;B=y"])
def test_what_is_set(tmp_path: Path, option: str) -> None:
    done = run("scripts/deb", KERNEL, tmp_path / "config", option)
    assert done.returncode == 1
    assert f"{option} is not an option with its value" in done.stdout
