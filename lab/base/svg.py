# SPDX-License-Identifier: GPL-2.0-only
"""Draws what guests' clocks have counted, as SVG."""

from __future__ import annotations

import math
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 40, 50
# Seconds between two lines of the grid
GRID = 5
HEAD = f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" \
width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="13">
<title>A guest's clock over a migration</title>
<rect width="100%" height="100%" fill="#ffffff"/>
"""


@dataclass(frozen=True)
class Line:
    name: str
    colour: str
    # By the host's clock and by the guest's, in seconds from the move on
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Scale:
    """Whole steps of the grid, around all that is to be seen."""

    low: int
    high: int

    @staticmethod
    def around(values: list[float]) -> Scale:
        low, high = min(values), max(values)
        return Scale(math.floor(low / GRID) * GRID, math.ceil(high / GRID) * GRID)

    def at(self, value: float, start: float, end: float) -> float:
        return start + (value - self.low) / (self.high - self.low) * (end - start)


@dataclass(frozen=True)
class Plot:
    scale: Scale

    def x(self, value: float) -> float:
        return round(self.scale.at(value, LEFT, WIDTH - RIGHT), 1)

    def y(self, value: float) -> float:
        return round(self.scale.at(value, HEIGHT - BOTTOM, TOP), 1)

    def grid(self) -> list[str]:
        low, high = self.scale.low, self.scale.high
        lines = []
        for value in range(low, high + 1, GRID):
            x, y = self.x(value), self.y(value)
            for ends in (
                f'x1="{x}" y1="{self.y(low)}" x2="{x}" y2="{self.y(high)}"',
                f'x1="{self.x(low)}" y1="{y}" x2="{self.x(high)}" y2="{y}"',
            ):
                lines.append(f'<line {ends} stroke="#d0d7de"/>')
            lines.append(text(x, HEIGHT - BOTTOM + 18, f"{value}", "middle"))
            lines.append(text(LEFT - 8, y + 4, f"{value}", "end"))
        return lines

    def moment(self, what: str) -> list[str]:
        """When it happened."""
        x = self.x(0)
        ends = f'x1="{x}" y1="{self.y(self.scale.low)}" x2="{x}" y2="{TOP}"'
        return [
            f'<line {ends} stroke="#57606a" stroke-dasharray="4 4"/>',
            text(x, TOP - 8, what, "middle"),
        ]

    def course(self, line: Line, number: int) -> list[str]:
        points = [(self.x(real), self.y(counted)) for real, counted in line.points]
        path = " ".join(f"{x},{y}" for x, y in points)
        dots = [f'<circle cx="{x}" cy="{y}" r="3"/>' for x, y in points]
        x, y = points[-1]
        # Lines that end at the same place have their names above and below it
        name = text(
            round(x - 8, 1), round(y - 8 + 26 * number, 1), line.name, "end", ""
        )
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
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{fill}>{words}</text>'


def draw(lines: list[Line], what: str) -> str:
    """What happened to the guests, and how their clocks went on."""
    values = [value for line in lines for point in line.points for value in point]
    plot = Plot(Scale.around(values))
    middle = f'transform="rotate(-90)" x="{-HEIGHT / 2}" y="16" text-anchor="middle"'
    parts = [
        *plot.grid(),
        *plot.moment(what),
        *(part for n, line in enumerate(lines) for part in plot.course(line, n)),
        text(WIDTH / 2, HEIGHT - 10, "seconds that have passed", "middle"),
        f'<text {middle} fill="#24292f">seconds by the guest</text>',
    ]
    return HEAD + "\n".join(parts) + "\n</svg>\n"
