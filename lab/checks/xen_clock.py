# SPDX-License-Identifier: GPL-2.0-only
"""The output of tools/xen-clock in a guest against all that is known of that guest."""

from __future__ import annotations

import json
import re
from typing import Any

from lab.checks.policy import NAMES_TSC, Expectation, expect_dom0
from lab.checks.sysfs import MODES
from lab.config import TSC_MODES, HostSpec
from lab.guest.report import Report
from lab.host.xen_tsc import Outside


def names_tsc(report: Report) -> bool:
    return bool(set(NAMES_TSC) & set(report.values.get("before.cmdline", "").split()))


def check_foresight(old: Report, new: Report) -> list[str]:
    """What a kernel without the series would decide is what one with it has decided.

    Of two guests on one host and in one mode.  If only one of them names the TSC on its
    command line, the verdicts can differ.
    """
    if not new.verdicts:
        return ["the kernel has decided nothing"]
    would = json.loads(old.words("xen-clock.before"))["verdict"]
    decided = new.verdicts[0]
    same = names_tsc(old) == names_tsc(new)
    names = ("rule", "verdict", "reason") if same else ("rule",)
    if would["by"] != "policy" or any(would[name] != decided[name] for name in names):
        return [f"xen-clock says {would}, the kernel has decided {decided.groupdict()}"]
    return []


def guest_of(report: Report, kind: str) -> dict[str, Any]:
    """As "xen-clock host" would list this guest before it was saved."""
    leaf = report.time_leaf("before")
    return {
        "domid": 1,
        "name": "guest",
        "kind": "PV" if kind == "pv" else "HVM or PVH",
        "mode_number": leaf.mode,
        "frequency_khz": leaf.khz,
        "incarnation": leaf.incarnation,
    }


def check_listed(said: dict[str, Any], report: Report, outside: Outside) -> list[str]:
    """What "xen-clock host" lists of a guest, against the guest and Xen."""
    leaf = report.time_leaf("after")
    pairs: dict[str, tuple[object, object]] = {
        "emulated": (said["emulated"], leaf.emulated),
        "mode": (said["mode_number"], outside.mode),
        "incarnation": (said["incarnation"], outside.incarnation),
        "kind": (said["kind"], "HVM or PVH" if outside.hvm else "PV"),
    }
    # Xen prints none of a TSC that is never emulated
    if outside.khz:
        pairs["frequency_khz"] = (said["frequency_khz"], outside.khz)
    return [
        f"xen-clock host: {name} is {seen}, and is {wanted}"
        for name, (seen, wanted) in pairs.items()
        if seen != wanted
    ]


def foreseen(said: dict[str, Any], *, itsc: bool) -> str:
    """The verdict for a guest that sees the invariant TSC or not, which dom0 cannot tell."""
    if said["verdict_after"] != "unknown":
        return str(said["verdict_after"])
    found = re.fullmatch(
        r'(\S+) with cpuid="host,invtsc=1", (\S+) without', said["reason_after"]
    )
    return found[1 if itsc else 2] if found else "unknown"


def check_forecast(said: dict[str, Any], report: Report, *, patched: bool) -> list[str]:
    """What "xen-clock forecast" said of a guest against what has become of it."""
    before, after = report.time_leaf("before"), report.time_leaf("after")
    khz = after.khz
    if after.mode == TSC_MODES["native"]:
        # PVH and HVM guests still see there what the host had on which they were booted
        khz = int(report.fact("after.host_khz"))
    pairs: dict[str, tuple[object, object]] = {
        "emulated_before": (said["emulated_before"], before.emulated),
        "emulated_after": (said["emulated_after"], after.emulated),
        "frequency_khz": (said["frequency_khz"], khz),
        "frequency_kept": (said["frequency_kept"], before.khz == khz),
    }
    if patched:
        verdict = report.fact("after.sysfs.verdict")
        itsc = report.fact("before.itsc") == "1"
        pairs["verdict_after"] = (foreseen(said, itsc=itsc), verdict)
    return [
        f"xen-clock forecast: {name} is {seen}, and was to be {wanted}"
        for name, (seen, wanted) in pairs.items()
        if seen != wanted
    ]


def check_dom0(text: str, host: HostSpec, by: str) -> list[str]:
    """The same for dom0: xen-clock's document against what is right there."""
    said = json.loads(text)
    expected = expect_dom0(host)
    names = ("verdict", "rule", "by")
    seen = (said["domain"], *(said["verdict"][name] for name in names))
    domain = "PVH dom0" if host.pvh_dom0 else "PV dom0"
    wanted = (domain, expected.verdict, expected.rule, by)
    return [] if seen == wanted else [f"xen-clock: {seen}, expected {wanted}: {text}"]


def check_tool(report: Report, expected: Expectation, *, patched: bool) -> list[str]:
    """If the kernel has no verdict, the tool has that of a kernel with the series."""
    said = json.loads(report.words("xen-clock.after"))
    leaf = report.time_leaf("after")
    version = f"{report.fact('after.xen_major')}.{report.fact('after.xen_minor')}"
    verdict, clocksource = said["verdict"], said["clocksource"]
    pairs = {
        "xen_version": (".".join(said["xen_version"].split(".")[:2]), version),
        "patched": (said["patched"], patched),
        "time_leaf": (
            said["time_leaf"],
            {
                "mode": MODES[leaf.mode],
                "mode_number": leaf.mode,
                "emulated": leaf.emulated,
                "host_reliable": leaf.host_reliable,
                "frequency_khz": leaf.khz,
                "host_frequency_khz": int(report.fact("after.host_khz")),
                "incarnation": leaf.incarnation,
            },
        ),
        "invariant_tsc": (said["invariant_tsc"], report.fact("after.itsc") == "1"),
        "clocksource": (clocksource["current"], report.fact("after.clocksource")),
        "available": (
            sorted(clocksource["available"]),
            sorted(report.fact("after.available").split()),
        ),
    }
    if patched:
        pairs |= {
            "verdict": (verdict["verdict"], report.fact("after.sysfs.verdict")),
            "reason": (verdict["reason"], report.fact("after.sysfs.reason")),
            "by": (verdict["by"], "kernel"),
            "demoted": (str(said["demoted"]), report.fact("after.sysfs.demoted")),
        }
    else:
        pairs |= {
            "verdict": (verdict["verdict"], expected.verdict),
            "by": (verdict["by"], "policy"),
            "demoted": (said["demoted"], None),
        }
    pairs["rule"] = (verdict["rule"], expected.rule)
    return [
        f"xen-clock: {name} is {seen}, expected {wanted}"
        for name, (seen, wanted) in pairs.items()
        if seen != wanted
    ]
