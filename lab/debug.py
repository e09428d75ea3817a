# SPDX-License-Identifier: GPL-2.0-only
"""`make debug`: a kernel that checks its own locks and memory, through all of it.

What it finds is in its log.  It is slow, so nothing here is measured.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from lab import judge, judge_life
from lab.boot import settings_from
from lab.cases import Case, Results, explain
from lab.common import LabError, run_main, say
from lab.hosts import HOSTS
from lab.life import Event, Jump, Life, Traced, checkpoint, hibernate, save_and_restore

# Old enough for a TSC that jumps
HOST = HOSTS["untrusted"].older(1000)
# Lockdep, KASAN and what they keep
MIB = 256
ON = "xen_tsc_reliable=on"
LIVES: dict[Case, Event] = {
    Case("debug-restore", memory=MIB): Traced("-", save_and_restore),
    Case("debug-native", "native", memory=MIB): save_and_restore,
    Case("debug-on", "native", ON, memory=MIB): save_and_restore,
    Case("debug-checkpoint", memory=MIB): checkpoint,
    Case("debug-jump", memory=MIB): Jump(-15_000_000_000),
    Case("debug-forward", memory=MIB): Jump(90_000_000_000),
    Case("debug-pvh", kind="pvh", memory=MIB): save_and_restore,
    Case(
        "debug-hibernate", "", "ramdisk_size=98304", kind="pvh", memory=MIB
    ): hibernate,
}
# Of those that are to see to it that there is something to find
CHECKERS = {
    "lockdep": r"Lock dependency validator",
    "KASAN": r"KernelAddressSanitizer initialized",
}


def judge_debug(life: Life, event: Event) -> list[str]:
    report = life.report
    wrong = [
        f"the kernel has no {name}: is it one to debug?"
        for name, line in CHECKERS.items()
        if not report.grep(line)
    ]
    wrong += judge.judge_trouble(report)
    if isinstance(event, Jump):
        wrong += judge_life.judge_given_up(report, "jumped by")
    return wrong


def main() -> int:
    settings = replace(settings_from(dict(os.environ)), debug=True)
    failed = 0

    def tell(text: str) -> None:
        say(f"debug: {text}")

    with Results("debug", settings, tell, HOST) as results:
        for case, event in LIVES.items():
            try:
                life = results.of(case, event)
            except LabError as error:
                say(f"debug: {case}: {error}")
                failed += 1
                continue
            problems = judge_debug(life, event)
            if problems:
                say(explain(case, life, problems, "make debug"))
                failed += 1
    say(f"debug: {len(LIVES) - failed} of {len(LIVES)} guests had nothing to report")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run_main(main))
