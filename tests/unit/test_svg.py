# SPDX-License-Identifier: GPL-2.0-only
"""The picture of the README shows what was measured."""

from __future__ import annotations

import xml.etree.ElementTree as xml

from lab.base.svg import Line, Plot, Scale, chart, draw

NAME = "{http://www.w3.org/2000/svg}"
RIGHT = Line("right", "#00ff00", [(-8.0, -8.0), (0.0, 0.0), (0.0, 0.0), (20.1, 20.1)])
SLOW = Line("slow", "#ff0000", [(-8.0, -8.0), (0.0, 0.0), (0.0, 0.0), (23.3, 10.0)])


def test_points() -> None:
    root = xml.fromstring(draw([RIGHT, SLOW], "a move"))
    courses = [
        [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
        for line in root.iter(f"{NAME}polyline")
    ]
    # The scale ends with the steps of the grid around -8 and 23.3
    plot = Plot(Scale(-10, 25), Scale(-10, 25))
    for course, line in zip(courses, (RIGHT, SLOW), strict=True):
        assert course == [(plot.x(real), plot.y(own)) for real, own in line.points]
    assert len(list(root.iter(f"{NAME}circle"))) == 8
    words = {text.text for text in root.iter(f"{NAME}text")}
    assert {"right", "slow", "-10", "25"} <= words


def test_names_of_equal_lines_can_be_read() -> None:
    root = xml.fromstring(
        draw([RIGHT, Line("same", "#ff0000", RIGHT.points)], "a move")
    )
    one, two = (
        float(text.attrib["y"])
        for text in root.iter(f"{NAME}text")
        if text.text in ("right", "same")
    )
    assert abs(one - two) > 13


def test_all_is_inside() -> None:
    root = xml.fromstring(draw([RIGHT, SLOW], "a move"))
    width, height = (float(root.attrib[name]) for name in ("width", "height"))
    for dot in root.iter(f"{NAME}circle"):
        assert 0 < float(dot.attrib["cx"]) < width
        assert 0 < float(dot.attrib["cy"]) < height


def test_chart() -> None:
    """Each axis has its own scale, that of the values from zero, and all is inside."""
    lines = [
        Line("flat", "#00ff00", [(1, 11.0), (2, 11.5), (64, 11.2)]),
        Line("steep", "#ff0000", [(1, 32.0), (2, 107.0), (64, 2300.0)]),
    ]
    root = xml.fromstring(chart(lines, "A title", "threads", "ns"))
    width, height = (float(root.attrib[name]) for name in ("width", "height"))
    plot = Plot(Scale(0, 70, 10), Scale(0, 2500, 500))
    for line, course in zip(lines, root.iter(f"{NAME}polyline"), strict=True):
        drawn = [
            tuple(map(float, p.split(","))) for p in course.attrib["points"].split()
        ]
        assert drawn == [(plot.x(x), plot.y(y)) for x, y in line.points]
        assert all(0 < x < width and 0 < y < height for x, y in drawn)
    for text in root.iter(f"{NAME}text"):
        if "transform" not in text.attrib:
            assert 0 < float(text.attrib["y"]) < height
    words = [text.text or "" for text in root.iter(f"{NAME}text")]
    assert {"A title", "threads", "ns", "0", "70", "2500"} <= set(words)
    assert all(any(line.name in word for word in words) for line in lines)


def test_chart_of_one_point() -> None:
    """A machine with one CPU has no more."""
    root = xml.fromstring(chart([Line("one", "#000000", [(1, 0.5)])], "t", "x", "y"))
    assert len(list(root.iter(f"{NAME}circle"))) == 1
