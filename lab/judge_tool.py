# SPDX-License-Identifier: GPL-2.0-only
"""What tools/xen-clock says in a guest against all that is known of that guest."""

from __future__ import annotations

import json

from lab.expect import Expectation
from lab.judge_sysfs import MODES
from lab.witness import Report

# A dom0 in mode default: what its kernel makes of the host's TSC
DOM0 = {"untrusted": ("unverified", 6), "trusted": ("reliable", 5)}


def judge_foresight(old: Report, new: Report) -> list[str]:
    """What a kernel without the series would decide is what one with it has decided.

    Of two guests on one host and in one mode; a busy Xen can calibrate the pvclock
    of either badly, which is row 3.
    """
    if not new.verdicts:
        return ["the kernel has decided nothing"]
    would = json.loads(old.words("xen-clock.before"))["verdict"]
    decided = new.verdicts[0]
    names = ("verdict", "row", "reason")
    seen, wanted = ([str(told[name]) for name in names] for told in (would, decided))
    if would["by"] != "policy" or (
        seen != wanted and new.rates_agree and old.rates_agree
    ):
        return [f"xen-clock says {would}, the kernel has decided {wanted}"]
    return []


def judge_dom0(text: str, host: str, by: str) -> list[str]:
    """The same for dom0: xen-clock's document against what is right there."""
    told = json.loads(text)
    seen = (told["domain"], *(told["verdict"][key] for key in ("verdict", "row", "by")))
    wanted = ("PV dom0", *DOM0[host], by)
    return [] if seen == wanted else [f"xen-clock: {seen}, expected {wanted}: {text}"]


def judge_tool(report: Report, expected: Expectation, *, patched: bool) -> list[str]:
    """Where the kernel has no verdict, the tool has that of a kernel that would."""
    told = json.loads(report.words("xen-clock.after"))
    leaf = report.time_leaf("after")
    version = f"{report.fact('after.xen_major')}.{report.fact('after.xen_minor')}"
    verdict, clocksource = told["verdict"], told["clocksource"]
    pairs = {
        "xen_version": (".".join(told["xen_version"].split(".")[:2]), version),
        "patched": (told["patched"], patched),
        "time_leaf": (
            told["time_leaf"],
            {
                "mode": MODES[leaf.mode],
                "mode_number": leaf.mode,
                "emulated": leaf.emulated,
                "host_reliable": leaf.host_reliable,
                "khz": leaf.khz,
                "incarnation": leaf.incarnation,
            },
        ),
        "invariant_tsc": (told["invariant_tsc"], report.fact("after.itsc") == "1"),
        "clocksource": (clocksource["current"], report.fact("after.clocksource")),
        "available": (
            sorted(clocksource["available"]),
            sorted(report.fact("after.available").split()),
        ),
    }
    if patched:
        stable = report.fact("after.stable") == "1"
        pairs |= {
            "verdict": (verdict["verdict"], report.fact("after.sysfs.verdict")),
            "row": (str(verdict["row"]), report.fact("after.sysfs.row")),
            "reason": (verdict["reason"], report.fact("after.sysfs.reason")),
            "by": (verdict["by"], "kernel"),
            "sched_clock": (
                told["sched_clock"],
                {"source": report.sched_clock, "stable": stable},
            ),
        }
    else:
        pairs |= {
            "verdict": (verdict["verdict"], expected.verdict),
            "row": (verdict["row"], expected.row),
            "by": (verdict["by"], "policy"),
        }
    return [
        f"xen-clock: {name} is {seen}, expected {wanted}"
        for name, (seen, wanted) in pairs.items()
        if seen != wanted
    ]
