# SPDX-License-Identifier: GPL-2.0-only
"""The matrix, as data: host x mode x lifecycle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable


from lab.config import GuestSpec, HOSTS, HostSpec, XENS, Xen
from lab.checks.all import Findings, Slept
from lab.checks.suspend import check_hibernation
from lab.checks.demotion import check_jump, check_standstill
from lab.checks.suspend import check_cycles
from lab.guest.scenario import Scenario, Jump, Life, Move, Skew, checkpoint, hibernate
from lab.guest.lifecycle import Crowd, Reboot, pause, replug, save
from lab.images.kernel import refuses_image
from lab.host.host import YOUNGER, Host
from lab.guest.suspend import (
    STRICT,
    Cycles,
    ThereAndBack,
    failed_migration,
    failed_save,
    migrate,
)
from lab.guest.guest import Guest

# The hosts of the lab, one whose Xen has been up for some time already, and one that
# is booted later than where a guest comes from
PLACES = {**HOSTS, "older": HOSTS["untrusted"].older()}
PLACES["younger"] = HOSTS["untrusted"]
# Where dom0's kernel has the series, too
PLACES["dom0"] = replace(HOSTS["untrusted"], series=True)
PLACES["pvh-dom0"] = replace(PLACES["dom0"], pvh_dom0=True)
# Two that are joined by a cable
PLACES["joined"] = PLACES["beside"] = replace(HOSTS["untrusted"], wired=True)
ADVICE = "clocksource=tsc tsc=reliable"
NEIGHBOURS = 3
CYCLES = 100
JUMP_NS = -15_000_000_000
SKEW_USEC = -20_000
SET_BACK_USEC = -2_000_000


@dataclass(frozen=True)
class Mode:
    kind: str = "pv"
    tsc_mode: str = ""
    itsc: bool = False
    # What users of a kernel without the series are told to boot it with
    advice: str = ""


MODES = {
    "pv": Mode(),
    "pv-native": Mode(tsc_mode="native"),
    "pv-emulated": Mode(tsc_mode="always_emulate"),
    "pv-advised": Mode(advice=ADVICE),
    "pv-itsc-advised": Mode(tsc_mode="native", itsc=True, advice=ADVICE),
    "pvh": Mode(kind="pvh"),
    "pvh-advised": Mode(kind="pvh", advice=ADVICE),
    "hvm": Mode(kind="hvm"),
    "hvm-native": Mode(kind="hvm", tsc_mode="native"),
    "hvm-advised": Mode(kind="hvm", advice=ADVICE),
    "hvm-itsc-advised": Mode(kind="hvm", tsc_mode="native", itsc=True, advice=ADVICE),
    "pvshim": Mode(kind="pvshim"),
    "pvshim-native": Mode(kind="pvshim", tsc_mode="native"),
}


@dataclass(frozen=True)
class Stage:
    """What a lifecycle can ask for besides the guest itself."""

    # The machine that it goes to
    target: Callable[[], Host]
    # Another guest of the same kind, by the ending of its name
    neighbour: Callable[[str], Guest]
    # Says how far a long one is
    tell: Callable[[str], None]


@dataclass(frozen=True)
class Lifecycle:
    """What happens to a guest, and how often it is suspended and wakes for that."""

    scenario: Callable[[Stage], Scenario]
    slept: Slept
    words: str = STRICT
    memory: int = 64
    vcpus: int = 2
    # It keeps a connection to dom0
    network: bool = False
    # The place that it goes to, which is younger by so many seconds at least
    target: str = ""
    younger: float = 0.0
    # Its clock is drawn
    drawn: bool = False
    # Why a kernel cannot do it, or a Xen, if so
    refused: Callable[[str, Xen], str] = lambda kernel, xen: ""
    # What else holds with the series and without
    also: Callable[[Life, Scenario], Findings] = lambda life, event: {}


def always(scenario: Scenario) -> Callable[[Stage], Scenario]:
    return lambda stage: scenario


def crowd(stage: Stage) -> Scenario:
    return Crowd([stage.neighbour(str(number)) for number in range(NEIGHBOURS)])


def never_cancelled(_: str, xen: Xen) -> str:
    """Of Debian's 4.14 the suspend hypercall returns 0 whatever xl resumes it for."""
    if xen.cancels:
        return ""
    return (
        f"with Xen {xen.version} a guest that goes on where it was takes itself for one "
        "that was moved, and panics: register_vcpu_info failed"
    )


