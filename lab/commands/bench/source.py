# SPDX-License-Identifier: GPL-2.0-only
"""Builds the kernel's clocks into a program, of the series' file and a kernel's tree.

Files that need little besides are compiled as they are. Of the others the program takes
the definitions that it uses, by name.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Iterator

from lab.base.common import BUILD, LAB, TOP, LabError, locked, need, output
from lab.images.kernel import tree_of

PAYLOAD = TOP / "lab" / "payload" / "bench"
KERNEL_SIDE = TOP / "arch" / "x86" / "xen"
TOOL_HEADERS = TOP / "tools" / "xen-clock" / "include"
WORK = LAB / "bench"
PVCLOCK = "arch/x86/kernel/pvclock.c"
# Headers of the tree that are compiled as they are
HEADERS = tuple(
    f"arch/x86/include/asm/{name}.h" for name in ("pvclock", "pvclock-abi", "kvmclock")
)
# Functions, structures and variables, in the order in which they are needed
TAKEN = {
    "include/linux/seqlock.h": (
        "raw_read_seqcount_latch",
        "raw_read_seqcount_latch_retry",
        "raw_write_seqcount_latch",
        "write_seqcount_latch_begin",
        "write_seqcount_latch",
        "write_seqcount_latch_end",
    ),
    "include/linux/math64.h": ("mul_u64_u32_shr",),
    "arch/x86/include/asm/timer.h": ("struct cyc2ns_data",),
    "kernel/time/clocksource.c": ("clocks_calc_mult_shift",),
    "arch/x86/kernel/tsc.c": (
        "struct cyc2ns",
        "cyc2ns",
        "__cyc2ns_read",
        "__cycles_2_ns",
        "cycles_2_ns",
        "__set_cyc2ns_scale",
        "native_sched_clock",
    ),
    "arch/x86/kernel/kvmclock.c": (
        "hv_clock_per_cpu",
        "kvm_sched_clock_offset",
        "kvm_sched_clock_read",
    ),
}
# Those of arch/x86/Makefile and Makefile that matter, without what mitigations add, and
# but for the code model: a program is at other addresses
KERNEL_FLAGS = """
    -fno-strict-aliasing -fno-common -fno-strict-overflow
    -fno-delete-null-pointer-checks -fno-stack-protector -fcf-protection=none
    -fno-asynchronous-unwind-tables -fno-jump-tables -fomit-frame-pointer
    -falign-functions=16 -falign-jumps=1 -falign-loops=1 -mtune=generic
    -mno-red-zone -mno-sse -mno-mmx -mno-avx -mno-80387 -mskip-rax-setup
    -Wno-pointer-sign -Wno-unused-function
""".split()
FLAGS = "-O2 -std=gnu11 -fno-pie -Wall -Werror=implicit-function-declaration".split()


def definition(text: str, name: str) -> str:
    """The first one of a function, of a structure, or of a variable; or nothing.

    It ends with the first brace at the start of a line, as the kernel's style has it.
    """
    word = re.escape(name)
    if name.startswith("struct "):
        pattern = rf"^{word} \{{\n.*?^\}}[^\n]*\n"
    else:
        function = rf"(?:\w[^\n;(){{}}]*\n)?(?:\w[^\n;(]*[ *])?{word}\([^;{{}}]*\)\n"
        per_cpu = rf"\w[^\n(]*PER_CPU\w*\([^\n]*, {word}\);\n"
        variable = rf"\w[^\n(]*[ *]{word}\b[^\n(]*;\n"
        pattern = rf"^(?:{function}\{{\n.*?^\}}\n|{per_cpu}|{variable})"
    found = re.search(pattern, text, re.M | re.S)
    return found[0] if found else ""


def take(tree: Path, file: str, names: tuple[str, ...]) -> str:
    """The definitions, as they are in the file."""
    text = (tree / file).read_text()
    parts = [definition(text, name) for name in names]
    missing = [name for name, part in zip(names, parts, strict=True) if not part]
    if missing:
        raise LabError(f"{tree / file} does not define {', '.join(missing)}")
    return "\n".join(parts)


def need_tree(kernel: str, tree: Path) -> None:
    """A tree that has the functions which are measured."""
    if not (tree / PVCLOCK).exists():
        raise LabError(
            f"the source of Linux {kernel} is not unpacked in {tree}",
            hint=f"scripts/kernel {kernel} tree",
        )
    if not definition((tree / PVCLOCK).read_text(), "pvclock_clocksource_read_nowd"):
        raise LabError(
            f"Linux {kernel} has no pvclock_clocksource_read_nowd(), which is measured",
            hint="Later kernels have it, such as the default.",
        )


def included(text: str) -> Iterator[str]:
    yield from re.findall(r"^#include <(.*)>$", text, re.M)


def copy(tree: Path, work: Path) -> list[Path]:
    """Copy what is compiled, so that the tree may change, and return it."""
    shutil.rmtree(work, ignore_errors=True)
    taken = work / "taken"
    for file, names in TAKEN.items():
        target = taken / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(take(tree, file, names))
    headers = work / "include"
    (headers / "asm").mkdir(parents=True)
    for file in HEADERS:
        shutil.copy(tree / file, headers / "asm")
    sources = [
        KERNEL_SIDE / "sched_clock.c",
        tree / PVCLOCK,
        *sorted(PAYLOAD.glob("*_clock.c")),
    ]
    copies = [Path(shutil.copy(source, work)) for source in sources]
    make_headers(headers, [*copies, *headers.glob("asm/*.h")])
    return copies


def make_headers(headers: Path, files: list[Path]) -> None:
    """Empty ones, where lab/payload/bench/kernel.h has all that is needed of them."""
    for file in files:
        for name in included(file.read_text()):
            header = headers / name
            if not header.exists() and not (TOOL_HEADERS / name).exists():
                header.parent.mkdir(parents=True, exist_ok=True)
                header.touch()


def build(kernel: str, ordered: str) -> Path:
    """The program; ordered is what the kernel makes of rdtsc_ordered() on this CPU."""
    tree = tree_of(kernel)
    need("gcc")
    need_tree(kernel, tree)
    with locked(BUILD / f".lock-kernel-{kernel}", shared=True):
        files = copy(tree, WORK)
    return compile_all(files, WORK, ordered)


def compile_all(kernel_files: list[Path], work: Path, ordered: str) -> Path:
    """Compile and link what was copied, and the program around it."""
    include = [work, work / "include", TOOL_HEADERS, KERNEL_SIDE]
    words = [*FLAGS, f'-DRDTSC_ORDERED="{ordered}"']
    words += [f"-I{path}" for path in include]
    words += ["-include", str(PAYLOAD / "kernel.h")]
    objects = []
    for file in [*kernel_files, PAYLOAD / "bench.c"]:
        flags = KERNEL_FLAGS if file in kernel_files else ["-D_GNU_SOURCE"]
        target = work / f"{file.stem}.o"
        output("gcc", *words, *flags, "-c", "-o", str(target), str(file))
        objects.append(str(target))
    program = work / "bench"
    output("gcc", "-no-pie", "-pthread", "-o", str(program), *objects)
    return program
