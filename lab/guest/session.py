# SPDX-License-Identifier: GPL-2.0-only
"""The guests that the tests look at, each of which lives once."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Callable

from lab.host.errors import GuestDied, MachineDied, OrderFailed, RunError
from lab.guest.known_bugs import TWICE, UNSENT, fault_in
from lab.guest.diagnose import LOST_WAKEUP
from lab.config import Host, Settings
from lab.images.initramfs import make_images
from lab.guest.scenario import Event, Life, live, save_and_restore
from lab.host.host import RUN_LIMIT, Machine
from lab.host.rundir import Run
from lab.guest.guest import Guest

LIVES = 5
# That may die before we give up
MACHINES = 3


@dataclass(frozen=True)
class Case:
    name: str
    tsc_mode: str = ""
    cmdline: str = ""
    patched: bool = True
    # The kernel has the lab's probes in it
    probe: bool = False
    kind: str = "pv"
    # Guests see the invariant TSC, where the host has it
    itsc: bool = False
    # It has a vCPU for itself for so many ms, before all else
    spin: int = 0
    # In MiB
    memory: int = 64
    # It has a connection to dom0
    network: bool = False
    # Another Linux than that of the settings
    linux: str = ""

    def __str__(self) -> str:
        return self.name

    def repeat(self, settings: Settings) -> str:
        """The command that shows this case again."""
        words = ["./xen-lab boot", f"--kernel {self.linux or settings.kernel}"]
        words.append(f"--xen {settings.xen.version}")
        if self.kind != "pv":
            words.append(f"--guest {self.kind}")
        if self.tsc_mode:
            words.append(f"--tsc-mode {self.tsc_mode}")
        if self.cmdline:
            words.append(f'--cmdline "{self.cmdline}"')
        return " ".join(words)


DEFAULT = Case("default")
NATIVE = Case("native", "native")
EMULATED = Case("always-emulate", "always_emulate")
NATIVE_ON = Case("native-on", "native", "xen_tsc_reliable=on")
# As vendors advise
NAMED = Case("native-named", "native", "clocksource=tsc tsc=reliable")
DEFAULT_OFF = Case("default-off", "", "xen_tsc_reliable=off")
# The connection could only make worse what is measured of the others
NONSENSE = Case("nonsense", "", "xen_tsc_reliable=maybe", network=True)
PVH = Case("pvh", kind="pvh")
OLD_DEFAULT = Case("old-default", patched=False)
OLD_NATIVE = Case("old-native", "native", patched=False)

# Have a kernel with the lab's probes use one of them
COST, ORDER = (
    f"kunit.enable=1 kunit.filter_glob=xen_probe.xen_probe_{name}"
    for name in ("cost", "order")
)

PATCHED = (DEFAULT, NATIVE, EMULATED, NATIVE_ON, NAMED, DEFAULT_OFF, NONSENSE, PVH)


class Results:
    """Runs each case when it is first asked for, one after the other.

    Use as a context manager: no machine outlives the block.  One that dies takes
    the case down that it was at, and another one is there for those that follow.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        tell: Callable[[str], None],
        host: Host,
    ) -> None:
        self.tell = tell
        self.images = make_images(settings.xen, settings.kernel)
        self.settings = settings
        self._name = name
        self._host = host
        self._lives: dict[Case, Life | RunError] = {}
        self._machines: dict[str, Machine] = {}
        self._stacks: dict[str, contextlib.ExitStack] = {}
        self._stack = contextlib.ExitStack()
        # Kept, so that no later run prunes their logs
        self._buried: list[Machine] = []

    def __enter__(self) -> Results:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def machine(self, kind: str = "pv") -> Machine:
        """Where guests of this kind live, booted when it is first asked for."""
        self._bury()
        if kind not in self._machines:
            run, host = Run(self._name), self._host.for_guests(kind)
            machine = Machine(run, self.images, self.settings.unpatched, host)
            stack = self._stack.enter_context(contextlib.ExitStack())
            self._stacks[kind] = stack
            stack.enter_context(machine)
            self.tell(f"booting Xen and dom0 under QEMU: {run.directory.name}")
            self._machines[kind] = machine
            machine.wait_boot()
        machine = self._machines[kind]
        # Others may have used it for long
        machine.limit = machine.age + RUN_LIMIT
        return machine

    def _bury(self) -> None:
        for kind in [kind for kind, one in self._machines.items() if one.dead]:
            self._stacks.pop(kind).close()
            self._buried.append(self._machines.pop(kind))

    def of(self, case: Case, event: Event = save_and_restore) -> Life:
        if case not in self._lives:
            self._bury()
            if len(self._buried) == MACHINES:
                raise MachineDied(f"{case} was not run: {MACHINES} machines have died")
            self._lives[case] = self._run(case, event)
        life = self._lives[case]
        if isinstance(life, RunError):
            raise life
        return life

    def guest(self, case: Case) -> Guest:
        settings = self.settings
        if case.linux:
            settings = replace(settings, kernel=case.linux)
        return Guest(
            self.machine(case.kind),
            case.name,
            settings.image(patched=case.patched, probe=case.probe),
            self.images.guest,
            tsc_mode=case.tsc_mode,
            cmdline=case.cmdline,
            kind=case.kind,
            itsc=case.itsc,
            network=case.network,
            memory=case.memory,
        )

    def _live(self, case: Case, event: Event) -> Life:
        """A guest lives once more if others are at fault, even if it survives that."""
        lives = 1
        while True:
            guest = self.guest(case)
            try:
                life = live(guest, event, spin=case.spin, quiet=True)
                fault = fault_in(guest.said)
                if lives == LIVES or fault != UNSENT:
                    return replace(life, lives=lives)
            except (GuestDied, OrderFailed) as error:
                fault = fault_in(guest.said)
                if case.kind == "pvh" and LOST_WAKEUP in str(error):
                    fault = TWICE
                if lives == LIVES or not fault:
                    raise
            self.tell(f"{case}: once more, as {fault}")
            # One that has died early has said nothing
            if guest.log.path.exists():
                guest.log.path.rename(guest.log.path.with_suffix(f".{lives}"))
            lives += 1

    def _run(self, case: Case, event: Event) -> Life | RunError:
        try:
            life = self._live(case, event)
        except RunError as error:
            self.tell(f"{case}: lost: {str(error).splitlines()[0]}")
            return error
        report = life.report
        self.tell(
            f"{case}: {life.seconds:.0f} s, "
            f"clocksource {report.fact('after.clocksource')}, "
            f"clock_gettime {report.cost('vdso'):.0f} ns, "
            f"Run /init after {report.run_init:.2f} s"
        )
        return life


def explain(case: Case, life: Life, problems: list[str], repeat: str) -> str:
    """What a failed test prints."""
    records = life.report.grep(r"\bxen: |[Tt][Ss][Cc]|clocksource|sched_clock|witness")
    return "\n".join(
        [
            # pytest sums up by the first line
            f"{case}: {problems[0]}",
            *(f"  {problem}" for problem in problems[1:]),
            "What the guest's kernel said of its clocks:",
            *(f"  | {record}" for record in records),
            f"All of it: {life.guest.log.path}",
            f"Repeat with: {repeat}",
        ]
    )