def cycle_findings(life: Life, scenario: Scenario) -> Findings:
    assert isinstance(scenario, Cycles)
    return {"cycles": check_cycles(scenario, life)}


def jump_findings(life: Life, _: Scenario) -> Findings:
    return {
        "jump": check_jump(life.report, JUMP_NS),
        "standstill": check_standstill(life),
    }


ONCE = Slept(suspends=1, wakes=1)
STAYED = Slept(suspends=1)
LIFECYCLES = {
    "save": Lifecycle(always(save), ONCE, network=True),
    "checkpoint": Lifecycle(
        always(checkpoint), STAYED, network=True, refused=never_cancelled
    ),
    "pause": Lifecycle(always(pause), Slept(), words=""),
    "replug": Lifecycle(always(replug), ONCE),
    "reboot": Lifecycle(always(Reboot()), ONCE),
    "crowd": Lifecycle(crowd, ONCE, words=""),
    "cycles": Lifecycle(
        lambda stage: Cycles(CYCLES, stage.tell),
        Slept(CYCLES, CYCLES),
        also=cycle_findings,
    ),
    "migrate": Lifecycle(always(migrate), ONCE, network=True, drawn=True),
    "failed-save": Lifecycle(always(failed_save), STAYED, refused=never_cancelled),
    "failed-migration": Lifecycle(
        always(failed_migration), STAYED, network=True, refused=never_cancelled
    ),
    "move-1ghz": Lifecycle(
        lambda stage: Move(stage.target()),
        replace(ONCE, elsewhere=True),
        words="",
        target="1ghz",
        drawn=True,
    ),
    "move-older": Lifecycle(
        lambda stage: Move(stage.target()), ONCE, target="older", drawn=True
    ),
    "move-younger": Lifecycle(
        lambda stage: Move(stage.target()),
        ONCE,
        target="younger",
        younger=YOUNGER,
        drawn=True,
    ),
    "between-hosts": Lifecycle(
        lambda stage: ThereAndBack(stage.target()),
        Slept(suspends=2, wakes=2),
        network=True,
        target="beside",
    ),
    "jump": Lifecycle(always(Jump(JUMP_NS)), Slept(), words="", also=jump_findings),
    "skew": Lifecycle(always(Skew(SKEW_USEC)), Slept(), words=""),
    # As with one vCPU all of the guest's TSC jumps
    "set-back": Lifecycle(
        always(Skew(SET_BACK_USEC, vcpu=0)), Slept(), words="", vcpus=1
    ),
    "hibernate": Lifecycle(
        always(hibernate),
        # Xen does not take part in it
        Slept(images=1),
        words="ramdisk_size=98304",
        memory=256,
        refused=lambda kernel, xen: refuses_image(kernel),
        also=lambda life, _: {"hibernation": check_hibernation(life)},
    ),
}


# What guests of a kind cannot do, and why
REFUSED = {
    ("hvm", "replug"): "a vCPU of an HVM guest is plugged in by ACPI, which the lab's "
    "kernel is built without",
}


@dataclass(frozen=True)
class Row:
    """These lifecycles on this host in each of these modes."""

    place: str
    modes: str
    lifecycles: str
    # Why the TSC has to be demoted there, where it was good: a regular expression
    demoted: str = ""
    # The versions of Xen that can do it
    xens: Callable[[Xen], bool] = lambda xen: True


SKEWED = r"moved apart by -?(19|20) ms"
SET_BACK = r"moved apart by -(199\d|200\d) ms"
OTHER_FREQUENCY = "its frequency is not what it was at boot"


def boots_hvm(xen: Xen) -> bool:
    """Only this one's have been tried for more than a boot, a save and a restore."""
    return xen.version == "4.17"


