# SPDX-License-Identifier: GPL-2.0-only
"""Neither the compiler with W=1 nor sparse has anything to say about our code."""

from __future__ import annotations

import pytest

from tests.tree import EACH, PATCHES, added, make, tree_of

pytestmark = pytest.mark.usefixtures("own_trees")

# Linux 7.2 wants one that knows this word, and 7.3 one that knows how long a string is
# that it reads: Debian 12's does not
SPARSE = "sparse -D__typeof_unqual__=__typeof__ '-D__builtin_strlen(s)=(sizeof(s) - 1)'"
SOURCES = added(PATCHES)
OBJECTS = [
    name[:-2] + ".o"
    for name in SOURCES
    if name.endswith(".c") and not name.startswith("tools/")
]


def about_ours(said: str) -> str:
    lines = said.splitlines()
    told = [line for line in lines if "warning:" in line or "error:" in line]
    return "\n".join(line for line in told if line.startswith((*SOURCES, *OBJECTS)))


@pytest.mark.parametrize("kernel", EACH)
def test_w1(kernel: str) -> None:
    for name in OBJECTS:
        (tree_of(kernel) / name).unlink(missing_ok=True)
    said = make("W=1", *OBJECTS, cwd=tree_of(kernel))
    assert OBJECTS and not about_ours(said), about_ours(said)
    for name in OBJECTS:
        assert f"CC      {name}" in said, f"the compiler did not look at {name}"


@pytest.mark.parametrize("kernel", EACH)
def test_sparse(kernel: str) -> None:
    said = make("C=2", f"CHECK={SPARSE}", *OBJECTS, cwd=tree_of(kernel))
    assert OBJECTS and not about_ours(said), about_ours(said)
    for name in OBJECTS:
        assert f"CHECK   {name[:-2]}.c" in said, f"sparse did not look at {name}"
