# SPDX-License-Identifier: GPL-2.0-only
"""What `xen-lab bench --native` builds, runs and shows; no durations are compared."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Callable

import pytest

from lab.base.common import LabError
from lab.commands.bench import guests, native, source
from lab.commands.bench.native import CLOCKS, Cost, Costs, Cpu, parse
from lab.config import Settings
from tests.tree import KERNEL, TREE

COUNTS = [1, 2]
ROUNDS = 3
# What the table has to show
FUNCTIONS = {
    "native_sched_clock",
    "xen_sched_clock",
    "xen_sched_clock_pvclock",
    "pvclock_clocksource_read",
    "pvclock_clocksource_read_nowd",
    "kvm_sched_clock_read",
}
# By PVCLOCK_TSC_STABLE_BIT, or by the source of the clock
STATES = {
    "xen_sched_clock": {"tsc", "pvclock"},
    "pvclock_clocksource_read": {"stable", "unstable"},
    "pvclock_clocksource_read_nowd": {"stable", "unstable"},
    "kvm_sched_clock_read": {"stable", "unstable"},
}
CPUINFO = """\
processor\t: 0
model name\t: A & B CPU
flags\t\t: fpu tsc rdtscp constant_tsc hypervisor

processor\t: 1
model name\t: Another
flags\t\t: fpu
"""


def said() -> str:
    """Of one thread 1000 calls in a round, which take 10 ns each, of two 20 ns."""
    lines = ["tsc_khz 2400000"]
    for count in COUNTS:
        for name in CLOCKS:
            lines += [f"{name} {count} {1000 * count} {10000 * count**2}"] * ROUNDS
    return "\n".join(lines)


def all_costs(full: bool = True) -> Costs:
    return {(name, n): Cost(10.0 * n, full) for n in COUNTS for name in CLOCKS}


def test_parse() -> None:
    found = parse(said(), COUNTS, ROUNDS)
    assert set(found) == {(name, count) for name in CLOCKS for count in COUNTS}
    assert found["rdtsc", 1] == [(10000.0, 10.0)] * ROUNDS
    assert found["rdtsc", 2] == [(40000.0, 20.0)] * ROUNDS


Change = Callable[[str], str]
MUTANTS: dict[str, Change] = {
    "nothing": lambda text: "",
    "no frequency": lambda text: text.partition("\n")[2],
    "a frequency of zero": lambda text: text.replace("2400000", "0"),
    "a round less": lambda text: text.rpartition("\n")[0],
    "a round more": lambda text: text + "\n" + text.splitlines()[-1],
    "a clock less": lambda text: re.sub(r"(?m)^native_sched_clock .*\n", "", text),
    "another clock": lambda text: text.replace("native_sched_clock", "my_sched_clock"),
    "another number of threads": lambda text: text.replace("rdtsc 2 ", "rdtsc 3 "),
    "no time": lambda text: text.replace("1000 10000", "1000 0", 1),
    "no calls": lambda text: text.replace("1000 10000", "0 10000", 1),
    "no number": lambda text: text.replace("1000 10000", "1000 nan", 1),
    "a line cut short": lambda text: text.replace(" 1000 10000", "", 1),
    "a complaint": lambda text: text + "\noops",
}


@pytest.mark.parametrize("change", MUTANTS.values(), ids=list(MUTANTS))
def test_wrong_output_is_noticed(change: Change) -> None:
    assert change(said()) != said()
    with pytest.raises(LabError):
        parse(change(said()), COUNTS, ROUNDS)


def test_all_functions_are_measured() -> None:
    program = (source.PAYLOAD / "bench.c").read_text()
    assert re.findall(r'^\t\{ "([\w/]+)", ', program, re.M) == list(CLOCKS)
    names = [key.partition("/") for key in CLOCKS]
    assert FUNCTIONS <= {name for name, _, _ in names}
    for function, states in STATES.items():
        assert {state for name, _, state in names if name == function} == states


def test_cost() -> None:
    """A round in which a thread had to wait does not count, if there are others."""
    full, busy = [(960.0, 100.0 + n) for n in range(5)], [(500.0, 30.0)] * 9
    assert native.cost_of(busy + full, 1000) == Cost(102.0, full=True)
    # Those with most CPU time
    assert native.cost_of(busy + full[:4], 1000) == Cost(101.0, full=False)
    assert native.cost_of([(0.0, 0.0)] * 9, 1000) is None


def test_table_and_picture() -> None:
    costs = all_costs()
    lines = native.table(costs, COUNTS)
    assert len(lines) == len(CLOCKS) + 2
    assert lines[1].split() == ["1", "2"]
    for clock, line in zip(CLOCKS.values(), lines[2:], strict=True):
        assert line.split() == [*clock.name.split(), "10.0", "20.0"]
    drawn = native.draw(costs, COUNTS, "On A & B")
    assert "On A &amp; B" in drawn
    assert drawn.count("<polyline") == len([c for c in CLOCKS.values() if c.colour])


def test_notes() -> None:
    virtual, real = Cpu("", frozenset({"hypervisor"})), Cpu("", frozenset())
    assert native.notes(real, 64, all_costs()) == []
    assert any("little" in line for line in native.notes(real, 2, all_costs()))
    assert any("virtual" in line for line in native.notes(virtual, 64, all_costs()))
    assert any("busy" in line for line in native.notes(real, 64, all_costs(False)))
    assert "10.0*" in "".join(native.table(all_costs(False), COUNTS))


def test_thread_counts() -> None:
    assert native.thread_counts(1) == [1]
    assert native.thread_counts(2) == [1, 2]
    assert native.thread_counts(4) == [1, 2, 3, 4]
    assert native.thread_counts(20) == [1, 2, 3, 4, 6, 8, 12, 16, 20]


def test_cpu() -> None:
    cpu = Cpu.of(CPUINFO)
    cpu.check()
    assert (cpu.model, cpu.virtual, cpu.ordered) == ("A & B CPU", True, "rdtscp")
    with pytest.raises(LabError, match="not constant: Another"):
        Cpu.of(CPUINFO.partition("\n\n")[2]).check()


def test_refusals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each says what is missing, and how to get it."""
    with pytest.raises(LabError, match="not unpacked(.|\n)*scripts/kernel 6.12 tree"):
        source.need_tree("6.12", tmp_path)
    (tmp_path / source.PVCLOCK).parent.mkdir(parents=True)
    (tmp_path / source.PVCLOCK).write_text("")
    with pytest.raises(LabError, match="6.1 has no pvclock_clocksource_read_nowd"):
        source.need_tree("6.1", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="gcc is missing(.|\n)*apt-get install gcc"):
        source.build("6.12", "rdtscp")
    (tmp_path / "cpuinfo").write_text(CPUINFO.replace("constant_tsc", ""))
    monkeypatch.setattr(native, "CPUINFO", tmp_path / "cpuinfo")
    with pytest.raises(LabError, match="not constant"):
        native.measure(Settings())


