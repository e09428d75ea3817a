# SPDX-License-Identifier: GPL-2.0-only
"""Selects things by their names, with the expressions that pytest's -k has."""

from __future__ import annotations

import re
from typing import TypeVar

from lab.base.common import LabError

Named = TypeVar("Named")
OPERATORS = ("and", "or", "not")


def matches(expression: str, name: str) -> bool:
    """Whether a name matches: a word in it is true, any other word is false."""

    def value(word: re.Match[str]) -> str:
        return word[0] if word[0] in OPERATORS else str(word[0] in name)

    # Nothing but True, False, operators and parentheses is left to evaluate
    return bool(eval(re.sub(r"[^\s()]+", value, expression), {"__builtins__": {}}))


def select(expression: str, every: list[Named]) -> list[Named]:
    """Return those whose names match, or the one that is named exactly."""
    exactly = [one for one in every if str(one) == expression]
    if exactly or not expression.strip():
        return exactly or every
    try:
        found = [one for one in every if matches(expression, str(one))]
    except (SyntaxError, TypeError):
        raise LabError(
            f"'{expression}' is not an expression",
            hint="It has to be like: WORD and not (WORD or WORD)",
        ) from None
    if not found:
        some = [str(one) for one in every[:: max(1, len(every) // 6)]]
        raise LabError(
            f"'{expression}' matches none of {len(every)} names",
            hint="\n".join(["Some of them:", *some, "Use --list to see all."]),
        )
    return found
