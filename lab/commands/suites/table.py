# SPDX-License-Identifier: GPL-2.0-only
"""The suites, as data: programs that others wrote."""

from __future__ import annotations

from dataclasses import dataclass

# By the guest's clock; none of them takes half of it
LIMIT_SECONDS = 1800
# In which a guest runs all of them
WHENS = ("before", "after")


@dataclass(frozen=True)
class Program:
    """One program, and what it must say and not say besides ending well."""

    suite: str
    name: str
    options: str = ""
    # It sleeps nearly all the time: those that do run side by side
    sleeps: bool = False
    # So long that it is run only if -k chooses it
    long: bool = False
    # The kernel's Makefile cannot link it statically, or it would test nothing then
    shared: bool = False
    # Regular expressions: what it must say if all is well, and what it must not
    says: str = ""
    never: str = ""
    # Of lines that tell of a failure, but only of how slow an emulated machine is
    slow: str = ""
    # Of lines that tell of one which is not the series': in both guests or in none
    known: str = ""

    def __str__(self) -> str:
        return f"{self.suite}/{self.name}"

    @property
    def command(self) -> str:
        """In the directory in which its suite expects to be run."""
        words = f"./{self.name} {self.options}"
        if self.suite == "stress-ng":
            words = f"./stress-ng --{self.name} 2 --timeout 5s --verify --metrics-brief"
        limit = f"timeout -s KILL {LIMIT_SECONDS}"
        return f"cd /suites/{self.suite} && exec {limit} {words}".rstrip()


@dataclass(frozen=True)
class Package:
    """A program that Debian has, and the one file of it that is wanted."""

    name: str
    file: str


# The programs of the kernel's own tools/testing/selftests/: they come from its tree
SELFTESTS = ("timers", "vDSO")
PACKAGES = {
    "stress-ng": Package("stress-ng", "usr/bin/stress-ng"),
    "postgresql": Package("postgresql", r"usr/lib/postgresql/\d+/bin/pg_test_timing"),
}

STRESSED = "successful run completed"
# Of the time that passes on a busy emulated machine a task is charged only a part
NOT_CHARGED = r"not ok \d+ (ITIMER_(VIRTUAL|PROF)|timer_create\(\) per CLOCK_)"
# Linux ignores signals of timers so, and forgets them so, from 6.13 on only
FROM_6_13 = r"not ok \d+ check_(sig_ign|rearm|delete)\b"
# By more than 40 ms, but less than a second
LATE = r"max latency: +\d{1,9} ns : \[FAILED\]"
# The vDSO's LSL, on any vCPU but the first: the selector is all that it leaves
NO_CPU = r"\[FAIL\]\tCPU \d+: .* vdso: cpu 123,"

# Those that set or steer the clock come last, and may leave another date
PROGRAMS = (
    Program("timers", "nanosleep", sleeps=True),
    Program("timers", "nsleep-lat", sleeps=True),
    Program("timers", "set-timer-lat", sleeps=True, slow=LATE),
    Program("timers", "raw_skew", sleeps=True, says=r"\[OK\]"),
    Program("timers", "posix_timers", slow=NOT_CHARGED, known=FROM_6_13),
    Program("timers", "inconsistency-check", "-t 3"),
    Program("timers", "threadtest", "-t 10", says=r"\[OK\]"),
    Program("vDSO", "vdso_test_gettimeofday", says=r"The time is"),
    Program("vDSO", "vdso_test_abi"),
    Program("vDSO", "vdso_test_getcpu"),
    Program("vDSO", "vdso_test_clock_getres", says=r"\[PASS\]"),
    Program(
        "vDSO",
        "vdso_test_correctness",
        shared=True,
        says="CLOCK_MONOTONIC ",
        never=r"failed to find vDSO|skipping clock_gettime\(\)",
        known=NO_CPU,
    ),
    Program("stress-ng", "clock", says=STRESSED),
    Program("stress-ng", "timer", says=STRESSED),
    Program("stress-ng", "timerfd", says=STRESSED),
    Program("stress-ng", "itimer", says=STRESSED),
    Program("stress-ng", "hrtimers", says=STRESSED),
    Program("stress-ng", "vdso", says=STRESSED),
    Program(
        "postgresql",
        "pg_test_timing",
        "-d 5",
        says="Histogram",
        never="went backwards|going backwards",
    ),
    Program("timers", "clocksource-switch", "-s -t 3"),
    Program("timers", "valid-adjtimex", shared=True),
    Program("timers", "set-tai"),
    Program("timers", "set-tz"),
    Program("timers", "leap-a-day", "-i 2"),
    Program("timers", "adjtick"),
    Program("timers", "leapcrash", long=True),
    Program("timers", "freq-step", long=True),
)

# The other programs of these suites, and why they are not run
LEFT_OUT = {
    "timers/alarmtimer-suspend": "sleeps until the alarm of an RTC, as no PV guest has",
    "timers/change_skew": "raw_skew and others in a loop of twenty minutes",
    "timers/mqueue-lat": "the lab's kernel has no POSIX message queues",
    "timers/rtcpie": "reads an RTC, as no PV guest has",
    "timers/set-2038": "nsleep-lat and others in a loop of ten minutes",
    "timers/skew_consistency": "inconsistency-check, for ten minutes",
    "vDSO/vdso_standalone_test_x86": "vdso_test_gettimeofday without a libc",
    "vDSO/vdso_test_chacha": "reads no clock",
    "vDSO/vdso_test_getrandom": "reads no clock",
}


def usual() -> list[Program]:
    """What is run if nobody names something: all but the long ones."""
    return [program for program in PROGRAMS if not program.long]


def batches(programs: list[Program]) -> list[list[Program]]:
    """In the order in which they run; one that does not sleep runs alone."""
    asleep = [program for program in programs if program.sleeps]
    alone = [[program] for program in programs if not program.sleeps]
    return [asleep, *alone] if asleep else alone


def script(batch: list[Program]) -> str:
    """As the guest's lab/payload/guest/suites.c reads it."""
    return "".join(f"{program} {program.command}\n" for program in batch)
