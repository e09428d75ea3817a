# SPDX-License-Identifier: GPL-2.0-only
"""Was the TSC given up where it had to be, and how did time go on?"""

from __future__ import annotations

import re

from lab.life import Life
from lab.vtsc import LATE
from lab.witness import GIVEN_UP, KEPT, Report

TICK_SECONDS = 2.0
# So late can dom0 hear of a tick, when it is busy or has just swept up after another
# domain
HEARD_SECONDS = 1.2
# Generous: what printk counts of a move, which takes seconds
MOVE_USEC = 1_000_000
# What the core says when a scheduler clock is not stable any more
CORE_BLAMES = "TSC found unstable after boot"
# After a pause: be generous with TCG
NOTICED_SECONDS = 10.0
# A jump back takes what has passed since the last tick, which TCG can hold up
LAST_TICK_NS = 250_000_000
# Less than any jump; idle time counts stolen time again, which takes it ahead by itself
CHARGED_NS = 5_000_000_000


def out_of_use(report: Report) -> bool:
    """Whether the TSC was so before the guest slept, and a restore leaves it alone.

    By the verdict, or by the core, where nobody vouches for it: its watchdog sees it
    differ from the pvclock on a busy machine (row 3), and Linux 6.1 takes those of
    AMD's CPUs for unsynchronized.
    """
    core = "Marking TSC unstable due to (clocksource watchdog|TSCs unsynchronized)"
    return report.verdicts[0]["verdict"] == "unstable" or bool(report.grep(core))


def judge_given_up(report: Report, reason: str) -> list[str]:
    """Once, for this reason (a regular expression), before the core speaks."""
    wrong = []
    records = report.grep(GIVEN_UP.pattern)
    if len(records) != 1:
        return [f"the TSC was given up {len(records)} times, expected once"]
    if not re.search(reason, records[0].text):
        wrong.append(f"the reason is not '{reason}': {records[0]}")
    if records[0].level > 4:
        wrong.append(f"this is no warning: {records[0]}")
    for key, value in (("clocksource", "xen"), ("stable", "0")):
        if report.fact(f"after.{key}") != value:
            wrong.append(f"{key} is {report.fact(f'after.{key}')}, expected {value}")
    if "tsc" in report.fact("after.available").split():
        wrong.append("the TSC is still offered as clocksource")
    if report.sched_clock != "pvclock":
        wrong.append(f"the scheduler clock is {report.sched_clock}, expected pvclock")
    for record in report.grep(CORE_BLAMES):
        if record.sequence < records[0].sequence:
            wrong.append(f"the core speaks first: {record}")
    return wrong


def judge_kept(report: Report, times: int) -> list[str]:
    """Never given up; looked at again so many times."""
    wrong = [f"given up: {record}" for record in report.grep(GIVEN_UP.pattern)]
    kept = report.grep(KEPT.pattern)
    if len(kept) != times:
        wrong.append(f"the TSC was kept {len(kept)} times, expected {times}")
    for key, value in (("clocksource", "tsc"), ("stable", "1")):
        if report.fact(f"after.{key}") != value:
            wrong.append(f"{key} is {report.fact(f'after.{key}')}, expected {value}")
    return wrong


def judge_ticks(life: Life) -> list[str]:
    """Time goes on at once, and as fast as dom0's.

    The guest sends one each two seconds, however late the one before was.
    """
    took = sum(life.ticks)
    expected = TICK_SECONDS * len(life.ticks)
    if abs(took - expected) > HEARD_SECONDS:
        times = ", ".join(f"{tick:.2f}" for tick in life.ticks)
        return [
            f"{len(life.ticks)} ticks of {TICK_SECONDS:.0f} s took {took:.2f} s by "
            f"dom0's clock: {times}"
        ]
    return []


def judge_move(report: Report) -> list[str]:
    """printk goes on where it was, whatever the two hosts think of the time."""
    pair = report.over_suspend
    if pair is None:
        return ["the kernel's log does not show the suspend"]
    leap = pair[1].usec - pair[0].usec
    if not 0 <= leap < MOVE_USEC:
        return [f"printk time leaps by {leap} us in a move:\n{pair[0]}\n{pair[1]}"]
    return []


def judge_standstill(life: Life) -> list[str]:
    """The guest sleeps for two seconds; it takes a busy machine some more to say so.

    Without the series it would stand for as long as the TSC went back.
    """
    unpaused = life.guest.unpaused
    first = min(tick.at for tick in life.guest.ticks if tick.at > unpaused)
    if first - unpaused > NOTICED_SECONDS:
        return [f"stood still for {first - unpaused:.2f} s"]
    return []


def judge_jump(report: Report, ns: int) -> list[str]:
    """What the clocks did at the jump itself.

    Readers in the vDSO see the TSC before the kernel can do anything about it.
    So if it goes back they see, at worst, the time of the last tick again.
    """
    wrong = []
    limit = LAST_TICK_NS if ns < 0 else 0
    for clock, readers in report.earlier.items():
        for vcpu, steps in readers.items():
            back = max(steps.back, steps.back_cross)
            if back > limit:
                wrong.append(
                    f"CLOCK_{clock.upper()} steps back {back} ns on vCPU {vcpu}"
                )
    return wrong


def judge_charged(report: Report, ns: int) -> list[str]:
    """Nobody is charged with a jump, not even the interrupt that notices it.

    Unless it falls into an interrupt, which takes it for its own time.  A leap forward
    was stolen.
    """
    wrong = []
    for vcpu, seen in report.accounts("stolen").items():
        if seen.counted < ns - LATE:
            wrong.append(
                f"/proc/stat has {seen.counted} ns stolen from vCPU {vcpu}, which is "
                "less than the leap"
            )
    for vcpu, seen in report.accounts("total").items():
        if seen.ahead > CHARGED_NS or seen.back:
            wrong.append(
                f"/proc/stat charges vCPU {vcpu} with the jump: it runs {seen.ahead} ns "
                f"ahead of the time that has passed, and steps back {seen.back} ns"
            )
    return wrong
