# SPDX-License-Identifier: GPL-2.0-only
"""A short run of the fuzzer, the same each time; `xen-lab fuzz` is the long one."""

from __future__ import annotations

from lab.commands.fuzz import build, fuzz

RUNS = 1_000_000


def test_fuzz() -> None:
    fuzz(build(), RUNS, seed=1)
