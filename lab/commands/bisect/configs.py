# SPDX-License-Identifier: GPL-2.0-only
"""The configurations in which each prefix of the series has to build."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lab.base.common import BUILD, TOP, LabError
from lab.images.kernel import make

LAB = "lab"
DISTRIBUTIONS = TOP / "lab/kconfig/distributions"
LINE = re.compile(r"^(?:CONFIG_(\w+=\S+)|# CONFIG_(\w+) is not set)$", re.M)


@dataclass(frozen=True)
class Config:
    name: str
    # CONFIG_ is left out
    options: tuple[str, ...] = ()
    # The lab's, or what make is asked for
    base: str = LAB
    # Each prefix becomes a kernel that is booted
    boots: bool = False
    # Only the whole series does
    whole: bool = False

    def __str__(self) -> str:
        return self.name

    def name_of(self, number: int) -> str:
        """Of the kernel with so many steps."""
        return self.name if self.whole else f"{number:02}"

    @property
    def lines(self) -> list[str]:
        return [
            f"# CONFIG_{option[:-2]} is not set"
            if option.endswith("=n")
            else f"CONFIG_{option}"
            for option in self.options
        ]

    def write(self, kernel: str, tree: Path, path: Path) -> None:
        """Configure the tree, which has the whole series; keep it at the path."""
        fragment = path.with_suffix(".fragment")
        lines = list(self.lines)
        if self.base == LAB:
            lines = [(BUILD / kernel / "fragment").read_text(), *lines]
        fragment.write_text("\n".join(lines) + "\n")
        if self.base == LAB:
            make(f"KCONFIG_ALLCONFIG={fragment}", "allnoconfig", cwd=tree)
        else:
            make(*self.base.split(), cwd=tree)
            with (tree / ".config").open("a") as file:
                file.write(fragment.read_text())
            make("olddefconfig", cwd=tree)
        text = (tree / ".config").read_text()
        for option in self.options:
            name, value = option.split("=")
            found = re.search(rf"^CONFIG_{name}=(.*)$", text, re.M)
            if (found[1] if found else "n") != value:
                raise LabError(f"Linux {kernel} does not take {option} of {self}")
        path.write_text(text)


def distributions() -> list[Config]:
    """The lab's, with what counts for clocks, scheduling and guests as others have it."""
    found = []
    for path in sorted(DISTRIBUTIONS.glob("*.config")):
        lines = LINE.findall(path.read_text())
        options = tuple(one or f"{off}=n" for one, off in lines)
        found.append(Config(path.stem, options, whole=True))
    return found


CONFIGS = [
    Config("lab", boots=True),
    Config("no-pv", ("XEN_PV=n",)),
    Config("pv-only", ("XEN_PVHVM_GUEST=n", "XEN_PVH=n")),
    Config("no-smp", ("SMP=n",)),
    Config("option-off", ("XEN_TSC_RELIABLE=n",)),
    Config("no-kunit", ("KUNIT=n",)),
    Config("no-kunit-test", ("XEN_TSC_KUNIT_TEST=n",)),
    Config("no-sysfs", ("XEN_SYS_HYPERVISOR=n",)),
    Config("no-sleep", ("SUSPEND=n", "HIBERNATION=n")),
    Config("no-trace", ("FTRACE=n",)),
    Config("32-bit", ("64BIT=n", "MPENTIUM4=y", "X86_PAE=y", "XEN=y")),
    Config("no-xen", ("XEN=n",)),
    Config("allnoconfig", base="allnoconfig"),
    # What W=1 has to say of others' code is no error
    Config("defconfig", ("WERROR=n",), base="x86_64_defconfig xen.config"),
    *distributions(),
]
