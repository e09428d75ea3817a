# SPDX-License-Identifier: GPL-2.0-only
"""What comes with xen-clock: alerts, a dashboard, units, completion, a package."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.base.common import BUILD, TOP, output
from tests.recorded import OUT, PATCHED, SOURCE, Tool, good, promtool
from tests.tree import run, silent

PROMETHEUS = SOURCE / "prometheus"
ALERTS = (PROMETHEUS / "alerts.yml").read_text()
NAMES = re.findall(r"^  - alert: (\w+)$", ALERTS, re.M)
RUNBOOK = SOURCE / "runbook.rst"
COMPLETION = SOURCE / "completion.bash"
# Of node_exporter itself
OTHERS = {"node_textfile_mtime_seconds"}


@pytest.fixture(scope="module", name="checker")
def fixture_checker() -> Path:
    return promtool()


def cases_of(name: str) -> list[str]:
    text = (PROMETHEUS / "alerts_test.yml").read_text()
    cases = re.findall(rf"    alertname: {name}\n    exp_alerts:(.*)", text)
    return ["quiet" if case else "fires" for case in cases]


def test_rules(checker: Path) -> None:
    assert len(NAMES) >= 6
    done = run(checker, "check", "rules", "alerts.yml", cwd=PROMETHEUS)
    assert done.returncode == 0, done.stdout
    done = run(checker, "test", "rules", "alerts_test.yml", cwd=PROMETHEUS)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_alert(name: str) -> None:
    """Tested both ways, and explained."""
    assert {"quiet", "fires"} == set(cases_of(name))
    assert f"\n{name}\n{'=' * len(name)}\n\nWhat it means\n" in RUNBOOK.read_text()
    assert f"runbook: runbook.rst, {name}\n" in ALERTS
    assert len(re.findall(r"^X\w+\n=+$", RUNBOOK.read_text(), re.M)) == len(NAMES)


def metrics_in(text: str) -> set[str]:
    return set(re.findall(r"\b(?:xen_clock|node)_\w+", text))


def expressions() -> list[str]:
    board: dict[str, Any] = json.loads((PROMETHEUS / "dashboard.json").read_text())
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    targets = [target for panel in board["panels"] for target in panel["targets"]]
    assert len(targets) >= 8
    return [target["expr"] for target in targets]


def test_metrics_exist(tool: Tool) -> None:
    exported = metrics_in(good(tool(PATCHED, "metrics"))) | OTHERS
    exprs = re.findall(r"expr: (.*(?:\n      .*)*?)\n    (?:for|labels):", ALERTS)
    assert len(exprs) == len(NAMES)
    assert metrics_in("\n".join(exprs + expressions())) <= exported


def test_dashboard(checker: Path, tmp_path: Path) -> None:
    """Prometheus takes its expressions."""
    rules = [{"record": f"r{i}", "expr": e} for i, e in enumerate(expressions())]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
    done = run(checker, "check", "rules", file)
    assert done.returncode == 0, done.stdout


def installed(tmp_path: Path, *variables: str) -> Path:
    silent("make", "-s", "-C", SOURCE, f"O={OUT / 'static'}", "all")
    place = (f"O={OUT / 'static'}", f"DESTDIR={tmp_path}", *variables)
    silent("make", "-s", "-C", SOURCE, *place, "install")
    return tmp_path


def test_install(built: None, tmp_path: Path) -> None:
    place = installed(tmp_path / "one", "PREFIX=/usr")
    assert (place / "usr/bin/xen-clock").stat().st_mode & 0o777 == 0o755
    files = {
        str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()
    }
    assert {
        "usr/share/man/man1/xen-clock.1",
        "usr/share/bash-completion/completions/xen-clock",
        "usr/share/doc/xen-clock/alerts.yml",
        "usr/share/doc/xen-clock/chrony-host.conf",
        "usr/lib/systemd/system/xen-clock-metrics.timer",
    } <= files
    other = installed(tmp_path / "two", "prefix=/opt/x")
    unit = (other / "opt/x/lib/systemd/system/xen-clock-metrics.service").read_text()
    assert "ExecStart=/opt/x/bin/xen-clock metrics" in unit
    silent("make", "-s", "-C", SOURCE, "prefix=/opt/x", f"DESTDIR={other}", "uninstall")
    assert not [path for path in other.rglob("*") if path.is_file()]


def test_pages_refer_to_each_other(built: None, tmp_path: Path) -> None:
    """What the runbook names lies beside it, and what these pages name, too."""
    place = installed(tmp_path, "PREFIX=/usr") / "usr/share/doc/xen-clock"
    there = {path.name for path in place.iterdir()}
    named = re.findall(r"[\w/-]+\.(?:rst|yml|json|conf)\b", RUNBOOK.read_text())
    assert "alerts.yml" in named and set(named) - {"other-host.json"} <= there, named
    for page in place.glob("*.rst"):
        named = re.findall(r"[\w-]+\.rst\b", page.read_text())
        assert set(named) <= there, page


def test_units(built: None, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing: it is in Debian's package systemd")
    prefix = tmp_path / "prefix"
    silent(
        *("make", "-s", "-C", SOURCE, f"O={OUT / 'static'}"),
        *(f"prefix={prefix}", f"UNITDIR={tmp_path}", "install"),
    )
    # A unit of Debian's that it asks for
    (tmp_path / "chrony.service").write_text("[Service]\nExecStart=/bin/true\n")
    units = sorted(str(path) for path in tmp_path.glob("xen-clock-*"))
    assert len(units) == 3
    environ = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        env=environ,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_timer_waits_for_the_exporter() -> None:
    """Without it systemd would log each minute that the service was skipped."""
    timer, service = (
        (SOURCE / f"systemd/xen-clock-metrics.{kind}").read_text().splitlines()
        for kind in ("timer", "service")
    )
    conditions = [line for line in service if line.startswith("Condition")]
    assert conditions and set(conditions) <= set(timer)
    # It may be installed later
    assert "WantedBy=timers.target prometheus-node-exporter.service" in timer


def test_completion_is_clean() -> None:
    silent("shellcheck", "--shell=bash", COMPLETION)


def completed(words: str) -> list[str]:
    library = "/usr/share/bash-completion/bash_completion"
    if not Path(library).exists():
        pytest.skip(
            "bash-completion is missing: it is in Debian's package of this name"
        )
    script = (
        f'. {library}; . {COMPLETION}; COMP_LINE="{words}"; COMP_WORDS=({words}); '
        '[ "${COMP_LINE% }" = "$COMP_LINE" ] || COMP_WORDS+=(""); '
        "COMP_POINT=${#COMP_LINE}; COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
        '_xen_clock; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return output("bash", "--norc", "-c", script).split()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("xen-clock wa", ["watch", "wait"]),
        ("xen-clock wait --for ", ["resume", "demotion"]),
        ("xen-clock forecast --g", ["--guest"]),
        ("xen-clock --recording x ch", ["check"]),
        ("xen-clock metrics --o", ["--output"]),
    ],
)
def test_completion(words: str, found: list[str]) -> None:
    assert completed(words) == found


def test_completion_is_complete(tool: Tool) -> None:
    said = good(tool(None, "--help"))
    text = COMPLETION.read_text()
    for word in set(re.findall(r"--[a-z]+", said)):
        assert word in text, word
    commands = set(re.findall(r"^  ([a-z]+) ", said, re.M))
    assert len(commands) == 8 and commands == set(completed("xen-clock ")) - set(
        completed("xen-clock -")
    )


def test_recordings(tool: Tool) -> None:
    """Each is shown, and is what its name says."""
    places = sorted(path for path in (SOURCE / "recordings").iterdir() if path.is_dir())
    assert len(places) >= 4
    for place in places:
        text = good(tool(None, f"--recording={place}"))
        done = tool(None, f"--recording={place}", "check")
        assert done.returncode == (2 if "unsafe" in place.name else 0), place
        assert ("emulated" in place.name) == ("TSC emulated" in text)
        assert ("dom0" in place.name) == bool(re.search(r"^domain .*dom0", text, re.M))
        if "dom0" in place.name:
            good(tool(None, f"--recording={place}", "host"))


BUILDS: tuple[tuple[str, list[str]], ...] = (
    ("gcc", []),
    ("clang", []),
    ("musl-gcc", []),
    ("gcc", ["CPPFLAGS=-D_FORTIFY_SOURCE=2", "LDFLAGS=-Wl,-z,relro"]),
)


@pytest.mark.parametrize(("compiler", "variables"), BUILDS)
def test_build(tmp_path: Path, compiler: str, variables: list[str]) -> None:
    """Static, whatever LDFLAGS says."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is missing")
    silent("make", "-s", "-C", SOURCE, f"CC={compiler}", f"O={tmp_path}", *variables)
    program = str(tmp_path / "xen-clock")
    assert "INTERP" not in output("readelf", "--program-headers", program)
    flags = run("make", "-n", "-B", "-C", SOURCE, "V=1", f"O={tmp_path}", *variables)
    assert all(word.partition("=")[2] in flags.stdout for word in variables)


