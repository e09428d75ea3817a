# SPDX-License-Identifier: GPL-2.0-only
"""Did the guest's TCP connection to dom0 come well through the sleep?"""

from __future__ import annotations

from lab.guest.report import Report

# After all that happened to the guest
TRIPS = 10


def check_connection(report: Report) -> list[str]:
    """The same from first to last: the guest knows no other."""
    connection = report.connection
    wrong = []
    if "connection.over" in report.values:
        reason = report.fact("connection.over")
        wrong.append(f"over after {connection.trips} round trips: {reason}")
    if connection.last < TRIPS:
        wrong.append(f"{connection.last} round trips at the end, not {TRIPS}")
    if connection.trips <= connection.last:
        wrong.append("no round trip before the end")
    return wrong
