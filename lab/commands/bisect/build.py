# SPDX-License-Identifier: GPL-2.0-only
"""The prefixes of the series, built one after the other in one configuration."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from lab.base.common import LabError, output
from lab.images.kernel import git, make

# Where the series adds and changes code; the first two are Xen's
DIRECTORIES = ["arch/x86/xen/", "drivers/xen/", "kernel/sched/", "kernel/time/"]
BASE = "base"


def warnings(said: str) -> set[str]:
    """Without the places in files and functions, which a step moves."""
    lines = [line for line in said.splitlines() if "warning:" in line]
    return {re.sub(r"(:\d+)+:|\+0x[0-9a-f]+", ":", line) for line in lines}


class Prefixes:
    """Those in a tree, from its base on: each holds one step more.

    A step that changes headers has most objects compiled again.  Upwards there is
    one, and only objects that are there in the end have been compiled for nothing.
    """

    def __init__(self, tree: Path, config: Path, series: str = "series") -> None:
        self.tree = tree
        self.steps = git(tree, "rev-list", "--reverse", f"{BASE}..{series}").split()
        self._config = config
        self._usual: set[str] = set()
        # What the code in our directories defines, and what it wants
        self._defined: dict[str, set[str]] = {}
        self._wanted: dict[str, set[str]] = {}
        with_xen = "CONFIG_XEN=y" in config.read_text().splitlines()
        self.directories = DIRECTORIES if with_xen else DIRECTORIES[2:]
        changed = git(tree, "diff", "--name-only", BASE, series).splitlines()
        # As the compiler and objtool name it
        self._ours = (*self.directories, *changed, "objtool: xen_")
        self._base_linked = False

    def subject(self, commit: str) -> str:
        return git(self.tree, "log", "-1", "--format=%s", commit).strip()

    def checkout(self, commit: str) -> None:
        (self.tree / ".git/index.lock").unlink(missing_ok=True)
        changed = git(self.tree, "diff", "--name-only", "HEAD", commit).splitlines()
        git(self.tree, "checkout", "-q", "--force", "--detach", commit)
        # What has not changed is not even looked at again
        if commit == BASE or any(Path(name).name == "Kconfig" for name in changed):
            # Options that a step does not know yet are dropped from .config
            shutil.copy(self._config, self.tree / ".config")
            make("olddefconfig", cwd=self.tree)

    def build_base(self, *targets: str) -> None:
        """All that it has to say is no fault of the series."""
        self.checkout(BASE)
        for path in self._objects():
            path.unlink()
        self._usual = warnings(make("W=1", *self.directories, cwd=self.tree))
        self._base_linked = bool(targets)
        if targets:
            self._usual |= warnings(make("W=1", *targets, cwd=self.tree))
        self._look_at_symbols(BASE)

    def build(self, commit: str, *targets: str) -> list[str]:
        """What is wrong with it: our directories, and the targets if there are any."""
        try:
            self.checkout(commit)
            found = warnings(make("W=1", *self.directories, cwd=self.tree))
            if targets:
                linked = warnings(make("W=1", *targets, cwd=self.tree))
                found |= linked if self._base_linked else self._about_us(linked)
        except LabError as error:
            return [str(error)]
        self._look_at_symbols(commit)
        return sorted(found - self._usual)

    def _about_us(self, found: set[str]) -> set[str]:
        """What others had to say before the series is not known, so leave it out."""
        return {warning for warning in found if any(o in warning for o in self._ours)}

    def _objects(self) -> list[Path]:
        return [
            path
            for name in self.directories
            for path in (self.tree / name).rglob("*.o")
        ]

    def _look_at_symbols(self, commit: str) -> None:
        """An object that has no source is that of another step."""
        sources = (".c", ".S")
        of_now = [
            str(path)
            for path in self._objects()
            if any(path.with_suffix(suffix).exists() for suffix in sources)
        ]
        said = output("nm", *of_now)
        self._defined[commit] = set(re.findall(r"^[0-9a-f]+ \w (\S+)$", said, re.M))
        self._wanted[commit] = set(re.findall(r"^ +U (\S+)$", said, re.M))

    def lacking(self, system_map: Path) -> dict[str, list[str]]:
        """The symbols that each prefix would not link for, as a later step brings them.

        Takes the map of the whole series, in this configuration.
        """
        symbols = {line.split()[2] for line in system_map.read_text().splitlines()}
        elsewhere = symbols - self._defined.get(self.steps[-1], set())
        lacking = {
            commit: wanted - self._defined[commit] - elsewhere
            for commit, wanted in self._wanted.items()
        }
        # What modules want is there when they are loaded
        usual = lacking.pop(BASE)
        return {commit: sorted(names - usual) for commit, names in lacking.items()}
