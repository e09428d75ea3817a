# SPDX-License-Identifier: GPL-2.0-only
"""Joins the reports of the matrix's shards into the one that a single run writes."""

from __future__ import annotations

import argparse
from pathlib import Path

from lab.commands import options
from lab.commands.matrix.run import finish
from lab.commands.matrix.store import join, load


def arguments(parser: options.Parser) -> None:
    parser.add_argument(
        "directories",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="a directory with the report.json of a shard",
    )
    options.add_junit(parser)
    options.add_output(parser)


def main(args: argparse.Namespace) -> int:
    return finish(
        join([load(path) for path in args.directories]), args.output, args.junit
    )
