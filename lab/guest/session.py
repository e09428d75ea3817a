# SPDX-License-Identifier: GPL-2.0-only
"""Hosts that are booted when a guest needs one, and guests that run on them."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Callable

from lab.config import GuestSpec, HostSpec, Settings
from lab.guest.diagnose import LOST_WAKEUP
from lab.guest.guest import Guest
from lab.guest.known_bugs import EARLY_TICK, SURVIVED, TWICE, fault_in
from lab.guest.scenario import Life, RestoreApart, Scenario, live, save_and_restore
from lab.host.errors import GuestDied, HostDied, OrderFailed, RunError, XenDied
from lab.host.host import RUN_LIMIT, Host
from lab.host.rundir import Run
from lab.images.device_model import add_device_model
from lab.images.initramfs import Images, make_images

LIVES = 5
# So many may die before we give up
HOSTS_LOST = 3


class Session:
    """Boots a host when it is first needed, and another one if that has died.

    Use as a context manager: no host outlives the block.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        tell: Callable[[str], None],
        spec: HostSpec,
        images: Images | None = None,
    ) -> None:
        self.tell = tell
        self.images = images or make_images(settings.xen, settings.kernel)
        self.settings = settings
        self._name = name
        self._spec = spec
        self._hosts: dict[str, Host] = {}
        self._stacks: dict[str, contextlib.ExitStack] = {}
        self._stack = contextlib.ExitStack()
        # Kept, so that no later run prunes their logs
        self._buried: list[Host] = []

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def host(self, kind: str = "pv") -> Host:
        """Return the host of guests of this kind."""
        self._bury()
        if kind not in self._hosts:
            run, spec = Run(self._name), self._spec.for_guests(kind)
            images = add_device_model(self.images, self.settings.xen, spec)
            kernel = self.settings.image(patched=spec.series)
            host = Host(run, images, kernel, spec)
            stack = self._stack.enter_context(contextlib.ExitStack())
            self._stacks[kind] = stack
            stack.enter_context(host)
            self.tell(f"booting Xen and dom0 under QEMU: {run.directory.name}")
            self._hosts[kind] = host
            try:
                host.wait_boot()
            except XenDied:
                early = any(EARLY_TICK in line for line in host.console.lines)
                if not early or len(self._buried) + 1 == HOSTS_LOST:
                    raise
                self.tell(
                    "Xen's scheduler ran on a CPU too early; booting it once more"
                )
                return self.host(kind)
        host = self._hosts[kind]
        host.move_to_idle_cpu()
        # Others may have used it for long
        host.limit = host.age + RUN_LIMIT
        return host

    def _bury(self) -> None:
        for kind in [kind for kind, one in self._hosts.items() if one.dead]:
            self._stacks.pop(kind).close()
            self._buried.append(self._hosts.pop(kind))

    def guest(self, spec: GuestSpec) -> Guest:
        settings = self.settings
        if spec.linux:
            settings = replace(settings, kernel=spec.linux)
        if spec.installed:
            image = Path(spec.installed) / "bzImage"
        else:
            image = settings.image(patched=spec.patched, probe=spec.probe)
        return Guest(self.host(spec.kind), spec, image, self.images.guest)

    def run(
        self,
        spec: GuestSpec,
        scenario: Scenario = save_and_restore,
        *,
        verbose: bool = False,
    ) -> Life:
        """Run a guest through a scenario; say how it went, or each of its steps.

        An error takes down the guest, and the host if that has died. The next guest
        gets another host, up to a limit.
        """
        self._bury()
        if len(self._buried) == HOSTS_LOST:
            raise HostDied(f"{spec} was not run: {HOSTS_LOST} hosts have died")
        try:
            life = self._live(spec, scenario, verbose)
        except RunError as error:
            self.tell(f"{spec}: lost: {str(error).splitlines()[0]}")
            raise
        report = life.report
        if not verbose:
            self.tell(
                f"{spec}: {life.seconds:.0f} s, "
                f"clocksource {report.fact('after.clocksource')}, "
                f"clock_gettime {report.cost('vdso'):.0f} ns, "
                f"Run /init after {report.run_init:.2f} s"
            )
        return life

    def _live(self, spec: GuestSpec, scenario: Scenario, verbose: bool) -> Life:
        """Run it once more if others are at fault, even if it survives that."""
        lives = 1
        while True:
            guest = self.guest(spec)
            try:
                life = live(guest, scenario, quiet=not verbose)
                fault = fault_in(guest.said)
                # That one moves a TSC as Xen's fault does
                meant = isinstance(scenario, RestoreApart)
                if lives == LIVES or meant or fault not in SURVIVED:
                    return replace(life, lives=lives)
            except (GuestDied, OrderFailed) as error:
                fault = fault_in(guest.said)
                if spec.kind != "pv" and LOST_WAKEUP in str(error):
                    fault = TWICE
                if lives == LIVES or not fault:
                    raise
            self.tell(f"{spec}: once more, as {fault}")
            # One that has died early has said nothing
            if guest.log.path.exists():
                guest.log.path.rename(guest.log.path.with_suffix(f".{lives}"))
            lives += 1


def explain(spec: GuestSpec, life: Life, problems: list[str], repeat: str) -> str:
    """What a failed test prints."""
    records = life.report.grep(r"\bxen: |[Tt][Ss][Cc]|clocksource|sched_clock|agent: ")
    return "\n".join(
        [
            # pytest sums up by the first line
            f"{spec}: {problems[0]}",
            *(f"  {problem}" for problem in problems[1:]),
            "What the guest's kernel said of its clocks:",
            *(f"  | {record}" for record in records),
            f"All of it: {life.guest.log.path}",
            f"Repeat with: {repeat}",
        ]
    )
