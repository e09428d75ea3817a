# SPDX-License-Identifier: GPL-2.0-only
"""The life of a guest, step by step."""

from __future__ import annotations

import re
from pathlib import Path

from lab.base.common import LabError
from lab.config import GuestSpec
from lab.host.errors import (
    GUEST_DEAD,
    GuestDied,
    HostDied,
    NotCreated,
    OrderFailed,
)
from lab.guest.xl_config import configure, stage
from lab.guest.diagnose import XEN_ANSWERS, where_it_is
from lab.base.log import Log
from lab.host.network import CONNECT, Cable, serve
from lab.host.xen_tsc import Outside, read_outside
from lab.host.host import Host
from lab.base.kmsg import Tick

# One for which we wait is given up before its machine, so that others get their turn
GUEST_QUIET_LIMIT = 120.0
# The firmware of an HVM guest says nothing while it reads the kernel, before the guest is
UP = "'up'"
FIRMWARE_QUIET_LIMIT = 200.0

# The time in dom0, among what else an order prints
# A link that takes some reads of a guest's image, and then nothing for five seconds
LINK = "dd bs=64k count=16 2> /dev/null; sleep 5; cat"
STAMP = "read -r now _ < /proc/uptime && echo at $now"


class Guest:
    def __init__(
        self,
        host: Host,
        spec: GuestSpec,
        kernel: Path,
        initramfs: Path,
    ) -> None:
        self.host = host
        self.spec = spec
        self.name = spec.name
        self.vcpus = spec.vcpus
        self.domid = -1
        # When it was paused and unpaused last, in seconds by dom0's clock
        self.paused = self.unpaused = 0.0
        # What its clocks lack, in seconds: the TSC was set back in a pause
        self.lost = 0.0
        # What the guest has reported already, and does not again
        self.reported = ""
        self._gone = -1
        # So many ticks came in each round in which it was asked for them last
        self.rounds: list[int] = []
        # The latest order since it has booted
        self._ordered = ""
        self.log = Log(host.run.path(f"guest-{self.name}.log"))
        self._console_start = len(host.console.lines)
        self._images = (kernel, initramfs)
        self._staged = stage(host, spec, *self._images)
        configure(host, spec, self._staged)

    def create(self, *, paused: bool = False, restarts: bool = False) -> None:
        """A paused guest has not run yet: unpause() lets it.

        One that restarts is made anew when it reboots, which takes a daemon of xl's:
        those have crashed, so that no other guest has one.
        """
        self.host.guest_logs[self.name] = self.log
        self._ordered = ""
        options = " ".join(["-p"] * paused + ["-e"] * (not restarts))
        order = f"{self._staged.order} && xl create {options} /share/{self.name}.cfg"
        try:
            self._start(order)
        except OrderFailed as error:
            raise NotCreated(str(error)) from error

    def _start(self, command: str) -> str:
        self._gone = self.host.gone
        text = self.host.must(f"{command} && xl domid {self.name}")
        self.domid = int(text.split()[-1])
        return text

    @property
    def _model(self) -> str:
        """What its device model said, if it has one."""
        path = self.host.run.path(f"qemu-dm-{self.name}.log")
        text = path.read_text(errors="replace").strip() if path.exists() else ""
        return f"\nits device model said: {text}" if text else ""

    def _died(self, what: str) -> GuestDied:
        self.log.poll()
        around = f"{self.log.around(GUEST_DEAD)}{self._model}"
        return GuestDied(f"guest {self.name} {what}\n{around}")

    def _check_log(self) -> None:
        for line in self.log.lines:
            if GUEST_DEAD.search(line):
                self.host.settle(self.log)
                raise self._died(f"died: {line}")

    def alive(self) -> bool:
        """False once it has shut down or crashed, which leaves an empty shell."""
        return not self.host.order(f"domctl alive {self.domid}")[0]

    def _ended(self) -> bool:
        """Asks Xen only after some domain, perhaps this one, has ended."""
        if self.host.gone == self._gone:
            return False
        self._gone = self.host.gone
        return not self.alive()

    def _poll(self, goal: str) -> None:
        self.host.poll()
        self._check_log()
        firmware = self.spec.kind == "hvm" and goal == UP
        limit = FIRMWARE_QUIET_LIMIT if firmware else GUEST_QUIET_LIMIT
        if self.host.quiet > limit:
            where = where_it_is(self.host, self.domid, self.vcpus, self.log)
            way = f"hangs on its way to being {goal}: {where}"
            raise GuestDied(f"guest {self.name} {way}{self._model}")

    def wait_state(self, state: str) -> None:
        """Until the agent says so; an error when the guest ends instead."""
        while self.host.states.get(self.domid) != state:
            if self._ended():
                self._check_log()
                raise self._died(f"shut down before it was '{state}'")
            self._poll(f"'{state}'")

    def wait_other(self) -> None:
        """Until it is up in another domain, with a higher number, as after a reboot."""
        while all(domid <= self.domid for domid in self.host.states):
            self._poll("up again")
        self._ordered = ""
        self.find()

    def find(self) -> None:
        """Learn in which domain it is by now."""
        self._start("true")

    def _order(self, phase: str) -> None:
        """It sees an order by the change, and would not see an equal one."""
        if phase == self._ordered:
            raise LabError(
                f"{self.name} is told '{phase}' twice in a row, and sees only the first",
                hint="Word the second order in another way, such as another number.",
            )
        self._ordered = phase

    def phase(self, phase: str) -> None:
        """Its answer is one that comes later."""
        self._order(phase)
        self.host.states.pop(self.domid, None)
        path = f"/local/domain/{self.domid}/data/phase"
        self.host.must(f"xenstore-write {path} '{phase}'")

    def connect(self) -> None:
        """To the dom0 that it has now."""
        serve(self.host)
        self.phase(CONNECT)
        self.wait_state("connected")

    @property
    def ticks(self) -> list[Tick]:
        """Those that came on this machine."""
        return self.host.ticks.get(self.domid, [])

    def wait_ticks(self, number: int) -> None:
        """Until so many ticks have come in all."""
        while True:
            # To ask takes long: it may come meanwhile
            ended = self._ended()
            if len(self.ticks) >= number:
                return
            if ended:
                self._check_log()
                raise self._died(f"shut down before tick {number}")
            self._poll(f"at tick {number}, from {len(self.ticks)}")

    def pause(self) -> None:
        self._pause("pause")

    def pause_outside_kernel(self) -> None:
        """Pause a busy PV guest where its vCPUs run programs."""
        self._pause("pause-user")

    def _pause(self, command: str) -> None:
        text = self.host.must(f"cat /proc/uptime && domctl {command} {self.domid}")
        self.paused = float(text.split()[0])

    def unpause(self) -> None:
        text = self.host.must(f"domctl unpause {self.domid} && cat /proc/uptime")
        self.unpaused = float(text.split()[0])

    @property
    def _file(self) -> str:
        return f"{self.name}.save"

    @property
    def shared(self) -> Path:
        """Where save(share=True) leaves it, for move_to()."""
        return self.host.run.path(f"{self._file}.lzo")

    @property
    def save_command(self) -> str:
        """A file that was cut short would take the room of those that follow."""
        file = f"/run/{self._file}"
        return f"xl save {self.name} {file} || {{ rm -f {file}; false; }}"

    @property
    def restore_command(self) -> str:
        return f"xl restore -e /run/{self._file} && rm /run/{self._file}"

    def save(self, share: bool = False) -> None:
        """Put it to sleep in a file; a shared one is there for move_to()."""
        self.host.must(self.save_command)
        if share:
            # 9p cannot take the pages of another domain, and each call can take
            # long when the machine is busy: so send little, and in big pieces
            file = f"/run/{self._file}"
            self.host.must(
                f"lzop -c {file} > {file}.lzo && rm {file} && "
                f"dd if={file}.lzo of=/share/{self._file}.lzo bs=1M && rm {file}.lzo"
            )
        self._check_log()

    def checkpoint(self) -> None:
        """Save it, and let it run on as if nothing had happened."""
        self.host.must(f"xl save -c {self.name} /run/{self._file}")
        self.host.must(f"rm /run/{self._file}")
        self._check_log()

    def move_saved_tsc(self, vcpu: int, cycles: int) -> None:
        """In the file that it was saved to; only PVH and HVM guests have one for a vCPU."""
        self.host.must(f"image /run/{self._file} {vcpu} {cycles}")

    def restore(self) -> None:
        self._start(self.restore_command)

    def cycle(self, phase: str) -> list[float]:
        """Save, restore and the next order in one go: dom0's time around the first.

        As xl is told the configuration, it need not ask xenstore for all of it.
        """
        self._order(phase)
        file, config = f"/run/{self._file}", f"/share/{self.name}.cfg"
        domain = f"/local/domain/$(xl domid {self.name})"
        text = self._start(
            f"{STAMP} && xl save {self.name} {file} {config} && {STAMP} && "
            f"{STAMP} && xl restore -e {file} && {STAMP} && rm {file} && "
            f"xenstore-write {domain}/data/phase '{phase}'"
        )
        # Those that have gone meanwhile are those that it has been
        self._gone = self.host.gone
        self._check_log()
        return [float(at) for at in re.findall(r"^at ([\d.]+)$", text, re.MULTILINE)]

    def migrate(self) -> None:
        """To this very machine, live, over a link that is down for a while.

        Meanwhile the domain that receives it exists, and it still runs in the old one.
        """
        receive = f"{{ {LINK}; }} | xl migrate-receive -e"
        self._start(f"xl migrate -s '' {self.name} '{receive}'")
        self._check_log()
        self._be_on(self.host, "--incoming")

    def move_to(self, host: Host) -> None:
        """Wake up on another machine, or on this one, after save(share=True) here.

        This machine may be gone by then, if it is another.
        """
        here = self.shared
        file = here.name
        if host is not self.host:
            host.run.add(here, file)
            here.unlink()
        self._be_on(host)
        if self.spec.kind == "hvm":
            # Its device model opens the files that it was booted with
            host.must(stage(host, self.spec, *self._images).order)
        host.must(
            f"dd if=/share/{file} bs=1M | lzop -dc > /run/{self._file} && "
            f"rm /share/{file}"
        )
        self.restore()

    def _be_on(self, host: Host, ending: str = "") -> None:
        """Its console has the name that it had when it came."""
        self.host = host
        self.log = Log(host.run.path(f"guest-{self.name}{ending}.log"))
        self._console_start = len(host.console.lines)
        host.guest_logs[self.name] = self.log

    def migrate_over(self, cable: Cable) -> None:
        """To the machine at its other end, live."""
        host = cable.away if self.host is cable.home else cable.home
        send = cable.receive(host)
        try:
            self.host.must(f"xl migrate -s '' {self.name} '{send}'", host)
        except HostDied:
            # The one that lives, too, is of no more use: the order may never end
            self.host.give_up()
            raise
        self._check_log()
        self._be_on(host, "--incoming")
        self.find()

    @property
    def said(self) -> str:
        """By Xen and dom0 while it was there, and by itself."""
        lines = [*self.host.console.lines[self._console_start :], *self.log.lines]
        # Xen repeats itself when it is asked
        return "\n".join(lines).partition(XEN_ANSWERS)[0]

    def outside(self) -> Outside:
        return read_outside(self.host, self.domid)

    def report(self) -> str:
        """The agent's report, which must be all there."""
        data = f"/local/domain/{self.domid}/data"
        pieces = f"seq 0 $(($(xenstore-read {data}/pieces) - 1))"
        nodes = f"{pieces} | sed 's|^|{data}/report/|'"
        return self.host.must(f"xenstore-read -R $({nodes})")

    def shutdown(self) -> None:
        """Let the agent power off, and clear away what is left."""
        self.phase("off")
        while not self._ended():
            self._poll("off")
        self.destroy()

    def destroy(self) -> None:
        self.host.order(f"xl destroy {self.name}")
