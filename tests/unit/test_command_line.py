# SPDX-License-Identifier: GPL-2.0-only
"""The command line: what is wrong is refused, and named; make has the same options."""

from __future__ import annotations

import argparse
import re
import shlex

import pytest

from lab.__main__ import COMMANDS, parser_of_all
from lab.base.common import TOP, LabError
from lab.base.select import select
from lab.commands.options import settings_of
from lab.commands.ship import PARTS
from lab.config import GUESTS, HOSTS, XENS, Settings
from tests.tree import KERNELS, run

LISTED = ["check", "matrix", "suites", "bisect", "mutants", "prove", "kernel"]


def parse(text: str) -> argparse.Namespace:
    return parser_of_all().parse_args(text.split())


def make(*words: str) -> str:
    """Return what make would run, or how it fails."""
    return run("make", "-n", "--no-print-directory", *words, cwd=TOP).stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        parse(f"{command} --help")
    text = capsys.readouterr().out
    assert text.startswith(f"usage: xen-lab {command} ")
    assert re.search(r"^[A-Z].*\.$", text, re.M), "it does not say what it does"


@pytest.mark.parametrize("command", LISTED)
def test_list(command: str) -> None:
    said = run("./xen-lab", command, "--list")
    assert said.returncode == 0 and len(said.stdout.splitlines()) >= 3


@pytest.mark.parametrize(
    ("option", "names"),
    [
        ("--kernel", KERNELS),
        ("--xen", XENS),
        ("--host", HOSTS),
        ("--guest", GUESTS),
        ("--tsc-mode", ("default", "native")),
        ("--mutant", ("no-hooks", "wrap")),
    ],
)
def test_a_wrong_value_names_the_right_ones(
    option: str, names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(f"boot {option} nonsense")
    said = capsys.readouterr().err
    assert f"argument {option}: invalid choice: 'nonsense'" in said
    assert all(f"'{name}'" in said for name in names)


@pytest.mark.parametrize(
    "text",
    ["matrix --cmdline x", "check -v", "fuzz --kernel 6.12", "debug --host trusted"],
)
def test_an_option_without_effect_does_not_exist(text: str) -> None:
    command, option, *_ = text.split()
    done = run("./xen-lab", *text.split())
    assert done.returncode == 2 and f"usage: xen-lab {command}" in done.stdout
    assert f"error: this command has no {option}" in done.stdout


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("bench --native --host trusted", "--host"),
        ("kit --tsc-mode native", "--tsc-mode"),
        ("check --list --all-kernels", "--all-kernels"),
        ("kernel --list --part fixes", "--part"),
        ("kernel --all --kernel 6.1", "--kernel"),
        ("apply --kdir x -R --signoff y", "--signoff"),
    ],
)
def test_an_option_without_effect_is_refused(text: str, option: str) -> None:
    """Where others decide whether it has one."""
    done = run("./xen-lab", *text.split())
    assert done.returncode == 2 and f": error: {option} " in done.stdout


def test_parts() -> None:
    """They are those that the scripts know."""
    text = (TOP / "scripts" / "series.sh").read_text()
    assert f"\nparts=({' '.join(PARTS)})\n" in text


@pytest.mark.parametrize("words", ["-k pv-save", "-k pv-package --no-build"])
def test_a_configuration_that_nothing_is_built_with(words: str) -> None:
    args = parse(f"distro --config some.config {words}")
    with pytest.raises(LabError, match="--config is for a package that is built"):
        COMMANDS["distro"].main(args)


def test_command_line_of_a_guest(capsys: pytest.CaptureFixture[str]) -> None:
    """It stands in double quotes in xl's configuration."""
    with pytest.raises(SystemExit):
        parser_of_all().parse_args(["boot", "--cmdline", 'a="b"'])
    assert "double quote" in capsys.readouterr().err


def test_settings() -> None:
    assert settings_of(parse("boot")) == Settings()
    words = "--kernel 6.1 --xen 4.14 --host itsc --guest pvh --tsc-mode native"
    expected = Settings("6.1", XENS["4.14"], HOSTS["itsc"], "pvh", "native", "x=y")
    assert settings_of(parse(f"boot {words} --cmdline x=y")) == expected


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["check"], ""),
        (["boot", "XEN=4.20", "V=1"], "--xen='4.20' --verbose"),
        (["boot", "CMDLINE=a'b"], r"--cmdline='a'\''b'"),
        (["series", "KDIR="], ""),
        (["apply", "KDIR=/k", "R=1"], "--kdir='/k' --reverse"),
    ],
)
def test_variables_of_make(words: list[str], options: str) -> None:
    last = make(*words).strip().rpartition("; ")[2]
    assert last.split() == f"./xen-lab {words[0]} {options}".split()


@pytest.mark.parametrize("value", ["0", "yes"])
def test_a_flag_of_make_that_is_not_1(value: str) -> None:
    assert "R= can be 1, or is left out" in make("apply", "KDIR=x", f"R={value}")


def test_variables_that_make_does_not_know() -> None:
    assert "there is no variable XENN, but there are KERNEL XEN " in make(
        "boot", "XENN=4.20"
    )


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("", ["ab", "bc", "b-1.2"]),
        ("ab", ["ab"]),
        ("b and not 1.2", ["ab", "bc"]),
        ("not (ab or bc)", ["b-1.2"]),
        ("b-1.2", ["b-1.2"]),
    ],
)
def test_selection(expression: str, found: list[str]) -> None:
    assert select(expression, ["ab", "bc", "b-1.2"]) == found


@pytest.mark.parametrize("expression", ["a and", "not", "(", "a b", "nothing"])
def test_wrong_selection(expression: str) -> None:
    with pytest.raises(LabError, match=re.escape(f"'{expression}' ")):
        select(expression, ["ab"])


def test_the_pipeline_has_commands_that_exist() -> None:
    text = re.sub(r"\n +(?=-)(?!- )", " ", (TOP / ".gitlab-ci.yml").read_text())
    commands = re.findall(r"^ +- \./xen-lab (.*)$", text, re.M)
    values = {"KERNEL": KERNELS[0], "SHARD": "1/4", "SHARD%/*": "1", "CASES": "pv"}
    for command in commands:
        words = [
            re.sub(r"\$\{?([\w%/*]+)\}?", lambda name: values[str(name[1])], word)
            for word in shlex.split(command)
        ]
        parser_of_all().parse_args(words)
    assert {command.split()[0] for command in commands} > {"check", "matrix", "report"}
