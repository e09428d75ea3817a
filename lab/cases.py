# SPDX-License-Identifier: GPL-2.0-only
"""The guests that the tests look at, each of which lives once."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import Callable, Iterator

from lab.boot import Settings
from lab.hosts import Host
from lab.images import Images, make_images
from lab.life import Event, Life, live, save_and_restore
from lab.qemu import Machine, MachineDied, RunError
from lab.runs import Run
from lab.xen import Guest, GuestDied

# QEMU's SVM: once in a while a vCPU of a PVH guest is entered with what Xen had
# in its registers, more often after a live migration.  No guest can have that
# code segment; Xen prints it when the guest has died of it.
EMULATOR_FAULT = re.compile(
    r"Triple fault - .*?RIP: +e008:.*?CONTEXT: hvm guest", re.DOTALL
)
LIVES = 5


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

    def __str__(self) -> str:
        return self.name

    def repeat(self, kernel: str) -> str:
        """The command that shows this case again."""
        words = ["make boot", f"KERNEL={kernel}"]
        if self.kind != "pv":
            words.append(f"GUEST={self.kind}")
        if self.tsc_mode:
            words.append(f"TSC_MODE={self.tsc_mode}")
        if self.cmdline:
            words.append(f'CMDLINE="{self.cmdline}"')
        return " ".join(words)


DEFAULT = Case("default")
NATIVE = Case("native", "native")
EMULATED = Case("always-emulate", "always_emulate")
NATIVE_ON = Case("native-on", "native", "xen_tsc_reliable=on")
DEFAULT_OFF = Case("default-off", "", "xen_tsc_reliable=off")
NONSENSE = Case("nonsense", "", "xen_tsc_reliable=maybe")
PVH = Case("pvh", kind="pvh")
OLD_DEFAULT = Case("old-default", patched=False)
OLD_NATIVE = Case("old-native", "native", patched=False)

# Has a kernel with the lab's probes use them
PROBE = "kunit.enable=1 kunit.filter_glob=xen_probe"

PATCHED = (DEFAULT, NATIVE, EMULATED, NATIVE_ON, DEFAULT_OFF, NONSENSE, PVH)


class Results:
    """Runs each case when it is first asked for, one after the other."""

    def __init__(
        self,
        machine: Machine,
        images: Images,
        settings: Settings,
        tell: Callable[[str], None],
    ) -> None:
        self.tell = tell
        self.machine = machine
        self.images = images
        self.settings = settings
        self._lives: dict[Case, Life | RunError] = {}
        self._dead = False

    def of(self, case: Case, event: Event = save_and_restore) -> Life:
        if case not in self._lives:
            if self._dead:
                raise MachineDied(f"{case} was not run: the machine died before")
            self._lives[case] = self._run(case, event)
        life = self._lives[case]
        if isinstance(life, RunError):
            raise life
        return life

    def guest(self, case: Case) -> Guest:
        settings = self.settings
        return Guest(
            self.machine,
            case.name,
            settings.image(patched=case.patched, probe=case.probe),
            self.images.guest,
            tsc_mode=case.tsc_mode,
            cmdline=case.cmdline,
            kind=case.kind,
            itsc=case.itsc,
            memory=case.memory,
        )

    def _live(self, case: Case, event: Event) -> Life:
        """A guest whose registers QEMU has mixed up lives once more."""
        for lives in range(1, LIVES + 1):
            guest, start = self.guest(case), len(self.machine.console.lines)
            try:
                return live(guest, event, spin=case.spin, quiet=True)
            except GuestDied:
                said = "\n".join(self.machine.console.lines[start:])
                if lives == LIVES or not EMULATOR_FAULT.search(said):
                    raise
                self.tell(f"{case}: once more, as QEMU ran it with Xen's registers")
                guest.log.path.rename(guest.log.path.with_suffix(f".{lives}"))
        raise AssertionError("not reached")

    def _run(self, case: Case, event: Event) -> Life | RunError:
        try:
            life = self._live(case, event)
        except RunError as error:
            self._dead = isinstance(error, MachineDied)
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


@contextlib.contextmanager
def booted(
    name: str, settings: Settings, tell: Callable[[str], None], host: Host
) -> Iterator[Results]:
    """Xen on a host, for as long as some tests need it."""
    images = make_images(settings.xen)
    with Machine(Run(name), images, settings.unpatched, host) as machine:
        tell(f"booting Xen and dom0 under QEMU: {name}")
        machine.wait_boot()
        yield Results(machine, images, settings, tell)


def explain(case: Case, life: Life, problems: list[str], repeat: str) -> str:
    """What a failed test prints."""
    records = life.report.grep(r"\bxen: |[Tt][Ss][Cc]|clocksource|sched_clock|witness")
    return "\n".join(
        [
            f"{case}: not as it should be:",
            *(f"  {problem}" for problem in problems),
            "What the guest's kernel said of its clocks:",
            *(f"  | {record}" for record in records),
            f"All of it: {life.guest.log.path}",
            f"Repeat with: {repeat}",
        ]
    )
