# SPDX-License-Identifier: GPL-2.0-only
"""A kit, unpacked on a host that is made up: see tests/standin/host."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
from pathlib import Path

from lab.base.common import TOP
from lab.commands.kit.build import SHIPPED, SOURCES

STANDIN = TOP / "tests" / "standin" / "host"
PROGRAMS = ("xl", "xenstore-read", "xenstore-write", "id", "uname", "df", "sleep")
CAPS = "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_64"
INFO = """\
host                   : hidden
release                : 6.1.0-hidden
nr_cpus                : 16
virt_caps              : pv hvm hap
free_memory            : {free}
xen_version            : 4.17.7
xen_caps               : {caps}
cc_compile_domain      : hidden
"""
# What xen-clock says in dom0; the list of domains is not to be in the report
CLOCK = """\
Xen      4.17.7
TSC      2596129 kHz, reliable: invariant by CPUID
faults   After a restore an emulated TSC can be off.
         (restore-underflow, fixed in 4.19.5)
         Frequencies are truncated.
         (khz-truncated, fixed in 4.20.4)
         No other fault of the clocks is known in this version.

domid  name                 kind       mode
    1  hidden               PV         default
"""


class KitHost:
    """Its programs come first in PATH."""

    def __init__(self, where: Path, shell: list[str], reporter: bytes) -> None:
        self.shell = shell
        self.kit, self.state, self.bin = where / "kit", where / "host", where / "bin"
        for directory in ("domains", "store", "fails", "later", "blocks"):
            (self.state / directory).mkdir(parents=True)
        self.bin.mkdir()
        for name in PROGRAMS:
            (self.bin / name).symlink_to(STANDIN)
        self.set_info()
        self.write("id", "0\n")
        self.write("free", "1000000\n")
        self.write("calls", "")
        self.write("first", "up\n")
        self.write("report", (TOP / "tests/recorded.report").read_text())
        self.logs = where / "logs"
        self.logs.mkdir()
        self.install(reporter)

    def install(self, reporter: bytes) -> None:
        for name in SHIPPED:
            (self.kit / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOURCES / name, self.kit / name)
        run = self.kit / "run"
        text = run.read_text().replace("logs=/var/log/xen\n", f"logs={self.logs}\n")
        assert str(self.logs) in text
        run.write_text(text)
        for name in ("vmlinuz-series", "vmlinuz-mainline", "guest.cpio.gz"):
            (self.kit / name).write_text("an image\n")
        (self.kit / "VERSION").write_text("1.1-test\n")
        (self.kit / "report").write_bytes(reporter)
        (self.kit / "xen-clock").write_text(f"#!/bin/sh\ncat << END\n{CLOCK}END\n")
        for name in ("report", "xen-clock"):
            (self.kit / name).chmod(0o755)

    def set_info(self, free: int = 4096, caps: str = CAPS) -> None:
        self.write("info", INFO.format(free=free, caps=caps))

    def write(self, name: str, text: str) -> None:
        (self.state / name).write_text(text)

    def block(self, command: str) -> Path:
        """Let xl wait in this command; the result has the pipes "reached" and "go"."""
        directory = self.state / "blocks" / command
        directory.mkdir()
        for name in ("reached", "go"):
            os.mkfifo(directory / name)
        return directory

    def start(
        self, *words: str, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.shell, str(self.kit / "run"), *words],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={"PATH": f"{self.bin}:{os.environ['PATH']}", "HOST": str(self.state)},
        )

    def run(self, *words: str, yes: bool = True) -> tuple[int, str]:
        """Until it ends by itself; there is nobody to ask."""
        process = self.start(*["-y"] * yes, *words)
        text, _ = process.communicate()
        return process.returncode, text

    def run_at_terminal(self, typed: bytes, *words: str) -> tuple[int, str]:
        """Type this once it asks whether to begin; nothing has been made until then."""
        ours, terminal = pty.openpty()
        process = self.start(*words, stdin=terminal)
        assert process.stdout is not None
        asked, letter = "", "?"
        while letter and not asked.endswith("Ctrl-C to leave. "):
            letter = process.stdout.read(1)
            asked += letter
        assert (self.calls, self.files) == ([], [])
        os.write(ours, typed)
        text, _ = process.communicate()
        os.close(ours)
        os.close(terminal)
        return process.returncode, text

    def run_and_stop(self, command: str, number: signal.Signals) -> tuple[int, str]:
        """Stop it, as a terminal does, while xl is in this command."""
        pipes = self.block(command)
        process = self.start("-y")
        (pipes / "reached").read_text()
        # xl gets it, too
        os.killpg(process.pid, number)
        (pipes / "go").write_text("\n")
        shutil.rmtree(pipes)
        text, _ = process.communicate()
        return process.returncode, text

    @property
    def calls(self) -> list[str]:
        """What was done with domains, besides looking for them."""
        lines = (self.state / "calls").read_text().splitlines()
        return [
            line for line in lines if line.split()[0] not in ("info", "domid", "list")
        ]

    @property
    def domains(self) -> list[str]:
        return sorted(path.name for path in (self.state / "domains").iterdir())

    @property
    def files(self) -> list[str]:
        """Those in the directory of the kit that were not in the archive."""
        known = {name.split("/")[0] for name in SHIPPED}
        known |= {"vmlinuz-series", "vmlinuz-mainline", "guest.cpio.gz", "VERSION"}
        known |= {"report", "xen-clock"}
        return sorted(
            path.name for path in self.kit.iterdir() if path.name not in known
        )
