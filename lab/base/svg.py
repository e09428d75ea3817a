# SPDX-License-Identifier: GPL-2.0-only
"""Draws what was measured as SVG: guests' clocks, and what depends on a number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 40, 50
# Seconds between two lines of the grid
GRID = 5
HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" \
width="{width}" height="{height}" font-family="sans-serif" font-size="13">
<title>{title}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
"""


@dataclass(frozen=True)
class Line:
    name: str
    colour: str
    # Of clocks by the host's and by the guest's, in seconds from the move on
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Scale:
    """Whole steps of the grid, around all that is to be seen."""

    low: int
    high: int
    step: int = GRID

    @staticmethod
    def around(values: list[float], step: int = GRID) -> Scale:
        low = math.floor(min(values) / step) * step
        high = math.ceil(max(values) / step) * step
        return Scale(low, max(high, low + step), step)

    @staticmethod
    def in_steps(values: list[float]) -> Scale:
        """In at most ten steps of 1, 2 or 5, of 10, 20 or 50, and so on."""
        steps = (base * 10**power for power in range(9) for base in (1, 2, 5))
        scales = (Scale.around(values, step) for step in steps)
        return next(scale for scale in scales if len(scale.lines()) <= 11)

    def lines(self) -> range:
        return range(self.low, self.high + 1, self.step)

    def at(self, value: float, start: float, end: float) -> float:
        return start + (value - self.low) / (self.high - self.low) * (end - start)


@dataclass(frozen=True)
class Plot:
    across: Scale
    up: Scale

    def x(self, value: float) -> float:
        return round(self.across.at(value, LEFT, WIDTH - RIGHT), 1)

    def y(self, value: float) -> float:
        return round(self.up.at(value, HEIGHT - BOTTOM, TOP), 1)

    def grid(self) -> list[str]:
        left, right = self.x(self.across.low), self.x(self.across.high)
        bottom, top = self.y(self.up.low), self.y(self.up.high)
        lines = []
        for value in self.across.lines():
            x = self.x(value)
            ends = f'x1="{x}" y1="{bottom}" x2="{x}" y2="{top}"'
            lines.append(f'<line {ends} stroke="#d0d7de"/>')
            lines.append(text(x, HEIGHT - BOTTOM + 18, f"{value}", "middle"))
        for value in self.up.lines():
            y = self.y(value)
            ends = f'x1="{left}" y1="{y}" x2="{right}" y2="{y}"'
            lines.append(f'<line {ends} stroke="#d0d7de"/>')
            lines.append(text(LEFT - 8, y + 4, f"{value}", "end"))
        return lines

    def moment(self, what: str) -> list[str]:
        """When it happened."""
        x = self.x(0)
        ends = f'x1="{x}" y1="{self.y(self.up.low)}" x2="{x}" y2="{TOP}"'
        return [
            f'<line {ends} stroke="#57606a" stroke-dasharray="4 4"/>',
            text(x, TOP - 8, what, "middle"),
        ]

    def course(self, line: Line, name: str) -> list[str]:
        """The line, and its name somewhere."""
        points = [(self.x(real), self.y(counted)) for real, counted in line.points]
        path = " ".join(f"{x},{y}" for x, y in points)
        dots = [f'<circle cx="{x}" cy="{y}" r="3"/>' for x, y in points]
        return [
            f'<g fill="{line.colour}">',
            f'<polyline points="{path}" fill="none" stroke="{line.colour}" '
            'stroke-width="2"/>',
            *dots,
            name,
            "</g>",
        ]


def text(
    x: float, y: float, words: str, anchor: str, fill: str = ' fill="#24292f"'
) -> str:
    at = f'x="{x}" y="{y}" text-anchor="{anchor}"{fill}'
    return f"<text {at}>{escape(words)}</text>"


def axes(across: str, up: str) -> list[str]:
    """What is counted on them."""
    middle = f'transform="rotate(-90)" x="{-HEIGHT / 2}" y="16" text-anchor="middle"'
    return [
        text(WIDTH / 2, HEIGHT - 10, across, "middle"),
        f'<text {middle} fill="#24292f">{up}</text>',
    ]


def picture(title: str, parts: list[str], height: int = HEIGHT) -> str:
    head = HEAD.format(width=WIDTH, height=height, title=escape(title))
    return head + "\n".join(parts) + "\n</svg>\n"


def draw(lines: list[Line], what: str) -> str:
    """What happened to the guests, and how their clocks went on."""
    values = [value for line in lines for point in line.points for value in point]
    scale = Scale.around(values)
    plot = Plot(scale, scale)
    parts = [*plot.grid(), *plot.moment(what)]
    for number, line in enumerate(lines):
        x, y = line.points[-1]
        # Lines that end at the same place have their names above and below it
        place = round(plot.x(x) - 8, 1), round(plot.y(y) - 8 + 26 * number, 1)
        parts += plot.course(line, text(*place, line.name, "end", ""))
    parts += axes("seconds that have passed", "seconds by the guest")
    return picture("A guest's clock over a migration", parts)


def chart(lines: list[Line], title: str, across: str, up: str) -> str:
    """What depends on a number, from zero up, with the names of the lines below."""
    xs, ys = ([point[n] for line in lines for point in line.points] for n in (0, 1))
    plot = Plot(Scale.in_steps(xs), Scale.in_steps([0, *ys]))
    parts = [*plot.grid(), text(WIDTH / 2, TOP - 16, title, "middle")]
    for number, line in enumerate(lines):
        place = LEFT, HEIGHT + 18 * (number + 1)
        parts += plot.course(line, text(*place, f"\u25cf {line.name}", "start", ""))
    parts += axes(across, up)
    return picture(title, parts, HEIGHT + 18 * len(lines) + 20)
