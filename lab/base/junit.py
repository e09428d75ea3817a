# SPDX-License-Identifier: GPL-2.0-only
"""Writes results as JUnit's XML, which CI systems show case by case."""

from __future__ import annotations

import xml.etree.ElementTree as xml
from dataclasses import dataclass
from pathlib import Path

from lab.base.common import write_atomically


@dataclass(frozen=True)
class Case:
    """The result of one case; it has passed unless one of the texts says why not."""

    suite: str
    name: str
    seconds: float = 0.0
    failure: str = ""
    skipped: str = ""


def element(case: Case) -> xml.Element:
    words = {"classname": case.suite, "name": case.name, "time": f"{case.seconds:.1f}"}
    found = xml.Element("testcase", words)
    for kind, text in (("failure", case.failure), ("skipped", case.skipped)):
        if text:
            message = {"message": text.splitlines()[0]}
            xml.SubElement(found, kind, message).text = text
    return found


def write_junit(path: Path, suite: str, cases: list[Case]) -> None:
    counts = {
        "tests": len(cases),
        "failures": sum(bool(case.failure) for case in cases),
        "skipped": sum(bool(case.skipped) for case in cases),
    }
    words = {name: str(number) for name, number in counts.items()}
    root = xml.Element("testsuite", {"name": suite, **words})
    root.extend(map(element, cases))
    write_atomically(path, xml.tostring(root, encoding="utf-8", xml_declaration=True))