@pytest.mark.parametrize(
    "variables",
    [["CC=gcc -m32"], ["CFLAGS=-O2 -m32"], ["CC=clang --target=aarch64-linux-gnu"]],
)
def test_other_machines(tmp_path: Path, variables: list[str]) -> None:
    """They are refused with a sentence, and with no other error."""
    place = tmp_path / "out"
    done = run("make", "-C", SOURCE, f"O={place}", *variables)
    assert (
        done.returncode != 0 and done.stdout.count("xen-clock runs on x86-64 only") == 1
    )
    assert "error:" not in done.stdout and not place.exists()


def test_no_compiler(tmp_path: Path) -> None:
    done = run("make", "-C", SOURCE, "CC=no-such-compiler", f"O={tmp_path}")
    assert done.returncode != 0 and "no-such-compiler: not found" in done.stdout
    assert "x86-64" not in done.stdout


def test_package() -> None:
    """lintian is content with it."""
    for program in ("dh", "lintian"):
        if shutil.which(program) is None:
            pytest.skip(f'{program} is missing: "scripts/setup check" installs it')
    deb = Path(output(str(TOP / "scripts/deb-tool")).strip())
    assert deb.parent == BUILD / "deb-tool"
    listed = output("dpkg-deb", "--contents", str(deb))
    for name in ("usr/bin/xen-clock", "xen-clock-metrics.timer", "xen-clock.1.gz"):
        assert re.search(rf"{re.escape(name)}$", listed, re.M), listed
    # Its removal stops what runs, and the exporter has nothing more to show
    scripts = {
        name: output("dpkg-deb", "--info", str(deb), name)
        for name in ("prerm", "postrm")
    }
    for unit in ("xen-clock-chrony.service", "xen-clock-metrics.timer"):
        assert f"deb-systemd-invoke stop '{unit}'" in scripts["prerm"]
    assert "rm -f /var/lib/prometheus/node-exporter/xen-clock.prom" in scripts["postrm"]
    changes = next(deb.parent.glob("*.changes"))
    command = ["lintian", "--allow-root", "--display-info", "--pedantic", str(changes)]
    done = run(*command)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout
