# SPDX-License-Identifier: GPL-2.0-only
"""The pages on the clocks say what the code says, and the kernel can show them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from lab.__main__ import COMMANDS, parser_of_all
from lab.base.common import TOP
from lab.commands.check import JOBS, MEMORY_OF_A_JOB
from lab.commands.matrix.table import CYCLES, cells
from lab.host.rundir import RUNS_KEPT
from tests.tree import TREE, make, run

PAGES = TOP / "Documentation/virt/xen"
CLOCKS = PAGES / "clocks.rst"
TROUBLE = PAGES / "clock-troubleshooting.rst"
KERNEL_PAGES = sorted(PAGES.iterdir())
INSIDE = TOP / "Documentation/lab/inside.rst"
NAMES = ("clocks", "troubleshooting")
OURS = [
    TOP / "README.rst",
    TOP / "CONTRIBUTING.rst",
    *sorted((TOP / "Documentation/lab").glob("*.rst")),
]
# Named in them: there once it is built, or for a kernel that it calls W
ELSEWHERE = ("tools/xen-clock/xen-clock", "lab/kconfig/kernel.config.W")
# `text <path>`__, and without a text
LINK = re.compile(r"<([^<>\s]+)>`__")
ABI = TOP / "Documentation/ABI/testing/sysfs-hypervisor-xen-tsc"
XEN = TOP / "arch/x86/xen"

PARTS = ("fixes", "watchdog", "policy", "ptp")
LETTERS = [TOP / f"series/cover-letter.{part}" for part in PARTS]

RULE = re.compile(r'\] = \{\s*"([\w-]+)", XEN_TSC_(\w+),\s*"([^"]+)"')
RULE_BEGINS = re.compile(r"^\t\[\w+\] = \{", re.M)
ATTRIBUTE = re.compile(r"^\t&(\w+)_attr\.attr,$", re.M)
PRINT = re.compile(r'\bpr_(?:info|warn)\("([^"]+)\\n"')
REASON = re.compile(r'\bscnprintf\(text, size, "([^"]+)"')
PREFIX = re.compile(r'#define pr_fmt\(fmt\) "([^"]*)" fmt')
DUE_TO = re.compile(r'mark_tsc_unstable\("([^"]+)"\)')
TITLE = re.compile(r"^(xen: .+)\n=+$", re.M)
INLINE = re.compile(r"``(xen: [^`]+)``")
LINE = re.compile(r"(?P<indent> +)(?:\[ *[0-9.]+\] )?(?P<text>xen: .+)")
# The packages of lab/: each uses only itself and those before it
LAYERS = tuple("base config images host guest checks commands __main__".split())
USED = re.compile(r"^\s*(?:from|import) lab\.(\w+)", re.M)
NUMBERS = {"%u": r"\d+", "%lld": r"-?\d+"}
# What clocks.rst says in numbers, and where the code has it
THRESHOLDS = {
    "10 ms + elapsed / 2^13": ".ns = 10 * NSEC_PER_MSEC, .drift_shift = 13,",
    "0.5 s + elapsed / 2^10": ".ns = NSEC_PER_SEC / 2, .drift_shift = 10,",
    "at most 10 seconds old": "XEN_TSC_REFERENCE_NS (10LL * NSEC_PER_SEC)",
    "more than 100 ppm": "XEN_TSC_CHANGE_PPM 100",
    "5 % if only the pvclock": "XEN_TSC_PLAUSIBLE_PPM 50000",
}


def simple_table(text: str, first: str) -> list[list[str]]:
    """Read the rows of the reST table whose first heading is named."""
    head = re.search(rf"^=+(?: +=+)+\n(?={first} )", text, re.M)
    assert head is not None, f"there is no table with {first}"
    border, _, _, *lines = text[head.start() :].splitlines()
    starts = [found.start() for found in re.finditer("=+", border)]
    ends: list[int | None] = [*starts[1:], None]
    rows: list[list[str]] = []
    for line in lines:
        if line == border:
            return rows
        cells = [line[start:end].strip() for start, end in zip(starts, ends)]
        if cells[0]:
            rows.append(cells)
        else:
            rows[-1] = [" ".join(pair).strip() for pair in zip(rows[-1], cells)]
    raise AssertionError(f"the table with {first} has no end")


def code() -> dict[str, str]:
    """Read the C files, and join string literals that were split."""
    files = sorted(XEN.glob("*.c"))
    return {path.name: re.sub(r'"\s*\n\s*"', "", path.read_text()) for path in files}


def words() -> str:
    """What a %s can stand for: texts of the code, and what it makes of them."""
    files = code().values()
    texts = {text for file in files for text in re.findall(r'"([^"\n]+)"', file)}
    known = "|".join(sorted(re.escape(text) for text in texts if "%" not in text))
    reasons = {
        pattern(part, known)
        for file in files
        for text in REASON.findall(file)
        for part in beginnings(text)
    }
    assert reasons
    return "|".join([known, *sorted(reasons)])


def formats() -> list[str]:
    """Find all formats that are printed, with the prefix of their file."""
    found = []
    for name, text in code().items():
        prints = PRINT.findall(text)
        prefix = PREFIX.search(text)
        assert prefix is not None or not prints, f"{name} prints without a prefix"
        if prefix is not None:
            found += [prefix[1] + text for text in prints]
    return found


def pattern(text: str, known: str) -> str:
    """Make a regular expression for what a format prints."""
    parts = re.split(r"(=%s|%\w+)", text)
    special = {"=%s": r"=\S+", "%s": f"(?:{known})", **NUMBERS}
    return "".join(special.get(part, re.escape(part)) for part in parts)


def beginnings(text: str) -> list[str]:
    """Cut a format off after each of its words."""
    ends = [found.start() for found in re.finditer(r"[ ,:(]", text)]
    return [text[:end] for end in (*ends, len(text))]


def quoted(text: str) -> list[str]:
    """Find the log lines in literal blocks, with their continuation lines."""
    found: list[str] = []
    indent = None
    for line in text.splitlines():
        start = LINE.fullmatch(line)
        if start is not None:
            indent = len(start["indent"])
            found.append(start["text"])
        elif indent is not None and line.startswith(" " * (indent + 1)):
            found[-1] += " " + line.strip()
        else:
            indent = None
    return found


def test_policy() -> None:
    rules = RULE.findall(code()["tsc_policy.c"])
    in_code = [(rule, verdict.lower(), reason) for rule, verdict, reason in rules]
    table = simple_table(CLOCKS.read_text(), "Rule")
    assert in_code and len(in_code) == len(RULE_BEGINS.findall(code()["tsc_policy.c"]))
    assert [(rule, verdict, reason) for rule, _, verdict, reason in table] == in_code


def test_rules_in_advice() -> None:
    """The advice on a slow clock is by rules that exist."""
    rules = [rule for rule, _, _ in RULE.findall(code()["tsc_policy.c"])]
    text = TROUBLE.read_text().partition("It depends on the rule")[2]
    named = re.findall(r"^  - ([\w-]+): ", text.partition("\n\n  xen_")[0], re.M)
    assert len(named) > 3 and set(named) <= set(rules)


def test_thresholds() -> None:
    text = " ".join(CLOCKS.read_text().split())
    source = " ".join([*code().values(), (XEN / "tsc_skew.h").read_text()])
    source = " ".join(source.split())
    for shown, defined in THRESHOLDS.items():
        assert shown in text, shown
        assert defined in source, defined


def test_sysfs() -> None:
    names = re.findall(r"^What:\s+/sys/hypervisor/tsc/(\w+)$", ABI.read_text(), re.M)
    assert names and names == ATTRIBUTE.findall(code()["tsc_sysfs.c"])
    for page in (CLOCKS, TROUBLE, TOP / "README.rst"):
        used = re.findall(r"/sys/hypervisor/tsc/(\w+)", page.read_text())
        assert set(used) <= set(names), page


@pytest.mark.parametrize("page", (CLOCKS, TROUBLE), ids=NAMES)
def test_log_lines(page: Path) -> None:
    known = words()
    whole = [pattern(text, known) for text in formats()]
    lines = quoted(page.read_text())
    assert lines
    for line in lines:
        assert any(re.fullmatch(regex, line) for regex in whole), line


@pytest.mark.parametrize("page", (CLOCKS, TROUBLE), ids=NAMES)
def test_beginnings_of_log_lines(page: Path) -> None:
    known = words()
    starts = {pattern(part, known) for text in formats() for part in beginnings(text)}
    text = page.read_text()
    for line in TITLE.findall(text) + INLINE.findall(text):
        line = " ".join(line.split())
        assert any(re.fullmatch(regex, line) for regex in starts), line


def test_every_format_is_shown() -> None:
    known = words()
    lines = quoted(CLOCKS.read_text())
    for text in formats():
        regex = pattern(text, known)
        assert any(re.fullmatch(regex, line) for line in lines), text


def test_reasons_for_the_core() -> None:
    """Each "Marking TSC unstable due to" that is ours is explained."""
    reasons = {reason for text in code().values() for reason in DUE_TO.findall(text)}
    assert len(reasons) == 2
    for reason in reasons:
        assert f'\n  "{reason}"  ' in TROUBLE.read_text(), reason


@pytest.mark.parametrize("page", KERNEL_PAGES, ids=[p.stem for p in KERNEL_PAGES])
def test_form(page: Path) -> None:
    lines = page.read_text().splitlines()
    assert lines[0] == ".. SPDX-License-Identifier: GPL-2.0-only"
    assert len(lines) < 300
    assert not [line for line in lines if len(line) > 80]


@pytest.mark.parametrize("letter", LETTERS, ids=PARTS)
def test_cover_letter(letter: Path) -> None:
    """The first line is the subject, and the text follows an empty line."""
    subject, empty, *text = letter.read_text().splitlines()
    assert re.match(r"\S+: [A-Z]", subject) and not empty and text[0]
    assert max(map(len, [subject, *text])) <= 75


def complaints(said: str) -> list[str]:
    """Filter out what is not about our pages.

    They have no figures, which need graphviz. Sphinx reads all of Documentation/ABI
    with them, which describes some files twice.
    """
    lines = re.findall(r"^.*(?:WARNING|ERROR|CRITICAL).*$", said, re.M)
    lines = [line for line in lines if "dot(1) not found" not in line]
    return [
        line for line in lines if "Documentation/ABI/" not in line or ABI.name in line
    ]


@pytest.mark.parametrize("page", OURS, ids=[page.stem for page in OURS])
def test_our_own_pages(page: Path) -> None:
    """They are rendered as they are, without Sphinx."""
    text = page.read_text()
    done = run("rst2html", "--strict", page, "/dev/null")
    assert (done.returncode, done.stdout) == (0, "")
    assert len(text.splitlines()) <= 300
    assert max(map(len, text.splitlines())) <= 90
    rules = re.findall(r"^([\w -]+):(?!=)", (TOP / "Makefile").read_text(), re.M)
    targets = re.findall(r"""(?:^[ \t]+|["`])make (\w[\w-]*)""", text, re.M)
    assert set(targets) <= {target for rule in rules for target in rule.split()}
    commands = re.findall(r"""(?:^[ \t]+|["`])(?:\./)?xen-lab (\w[\w-]*)""", text, re.M)
    assert set(commands) <= set(COMMANDS)
    for words in re.findall(r"^[ \t]+\./xen-lab (.*?)(?:\s+#.*)?$", text, re.M):
        if "..." not in words and "|" not in words:
            parser_of_all().parse_args(shlex.split(words))
    for name in re.findall(
        r"(?<!build/)\b(?:Documentation|tools|arch|lab|tests)/[\w./-]+\w", text
    ):
        there = [tree for tree in (TOP, TREE) if (tree / name).exists()]
        assert there or name in ELSEWHERE, name
    links = [link for link in LINK.findall(text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    assert links or page.name != "README.rst"


def test_layers_of_the_lab() -> None:
    lab = TOP / "lab"
    modules = [path for path in lab.rglob("*.py") if path != lab / "__init__.py"]
    # What guests run is no part of it
    modules = [path for path in modules if lab / "payload" not in path.parents]
    assert {path.relative_to(lab).parts[0].removesuffix(".py") for path in modules} == {
        *LAYERS
    }
    for path in modules:
        layer = LAYERS.index(path.relative_to(lab).parts[0].removesuffix(".py"))
        for name in USED.findall(path.read_text()):
            assert LAYERS.index(name) <= layer, f"{path} uses lab.{name}"
    # Commands share these with each other, and nothing else
    shared = {"options", "result", "boot_report"}
    for path in (lab / "commands").rglob("*.py"):
        own = path.relative_to(lab / "commands").parts[0].removesuffix(".py")
        used = re.findall(r"^from lab\.commands\.(\w+)", path.read_text(), re.M)
        assert set(used) <= shared | {own}, path
    told = re.findall(r"^ {4}lab/(\w+)(?:/|\.py) ", INSIDE.read_text(), re.M)
    assert told == list(reversed(LAYERS))


def test_numbers() -> None:
    """They come from the code."""
    memory = MEMORY_OF_A_JOB >> 30
    for page, texts in {
        TOP
        / "CONTRIBUTING.rst": [
            f"in up to {JOBS} processes,",
            f"each {memory} GiB of memory",
        ],
        INSIDE: [f"The last {RUNS_KEPT} runs are kept."],
        INSIDE.with_name("tests.rst"): [
            f"there are {len(cells())} of them",
            f"suspended {CYCLES} times (cycles)",
        ],
    }.items():
        words = " ".join(page.read_text().split())
        assert [text for text in texts if text not in words] == [], page


@pytest.mark.usefixtures("own_trees")
def test_htmldocs(tmp_path: Path) -> None:
    """As the kernel makes its documentation."""
    for page in PAGES.iterdir():
        there = TREE / page.relative_to(TOP)
        assert there.read_bytes() == page.read_bytes(), "build the kernel first"
    where = ("SPHINXDIRS=virt/xen", f"BUILDDIR={tmp_path}")
    said = make("htmldocs", *where, cwd=TREE)
    assert not complaints(said), said
    assert "TSC" in (tmp_path / "virt/xen/clocks.html").read_text()
