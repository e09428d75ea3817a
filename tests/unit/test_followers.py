# SPDX-License-Identifier: GPL-2.0-only
"""What chrony and phc2sys have measured of the clock of the host, as they logged it."""

from __future__ import annotations

import pytest

from lab.checks.followers import (
    Sample,
    Source,
    check_agree,
    check_chrony_steps,
    check_followed,
    check_stayed,
    polls_until_right,
    read_chrony,
    read_phc2sys,
    read_sources,
    tool_offset,
)

RULE = "=" * 79
HEAD = "   Date (UTC) Time         Refid  DP L P  Raw offset   Cooked offset      Disp."
RAW = "2026-11-28 17:29:{} XEN     0 N 0  {}  {}  2.734e-06"
AVERAGE = "2026-11-28 17:29:{} XEN     - N -       -        {}  2.734e-06"
STEPPED = "2026-11-28T17:30:00Z System clock was stepped by 4.473985 seconds"
OFF, RIGHT = "4.473985e+00", "-1.000000e-09"
TOOL = 'tool:\n{"schema": 1, "host_clock": {"offset_ns": -1300000}}\n'


def chrony(*offsets: str, stepped: int = 1) -> str:
    """Each of them measured, and averaged."""
    lines = ["measured:", RULE, HEAD, RULE]
    for number, offset in enumerate(offsets):
        second = f"{number:02}.083589"
        lines.append(RAW.format(second, offset, offset))
        lines.append(AVERAGE.format(second, offset))
    lines += ["logged:", *[STEPPED] * stepped]
    return "\n".join(lines) + f"\n{TOOL}"


PHC2SYS = """phc2sys[52.084]: CLOCK_REALTIME phc offset       {} s2 freq   +1240 delay   5520
phc2sys[53.085]: CLOCK_REALTIME phc offset -5000004021 s1 freq   +1240 delay   5480
phc2sys[54.086]: CLOCK_REALTIME phc offset     {} s2 freq    +700 delay   5520
"""


def test_read_chrony() -> None:
    assert read_chrony(chrony(OFF, RIGHT)) == [
        Sample(4.473985, average=False),
        Sample(4.473985),
        Sample(-1e-9, average=False),
        Sample(-1e-9),
    ]


def test_read_phc2sys() -> None:
    offsets = [sample.offset for sample in read_phc2sys(PHC2SYS.format(17, -3))]
    assert offsets == [17e-9, -5.000004021, -3e-9]


@pytest.mark.parametrize(
    ("offsets", "polls", "words"),
    [
        ((RIGHT, OFF, RIGHT), 1, ""),
        ((OFF, OFF, RIGHT, RIGHT), 2, ""),
        ((OFF, OFF, OFF, RIGHT), 3, "it took 3 polls"),
        # There and back
        ((OFF, RIGHT, RIGHT, OFF, RIGHT), 4, "it took 4 polls"),
        ((OFF, OFF), 2, "has not followed"),
        ((RIGHT, RIGHT), 0, "nothing was measured of that"),
        ((), 0, "nothing was measured of that"),
    ],
)
def test_followed(offsets: tuple[str, ...], polls: int, words: str) -> None:
    samples = read_chrony(chrony(*offsets))
    assert polls_until_right(samples) == polls
    found = " ".join(check_followed(samples, 2))
    assert words in found and bool(words) == bool(found)


def test_stayed() -> None:
    assert not check_stayed(read_chrony(chrony(RIGHT, RIGHT)))
    [average, alone] = check_stayed(read_chrony(chrony(RIGHT, OFF)))
    assert "4.47" in average and "4.47" in alone
    assert check_stayed([]) == ["nothing was measured"]
    assert check_stayed(read_phc2sys(PHC2SYS.format(1, 2)))


@pytest.mark.parametrize("stepped", [0, 1, 2])
def test_chrony_steps(stepped: int) -> None:
    found = check_chrony_steps(chrony(RIGHT, stepped=stepped), 1)
    assert bool(found) == (stepped != 1)


def test_tool_offset() -> None:
    assert tool_offset(chrony(RIGHT)) == -0.0013
    assert tool_offset(chrony(RIGHT).replace("-1300000", "null")) is None


SOURCES = """#,{},XEN,0,2,377,3,{},-0.000000001,0.000000105
^,-,10.0.0.1,8,2,377,2,0.000456,0.000123,0.001200
2026-11-29T01:50:00Z Selected source XEN
"""


def agreed(state: str = "*", offset: str = "-0.000000002") -> list[str]:
    sources = read_sources(SOURCES.format(state, offset))
    return check_agree(sources, ("XEN", "10.0.0.1"))


def test_sources_that_agree() -> None:
    sources = read_sources(SOURCES.format("*", "-0.000000002"))
    assert list(sources) == ["XEN", "10.0.0.1"]
    assert sources["XEN"] == Source("XEN", "*", -2e-9, 1.05e-7)
    assert not agreed()
    # A millisecond, and by how much the network can delay what NTP says
    assert not agreed(offset="-0.0017")


@pytest.mark.parametrize(
    ("state", "offset", "words"),
    [
        ("*", "-0.0018", "do not agree"),
        ("*", "0.0027", "do not agree"),
        ("x", "0", "chrony doubts"),
        ("?", "0", "chrony doubts"),
    ],
)
def test_sources_that_do_not(state: str, offset: str, words: str) -> None:
    [found] = agreed(state, offset)
    assert words in found


def test_no_such_source() -> None:
    [found] = check_agree(read_sources(SOURCES.format("*", "0")), ("XEN", "10.0.0.3"))
    assert "no source 10.0.0.3" in found
