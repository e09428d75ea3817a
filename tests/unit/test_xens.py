# SPDX-License-Identifier: GPL-2.0-only
"""The versions of Xen, and one that cannot be had, without QEMU."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.host import xen_uptime
from lab.images import initramfs, debian
from lab.base.common import LabError
from lab.config import XENS
from lab.images.debian import Tree, Unavailable


@pytest.mark.parametrize("version", XENS)
def test_everything_is_of_one_version(version: str) -> None:
    """xl and the hypervisor speak to each other only if they are."""
    xen = XENS[version]
    versioned = [name for name in xen.packages if "-4." in name]
    assert all(f"-{version}" in name for name in versioned)
    assert len(versioned) == 2 + xen.symbols
    # Two suites never share a version
    assert len({xen.suite for xen in XENS.values()}) == len(XENS)


@pytest.mark.parametrize(
    "said",
    [
        "E: The repository 'x bullseye Release' does not have a Release file.",
        "E: The repository 'x bullseye InRelease' is not signed.",
    ],
)
def test_a_suite_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    fake = tmp_path / "mmdebstrap"
    fake.write_text(f'#!/bin/sh\necho "I: updating\n{said}" >&2\nexit 25\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(debian, "sources_list", lambda suite: [f"deb x {suite} main"])
    with pytest.raises(Unavailable) as raised:
        Tree("Xen 4.14", "bullseye", XENS["4.14"].packages)
    text = str(raised.value)
    assert text.startswith("the packages of Xen 4.14 could not be fetched from bulls")
    assert said in text and "I: updating" not in text


def test_no_xen_of_two_downloads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the first is up to date any more once there is a second."""
    stamp = tmp_path / "xen.stamp"
    stamp.write_text("of the first")

    def full(*_: object) -> Tree:
        raise LabError("the disk is full")

    monkeypatch.setattr(initramfs, "Tree", full)
    with pytest.raises(LabError, match="full"):
        initramfs.make_hypervisor(XENS["4.17"], tmp_path)
    assert not stamp.exists()


def test_no_symbols_no_old_host(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="symbols of this Xen are not packaged"):
        xen_uptime.addresses(tmp_path / "xen-syms")