TEXT = """\
/* one() is another */
#define one(x) x
static int two;
struct one {
\tint a;

}; /* fits */
static __always_inline int
one(int a,
    int b)
{
\tif (a) {
\t\treturn b;
\t}
}
static DEFINE_PER_CPU(struct one *, three);
u64 four(void);
noinstr u64 four(void)
{
\treturn one(two, 4);
}
"""


def test_definitions() -> None:
    """Of functions, structures and variables, and not their declarations and uses."""
    find = source.definition
    assert find(TEXT, "struct one") == "struct one {\n\tint a;\n\n}; /* fits */\n"
    assert find(TEXT, "one").startswith("static __always_inline int\none(int a,\n")
    assert find(TEXT, "one").endswith("\n\t}\n}\n")
    assert find(TEXT, "two") == "static int two;\n"
    assert find(TEXT, "three") == "static DEFINE_PER_CPU(struct one *, three);\n"
    assert find(TEXT, "four").startswith("noinstr u64 four(void)\n{\n\treturn")
    assert find(TEXT, "five") == find(TEXT, "struct two") == ""


def some_tree(tmp_path: Path) -> Path:
    """A copy of what the program needs of the kernel's."""
    tree = tmp_path / "tree"
    for name in (*source.TAKEN, *source.HEADERS, source.PVCLOCK):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TREE / name, tree / name)
    return tree


@pytest.fixture
def cpu() -> Cpu:
    cpu = Cpu.of(native.CPUINFO.read_text())
    try:
        cpu.check()
        source.need_tree(KERNEL, TREE)
    except LabError as error:
        pytest.skip(str(error).splitlines()[0])
    return cpu


@pytest.mark.usefixtures("trees")
def test_run(cpu: Cpu, tmp_path: Path) -> None:
    """As it is on this machine, and then with a pvclock that runs twice as fast."""
    tree, work = some_tree(tmp_path), tmp_path / "work"
    program = source.compile_all(source.copy(tree, work), work, cpu.ordered)
    counts = native.thread_counts(len(os.sched_getaffinity(0)))[:2]
    costs = native.run(program, counts, us=200, rounds=5)
    assert set(costs) == {(name, count) for name in CLOCKS for count in counts}
    assert all(cost.ns > 0 for cost in costs.values())

    header = tree / source.HEADERS[0]
    good = header.read_text()
    header.write_text(good.replace("system_time + offset", "system_time + 2 * offset"))
    assert header.read_text() != good
    program = source.compile_all(source.copy(tree, work), work, cpu.ordered)
    with pytest.raises(LabError, match=r"xen_sched_clock/pvclock counts \d+ ns in"):
        native.run(program, [1], us=200, rounds=5)


def test_what_a_busy_machine_cannot_tell() -> None:
    """Xen's time can stand still for longer than the calls take."""
    said = "xen_probe_cost: sched_clock: -38934 cycles, -18574 ns for 1000 calls"
    assert guests.COSTS.search(said)
    row = guests.row("a", dict(zip(guests.COLUMNS, (-18.6, 4.3, 65.0, 6026.0))))
    assert row.split() == ["a", "?", "4.3", "65.0", "6026.0"]


@pytest.mark.usefixtures("trees")
def test_tree_without_a_function(cpu: Cpu, tmp_path: Path) -> None:
    assert cpu
    tree = some_tree(tmp_path)
    tsc = tree / "arch/x86/kernel/tsc.c"
    tsc.write_text(tsc.read_text().replace("__cycles_2_ns(", "__cycles_to_ns("))
    with pytest.raises(LabError, match="does not define __cycles_2_ns"):
        source.copy(tree, tmp_path / "work")
