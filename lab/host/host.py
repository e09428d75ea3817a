# SPDX-License-Identifier: GPL-2.0-only
"""One run of QEMU, Xen and dom0: starts it, gives orders, notices what dies."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import Callable

from lab.host.pins import is_pinned, move_to_idle_cpu
from lab.host.qemu_args import qemu_command
from lab.base import common
from lab.base.common import LabError, need, say
from lab.host.errors import (
    DOM0_FAILED,
    Dom0Died,
    Hung,
    KERNEL_DEAD,
    HostDied,
    OrderFailed,
    QemuDied,
    XEN_DEAD,
    XenDied,
)
from lab.config import HOSTS, HostSpec
from lab.images.initramfs import Images
from lab.base.log import Log
from lab.host.qmp import registers
from lab.base.kmsg import Tick
from lab.host.rundir import Run
from lab.host.xen_uptime import set_uptime

# Nothing at all happened for so long: hung.  TCG on a busy machine is slow.
QUIET_LIMIT = 240.0
RUN_LIMIT = 1800.0
# A machine that is booted when another is so old is the younger one also when a guest
# has moved there, which takes time (in seconds)
YOUNGER = 120.0
# How long a log must rest after a line of bad news, to have all of it
SETTLE = 1.5


class Host:
    """Use as a context manager: QEMU never outlives the block."""

    def __init__(
        self,
        run: Run,
        images: Images,
        dom0_kernel: Path,
        spec: HostSpec = HOSTS["untrusted"],
        words: str = "",
    ) -> None:
        need("qemu-system-x86_64", "setpriv", "taskset")
        self.run = run
        self._symbols = images.symbols
        self.spec = spec
        self.states: dict[int, str] = {}
        self.ticks: dict[int, list[Tick]] = {}
        self.gone = 0
        self.limit = RUN_LIMIT
        self.guest_logs: dict[str, Log] = {}
        self.console = Log(run.path("console.log"))
        self.booted = False
        # Nothing more can be done with it
        self.dead = False
        self._statuses: dict[str, int] = {}
        self._orders = 0
        self._rest = b""
        self._start = self._last_life = time.monotonic()
        self._command = qemu_command(images, dom0_kernel, spec, words)

    def __enter__(self) -> Host:
        self.run.path("qemu.sh").write_text(shlex.join(self._command) + "\n")
        self._agent_log = self.run.path("agent.log").open("w", buffering=1)
        with self.run.path("qemu.log").open("w") as errors:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self.run.directory,
                start_new_session=True,
            )
        return self

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def move_to_idle_cpu(self) -> None:
        """Others may have come to the one that it was booted on."""
        # That QEMU has died the next order will tell
        with contextlib.suppress(ProcessLookupError):
            if is_pinned(self.spec):
                move_to_idle_cpu(self.pid)

    def _kill(self) -> None:
        if self.runs:
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def give_up(self) -> None:
        """One that hangs would keep the CPUs busy, which others need."""
        self.dead = True
        self._kill()

    def __exit__(self, *_: object) -> None:
        self._kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass
        self._agent_log.close()

    # What comes from the machine

    def _line(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "ready":
            self.booted = True
        elif word == "done":
            order, _, status = rest.partition(" ")
            self._statuses[order] = int(status)
        elif word == "state":
            domid, uptime, state = rest.split(" ", 2)
            self.states[int(domid)] = state
            if state.startswith("tick "):
                clocks = (int(ns) / 1e9 for ns in state.split()[2:])
                tick = Tick(float(uptime), *clocks)
                self.ticks.setdefault(int(domid), []).append(tick)
        elif word == "gone":
            self.gone += 1

    def _read_agent(self, timeout: float) -> bool:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        if not select.select([pipe], [], [], timeout)[0]:
            return False
        data = os.read(pipe, 65536)
        if not data:
            # QEMU is about to end: do not spin until it has
            time.sleep(0.1)
            return False
        *whole, self._rest = (self._rest + data).split(b"\n")
        for raw in whole:
            line = raw.decode(errors="replace").strip()
            self._agent_log.write(f"{time.monotonic() - self._start:8.2f} < {line}\n")
            self._line(line)
        return True

    def settle(self, log: Log) -> None:
        """Let a dying system finish its last words."""
        until = time.monotonic() + SETTLE
        limit = until + 20
        while time.monotonic() < min(until, limit):
            time.sleep(0.2)
            if log.poll():
                until = time.monotonic() + SETTLE

    def _read_logs(self) -> bool:
        alive = False
        for log in self.guest_logs.values():
            alive |= bool(log.poll())
        new = self.console.poll()
        for line in new:
            for pattern, error, who in (
                (XEN_DEAD, XenDied, "Xen died"),
                (KERNEL_DEAD, Dom0Died, "dom0's kernel died"),
                (DOM0_FAILED, Dom0Died, "dom0's user space failed"),
            ):
                if pattern.search(line):
                    self.settle(self.console)
                    raise error(f"{who}: {line}\n{self.console.around(pattern)}")
        return alive or bool(new)

    def _check_qemu(self) -> None:
        status = self._process.poll()
        if status is None:
            return
        # The console may name who really ended it
        self._read_logs()
        said = self.run.path("qemu.log").read_text().strip()
        raise QemuDied(
            f"QEMU ended by itself with status {status}"
            + (f": {said}" if said else "")
            + f"\n{self.console.tail()}"
        )

    def poll(self, timeout: float = 0.25) -> None:
        """Take in what happened; raise if something died or nothing happens."""
        try:
            self._poll(timeout)
        except HostDied:
            self.give_up()
            raise

    def _poll(self, timeout: float) -> None:
        alive = self._read_agent(timeout)
        alive |= self._read_logs()
        self._check_qemu()
        if alive:
            self._last_life = time.monotonic()
        if self.quiet > QUIET_LIMIT or self.age > self.limit:
            raise Hung(
                f"the machine hangs: nothing happened for {self.quiet:.0f} s, "
                f"{self.age:.0f} s after its start\n{self.console.tail()}\n"
                f"Where its CPUs are: {registers(self.run.directory)}"
            )

    def wait_age(self, seconds: float) -> None:
        self.wait(lambda: self.age > seconds)

    @property
    def age(self) -> float:
        """For how many seconds its TSC has counted."""
        return time.monotonic() - self._start

    @property
    def uptime(self) -> float:
        """For how many seconds Xen takes it to be up, about."""
        return self.spec.uptime + self.age

    @property
    def quiet(self) -> float:
        """For how many seconds nothing has happened."""
        return time.monotonic() - self._last_life

    def wait(self, condition: Callable[[], bool], *others: Host) -> None:
        """These others must live, too."""
        while not condition():
            self.poll()
            for other in others:
                other.poll(0)

    # What goes to the machine

    def wait_boot(self) -> None:
        try:
            self._wait_boot()
        except LabError:
            self.give_up()
            raise

    def _wait_boot(self) -> None:
        if self.spec.uptime:
            try:
                set_uptime(self.run.directory, self._symbols, self.spec.uptime)
            except LabError:
                # QEMU or Xen may have died, which explains it better
                self.settle(self.console)
                self._check_qemu()
                raise
        self.wait(lambda: self.booted)
        if self.spec.tsc_reliable:
            self._check_trust()

    def _check_trust(self) -> None:
        """Later versions of Xen or QEMU may see to the TSC in another way."""
        # Debian's dom0 has no domctl
        text = self.must("xl debug-keys s && xl dmesg | tail -n 20")
        if "TSC marked as reliable" not in text:
            raise LabError(
                f"Xen does not trust the TSC of the host '{self.spec.name}'",
                hint="QEMU should have offered an invariant TSC. How it was started: "
                f"{self.run.path('qemu.sh')}\nWhat it said is in qemu.log beside that.",
            )

    def order(self, command: str, *others: Host) -> tuple[int, str]:
        """Run a shell command in dom0: its exit status and what it printed."""
        self._orders += 1
        order = f"{self._orders:03}"
        assert self._process.stdin is not None and "\n" not in command
        self._agent_log.write(
            f"{time.monotonic() - self._start:8.2f} > {order} {command}\n"
        )
        if common.verbose:
            say(f"dom0# {command}")
        # Until now nobody may have wanted anything of it
        self._last_life = time.monotonic()
        try:
            self._process.stdin.write(f"{order} {command}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # poll() knows better what happened
        self.wait(lambda: order in self._statuses, *others)
        text = self.run.path(f"commands/{order}.out").read_text(errors="replace")
        return self._statuses[order], text

    def must(self, command: str, *others: Host) -> str:
        status, text = self.order(command, *others)
        if status:
            raise OrderFailed(
                f"in dom0, '{command}' failed with status {status}:\n"
                + "\n".join("    | " + line for line in text.splitlines()[-12:])
                + f"\n{self.console.tail(6)}"
            )
        return text
