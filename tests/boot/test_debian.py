# SPDX-License-Identifier: GPL-2.0-only
"""A guest that runs Debian, whose programs say what a restore does to their time.

"xen-lab distro" has more of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.commands.distro.run import CASES, SUITES, Case, live_case
from lab.config import Settings
from lab.images.debian import Unavailable
from lab.images.userland import make_userland

SHORT = [case for case in CASES if case.name == "pv-save"]


@pytest.fixture(scope="module")
def image(settings: Settings) -> Path:
    try:
        return make_userland(SUITES[0], settings.kernel)
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("case", SHORT, ids=str)
def test_its_programs_find_nothing_wrong(
    settings: Settings, image: Path, case: Case
) -> None:
    [wrong] = live_case(case, settings, image, patched=(True,))
    assert not wrong, f"repeat it with: ./xen-lab distro -k {case}"
