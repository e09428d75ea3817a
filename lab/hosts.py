# SPDX-License-Identifier: GPL-2.0-only
"""The hosts that the lab can make, as data."""

from __future__ import annotations

from dataclasses import dataclass

from lab.common import LabError

TSC_MODES = {"default": 0, "always_emulate": 1, "native": 2}


@dataclass(frozen=True)
class Xen:
    """A version of Xen and the Debian suite that it comes from."""

    version: str
    suite: str

    @property
    def packages(self) -> tuple[str, ...]:
        return (
            f"xen-hypervisor-{self.version}-amd64",
            f"xen-utils-{self.version}",
            "xenstore-utils",
            "busybox-static",
            "libgcc-s1",
        )


@dataclass(frozen=True)
class Host:
    """What Xen thinks of the machine's TSC."""

    name: str
    tsc_reliable: bool


XENS = {xen.version: xen for xen in (Xen("4.17", "bookworm"),)}
# QEMU's TCG never advertises an invariant TSC, so Xen trusts none of it.
HOSTS = {host.name: host for host in (Host("untrusted", tsc_reliable=False),)}


def _choose(kind: str, value: str, choices: list[str]) -> None:
    if value not in choices:
        raise LabError(f"{kind}={value} is not one of: {', '.join(choices)}")


def choose_xen(version: str) -> Xen:
    _choose("XEN", version, list(XENS))
    return XENS[version]


def choose_host(name: str) -> Host:
    _choose("HOST_TSC", name, list(HOSTS))
    return HOSTS[name]


def check_tsc_mode(tsc_mode: str) -> None:
    """The empty string leaves the choice to Xen, which is "default"."""
    if tsc_mode:
        _choose("TSC_MODE", tsc_mode, list(TSC_MODES))


def check_cmdline(cmdline: str) -> None:
    """It stands in double quotes in xl's configuration, which knows no escape."""
    if set(cmdline) & set('"\n'):
        raise LabError(f"CMDLINE cannot hold a double quote or a new line: {cmdline}")


def check_accel(accel: str) -> None:
    _choose("ACCEL", accel, ["tcg"])
