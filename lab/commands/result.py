# SPDX-License-Identifier: GPL-2.0-only
"""What comes of a case that runs without the series and with it."""

from __future__ import annotations

from enum import Enum


class Result(Enum):
    FIXED = "fixed"
    SAME = "same"
    UNFIXED = "unfixed"
    WORSE = "worse"
    LOST = "lost"
    SKIPPED = "skipped"

    @property
    def failed(self) -> bool:
        """The series is to be well; there is no comparison of one that is lost."""
        return self in (Result.UNFIXED, Result.WORSE, Result.LOST)