ROWS = (
    Row("untrusted", "pv pv-native pv-emulated pvh", "save"),
    Row("untrusted", "pv pvh", "checkpoint replug"),
    Row("untrusted", "pv", "pause reboot crowd failed-save"),
    Row("untrusted", "pv-native", "checkpoint failed-save"),
    # They take ten minutes each
    Row("untrusted", "pv pv-native", "cycles", xens=lambda xen: xen.version == "4.17"),
    Row("untrusted", "pvh", "migrate failed-migration hibernate"),
    Row("untrusted", "pvh-advised", "skew", demoted=SKEWED),
    Row("untrusted", "hvm hvm-native", "save", xens=boots_hvm),
    Row("untrusted", "hvm", "checkpoint pause migrate hibernate", xens=boots_hvm),
    # For want of what the kernel or Xen has: it is told that it was skipped, and why
    Row("untrusted", "hvm", "replug", xens=boots_hvm),
    Row("untrusted", "hvm-advised", "skew", demoted=SKEWED, xens=boots_hvm),
    Row("untrusted", "hvm-advised", "set-back", demoted=SET_BACK, xens=boots_hvm),
    Row("untrusted", "pvshim pvshim-native", "save", xens=boots_hvm),
    Row("trusted", "hvm pvshim", "save", xens=boots_hvm),
    Row("trusted", "hvm", "move-1ghz", xens=boots_hvm),
    Row("itsc", "hvm-itsc-advised", "save", xens=boots_hvm),
    Row("itsc", "hvm-itsc-advised", "move-1ghz", OTHER_FREQUENCY, xens=boots_hvm),
    Row("1ghz", "hvm", "save", xens=boots_hvm),
    Row("dom0", "pv pvh", "save", xens=boots_hvm),
    Row("pvh-dom0", "pv pvh", "save", xens=boots_hvm),
    Row("untrusted", "pv pv-native", "migrate", xens=lambda xen: xen.migrates_pv),
    Row("untrusted", "pv pv-native", "move-older", xens=lambda xen: xen.symbols),
    Row("untrusted", "pv pv-native pvh", "move-younger"),
    Row("trusted", "pv pvh", "save"),
    Row("trusted", "pv", "move-1ghz"),
    Row("itsc", "pv-itsc-advised", "save", xens=lambda xen: xen.shows_itsc),
    Row(
        "itsc",
        "pv-itsc-advised",
        "move-1ghz",
        demoted=OTHER_FREQUENCY,
        xens=lambda xen: xen.shows_itsc,
    ),
    Row("joined", "pv", "between-hosts", xens=lambda xen: xen.migrates_pv),
    Row(
        "older",
        "pv-advised",
        "jump",
        demoted=r"moved apart by -1[45]\d\d\d ms",
        xens=lambda xen: xen.symbols,
    ),
)


@dataclass(frozen=True)
class Cell:
    """One case of the matrix, which a guest with the series lives, and one without."""

    xen: str
    place: str
    mode: str
    lifecycle: str
    demoted: str = ""

    def __str__(self) -> str:
        return f"{self.xen}-{self.place}-{self.mode}-{self.lifecycle}"

    @property
    def host(self) -> HostSpec:
        return PLACES[self.place]

    @property
    def life(self) -> Lifecycle:
        return LIFECYCLES[self.lifecycle]

    def refused(self, kernel: str) -> str:
        """Why this kind of guest, this kernel or this Xen cannot do it, if so."""
        reason = REFUSED.get((MODES[self.mode].kind, self.lifecycle), "")
        return reason or self.life.refused(kernel, XENS[self.xen])

    def case(self, *, patched: bool, ending: str = "") -> GuestSpec:
        mode = MODES[self.mode]
        words = [self.life.words, "" if patched else mode.advice]
        side = "new" if patched else "old"
        return GuestSpec(
            f"{self}-{side}{ending}",
            mode.tsc_mode,
            " ".join(word for word in words if word),
            patched=patched,
            kind=mode.kind,
            itsc=mode.itsc,
            memory=self.life.memory,
            vcpus=self.life.vcpus,
            network=self.life.network,
        )


def cells() -> list[Cell]:
    """All of them; those that share a machine follow each other."""
    found = [
        Cell(version, row.place, mode, lifecycle, row.demoted)
        for version, xen in XENS.items()
        for row in ROWS
        if row.xens(xen)
        for lifecycle in row.lifecycles.split()
        for mode in row.modes.split()
    ]
    places = list(PLACES)
    return sorted(
        found, key=lambda cell: (cell.xen, places.index(cell.place), cell.mode)
    )
