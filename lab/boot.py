# SPDX-License-Identifier: GPL-2.0-only
"""`make boot`: Xen, a patched guest and an unpatched one, and a report.

With --check it only looks at the settings, as the kernels take long to build.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from lab import judge
from lab.common import BUILD, KERNEL, TOP, LabError, run_main, say
from lab.expect import Expectation
from lab.hosts import Host, Xen, check_accel, check_cmdline, check_guest
from lab.hosts import check_tsc_mode, choose_host, choose_xen
from lab.images import make_images
from lab.life import Life, live
from lab.qemu import Machine
from lab.report import render
from lab.runs import Run
from lab.xen import Guest


@dataclass(frozen=True)
class Settings:
    """What the Makefile's variables ask for, checked before anything starts."""

    xen: Xen
    host: Host
    kernel: str
    guest: str
    tsc_mode: str
    cmdline: str
    # The name of an error that the kernel with the series has
    mutant: str = ""
    # What it checks of itself: "debug", or "kasan"
    checks: str = ""

    @property
    def patched(self) -> Path:
        return self.image()

    @property
    def unpatched(self) -> Path:
        return self.image(patched=False)

    def image(self, *, patched: bool = True, probe: bool = False) -> Path:
        """One of the kernels that scripts/kernel builds."""
        words = [*([] if patched else ["none"]), *(["probe"] * probe)]
        words = [self.checks] * (self.checks != "" and patched) + words
        mutant = self.mutant if patched else ""
        names = [self.kernel, *words, *([mutant] if mutant else [])]
        image = BUILD / "-".join(names) / "bzImage"
        if not image.exists():
            words += [f"mutant={mutant}"] if mutant else []
            raise LabError(
                f"there is no kernel {image.parent.relative_to(TOP)}/bzImage\n"
                f"    Build it with: scripts/kernel {' '.join([self.kernel, *words])}"
            )
        return image


def settings_from(environment: dict[str, str]) -> Settings:
    check_accel(environment.get("ACCEL") or "tcg")
    guest = environment.get("GUEST") or "pv"
    check_guest(guest)
    tsc_mode = environment.get("TSC_MODE", "")
    check_tsc_mode(tsc_mode)
    cmdline = environment.get("CMDLINE", "")
    check_cmdline(cmdline)
    return Settings(
        xen=choose_xen(environment.get("XEN") or "4.17"),
        host=choose_host(environment.get("HOST_TSC") or "untrusted"),
        kernel=environment.get("KERNEL") or KERNEL,
        guest=guest,
        tsc_mode=tsc_mode,
        cmdline=cmdline,
        mutant=environment.get("MUTANT", ""),
    )


def judge_all(life: Life, settings: Settings) -> tuple[Expectation, list[str]]:
    """What the policy says, and everything that is not so."""
    report = life.report
    expected = judge.expected_of(
        report, settings.tsc_mode, settings.cmdline, settings.host
    )
    return expected, [
        *judge.judge_kind(report, settings.guest),
        *judge.judge_policy(report, expected),
        *judge.judge_printk(report),
        *judge.judge_clocks(report, suspended=True),
        *judge.judge_suspend(report),
        *judge.judge_leaf(report, settings.host, settings.tsc_mode, life.outside),
        *judge.judge_trouble(report),
    ]


def main() -> int:
    start = time.monotonic()
    settings = settings_from(dict(os.environ))
    if sys.argv[1:] == ["--check"]:
        return 0
    images = make_images(settings.xen, settings.kernel)
    run = Run("boot")
    lives: dict[str, Life] = {}
    host = settings.host.for_guests(settings.guest)
    with Machine(run, images, settings.unpatched, host) as machine:
        say(f"lab: booting Xen {settings.xen.version} and dom0 under QEMU")
        machine.wait_boot()
        say(f"lab: dom0 is up ({time.monotonic() - start:.1f} s)")
        for name in ("patched", "unpatched"):
            guest = Guest(
                machine,
                name,
                getattr(settings, name),
                images.guest,
                kind=settings.guest,
                tsc_mode=settings.tsc_mode,
                cmdline=settings.cmdline,
            )
            lives[name] = live(guest)
    expected, problems = judge_all(lives["patched"], settings)
    text = render(lives["patched"], lives["unpatched"], expected, problems)
    run.path("report.txt").write_text(text + "\n")
    say(text)
    say(f"{time.monotonic() - start:.0f} s in all; everything is in {run.directory}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(run_main(main))
