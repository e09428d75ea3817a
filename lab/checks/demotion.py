# SPDX-License-Identifier: GPL-2.0-only
"""Was the TSC demoted where it had to be, and how did time continue?"""

from __future__ import annotations

import re

from lab.guest.scenario import HEARD_SECONDS, Life
from lab.guest.report import STILL, Report

# A sleeper shares its vCPU with a reader that never rests, and the machine with
# all that TCG does.  A timer that was set by another clock is late by minutes.
LATE_NS = 5_000_000_000
TICK_SECONDS = 2.0
# A busy machine takes a second from the last record before a suspend to the first after
# it. A clock that counts a save and a restore jumps by 6 s and more, one that takes the
# other host's by the difference of their ages. A live migration is too short to tell.
MOVE_USEC = 3_000_000
# What the core says after the kernel has demoted the TSC
CORE_MARKS = "tsc: Marking TSC unstable due to Xen guest demotion"
# What the core says when sched_clock is not stable any more
CORE_BLAMES = "TSC found unstable after boot"
# After a pause: be generous with TCG
NOTICED_SECONDS = 10.0
# A jump back takes what has passed since the last tick, which TCG can delay
LAST_TICK_NS = 250_000_000


def out_of_use(report: Report) -> bool:
    """Whether the TSC was marked unstable before the guest was suspended.

    By the verdict, or by the core where Xen guarantees nothing: its watchdog sees an
    unverified TSC differ from the pvclock on a busy machine, and Linux 6.1 takes those
    of AMD's CPUs for unsynchronized.  After a resume the kernel says nothing of them.
    """
    core = "Marking TSC unstable due to (clocksource watchdog|TSCs unsynchronized)"
    marked = report.grep(core)
    pair = report.over_suspend
    if marked and pair and marked[0].sequence > pair[1].sequence:
        marked = []
    return report.verdicts[0]["verdict"] == "unstable" or bool(marked)


def check_after_demotion(report: Report) -> list[str]:
    """Timekeeping runs on the xen clocksource, and sched_clock is not stable."""
    wrong = []
    for key, value in (("clocksource", "xen"), ("stable", "0")):
        if report.fact(f"after.{key}") != value:
            wrong.append(f"{key} is {report.fact(f'after.{key}')}, expected {value}")
    if "tsc" in report.fact("after.available").split():
        wrong.append("the TSC is still offered as clocksource")
    return wrong


def check_demoted(report: Report, reason: str) -> list[str]:
    """Once, for this reason (a regular expression), before the core says anything."""
    demotions = report.demotions
    if len(demotions) != 1:
        return [f"the TSC was demoted {len(demotions)} times, expected once"]
    wrong = check_after_demotion(report)
    record, facts = demotions[0]
    if not re.search(reason, facts["reason"]):
        wrong.append(f"the reason is not '{reason}': {record}")
    if record.level > 4:
        wrong.append(f"this is no warning: {record}")
    if not report.grep(CORE_MARKS):
        wrong.append(f"the core never said '{CORE_MARKS}'")
    for other in report.grep(f"{CORE_MARKS}|{CORE_BLAMES}"):
        if other.sequence < record.sequence:
            wrong.append(f"the core speaks first: {other}")
    return wrong


def check_still_reliable(report: Report, times: int) -> list[str]:
    """The TSC was never demoted, and was evaluated again so many times."""
    wrong = [f"demoted: {line.record}" for line in report.demotions]
    still = report.tsc_lines(STILL)
    if len(still) != times:
        wrong.append(
            f"the TSC was evaluated again {len(still)} times, expected {times}"
        )
    wrong += [
        f"it is not reliable any more: {record}"
        for record, facts in still
        if facts["verdict"] != "reliable"
    ]
    for key, value in (("clocksource", "tsc"), ("stable", "1")):
        if report.fact(f"after.{key}") != value:
            wrong.append(f"{key} is {report.fact(f'after.{key}')}, expected {value}")
    return wrong


def check_ticks(life: Life) -> list[str]:
    """Time continues at once, and as fast as dom0's.

    The guest sends a tick each two seconds, and its clock with it: on a busy machine it
    is late, but not by more than any timer can be.
    """
    took, own = sum(life.ticks), sum(life.own_ticks)
    late = abs(own - TICK_SECONDS * len(life.ticks))
    if abs(life.drift) > HEARD_SECONDS or late > LATE_NS / 1e9:
        times = ", ".join(f"{tick:.2f}" for tick in life.ticks)
        return [
            f"{len(life.ticks)} ticks took {took:.2f} s by dom0's clock and {own:.2f} s "
            f"by the guest's, which is {life.drift:.2f} s slow: {times}"
        ]
    return []


def check_move(report: Report) -> list[str]:
    """printk continues where it was, whatever the clocks of the two hosts say."""
    pair = report.over_suspend
    if pair is None:
        return ["the kernel's log does not show the suspend"]
    jump = pair[1].usec - pair[0].usec
    if not 0 <= jump < MOVE_USEC:
        return [f"printk time jumps by {jump} us in a move:\n{pair[0]}\n{pair[1]}"]
    return []


def check_standstill(life: Life) -> list[str]:
    """The guest sleeps for two seconds; a busy machine takes some more to say so.

    Without the series it would stand still for as long as the TSC went backwards.
    """
    unpaused = life.guest.unpaused
    first = min(tick.at for tick in life.guest.ticks if tick.at > unpaused)
    if first - unpaused > NOTICED_SECONDS:
        return [f"stood still for {first - unpaused:.2f} s"]
    return []


def check_jump(report: Report, ns: int) -> list[str]:
    """What the clocks did at the jump itself.

    Readers in the vDSO see the TSC before the kernel can do anything about it.
    So if it goes backwards they see, at worst, the time of the last tick again.
    """
    wrong = []
    limit = LAST_TICK_NS if ns < 0 else 0
    for clock, readers in report.earlier.items():
        for vcpu, steps in readers.items():
            back = max(steps.back, steps.back_cross)
            if back > limit:
                wrong.append(
                    f"CLOCK_{clock.upper()} goes back {back} ns on vCPU {vcpu}"
                )
    return wrong
