# SPDX-License-Identifier: GPL-2.0-only
"""What T= chooses among things that have names."""

from __future__ import annotations

from typing import TypeVar

from lab.base.common import LabError

Named = TypeVar("Named")


def chosen(expression: str, every: list[Named]) -> list[Named]:
    """Those whose names fit, as of tests with pytest -k; or that very one."""
    # Only here, as nothing else that boots guests takes pytest
    from _pytest.mark.expression import Expression, ParseError

    exactly = [one for one in every if str(one) == expression]
    if exactly or not expression:
        return exactly or every
    try:
        compiled = Expression.compile(expression)
        found = [o for o in every if compiled.evaluate(lambda word: word in str(o))]
    except (ParseError, SyntaxError) as error:
        raise LabError(f"T={expression} is no expression: {error}") from None
    if not found:
        raise LabError(
            f"T={expression} fits no case; these are some of their names:\n"
            + "\n".join(f"    {one}" for one in every[:: max(1, len(every) // 6)])
        )
    return found
