# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's semantic patches have nothing to say about our C.

They are run as scripts/coccicheck runs them, but on our own files alone.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from lab.base.common import TOP
from tests.tree import PATCHES, TREE, added, tracked

pytestmark = pytest.mark.usefixtures("trees")

RULES = sorted(TREE.glob("scripts/coccinelle/**/*.cocci"))
# The other rules, and some of these, know functions and macros of the kernel alone
OF_ALL_C = ("misc", "null", "tests")
OF_THE_KERNEL = ("minmax.cocci",)
SOURCES = [
    TREE / name
    for name in added(PATCHES)
    if name.endswith((".c", ".h")) and not name.startswith("tools/")
]
PROGRAMS = [
    TOP / name for name in tracked("lab/*.[ch]", "tests/*.[ch]", "tools/*.[ch]")
]
INCLUDES = shlex.split(
    "-I arch/x86/include -I arch/x86/include/generated -I include "
    "-I arch/x86/include/uapi -I include/uapi "
    "--include include/linux/compiler-version.h --include include/linux/kconfig.h"
)
WRONG = """
void wrong(struct device *of_ours)
{
	if (of_ours)
		kfree(of_ours);
}
"""


def can_report(rule: Path) -> bool:
    """And that without a compiler for OCaml, which is larger than all the lab needs."""
    text = rule.read_text()
    return bool(re.search(r"\bvirtual\s+report\b", text)) and "script:ocaml" not in text


REPORTING = [rule for rule in RULES if can_report(rule)]


def report(rule: Path, files: list[Path]) -> str:
    options = re.findall(r"^// +Options:(.*)$", rule.read_text(), re.M)
    done = subprocess.run(
        ["spatch", "-D", "report", "--no-show-diff", "--very-quiet"]
        + ["--cocci-file", rule, *shlex.split(" ".join(options)), *INCLUDES, *files],
        cwd=TREE,
        text=True,
        capture_output=True,
    )
    # What is on standard error is about the rule
    assert done.returncode == 0, f"{rule}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("rule", REPORTING, ids=[rule.stem for rule in REPORTING])
def test_coccicheck(rule: Path) -> None:
    files = SOURCES
    if rule.parent.name in OF_ALL_C and rule.name not in OF_THE_KERNEL:
        files = files + PROGRAMS
    said = report(rule, files)
    assert not said, said


def test_it_reads_all_of_ours(tmp_path: Path) -> None:
    """A file that it cannot read it says nothing about."""
    copies = []
    for number, path in enumerate(SOURCES + PROGRAMS):
        copies.append(tmp_path / f"{number}-{path.name}")
        copies[-1].write_text(path.read_text() + WRONG)
    said = report(TREE / "scripts/coccinelle/free/ifnullfree.cocci", copies)
    assert [path.name for path in copies if path.name not in said] == []
