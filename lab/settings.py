# SPDX-License-Identifier: GPL-2.0-only
"""What the Makefile's variables ask for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.base.common import BUILD, KERNEL, TOP, LabError
from lab.config import Host, Xen, check_accel, check_cmdline, check_guest
from lab.config import check_tsc_mode, choose_host, choose_xen


@dataclass(frozen=True)
class Settings:
    """Checked before anything starts."""

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
