# SPDX-License-Identifier: GPL-2.0-only
"""Who can die in a run, and how that shows."""

from __future__ import annotations

import re

from lab.base.common import LabError

XEN_DEAD = re.compile(
    r"\(XEN\).*(Panic on CPU|FATAL (PAGE FAULT|TRAP)|Assertion .* failed)"
)
KERNEL_DEAD = re.compile(
    r"Kernel panic|\bBUG: |\bOops\b|kernel BUG at|general protection fault"
    r"|rcu: INFO: .* stall|blocked for more than"
)
GUEST_DEAD = re.compile(f"{KERNEL_DEAD.pattern}|agent: FAILED")
DOM0_FAILED = re.compile(r"^lab dom0: ")


class RunError(LabError):
    """The run is over."""


class OrderFailed(RunError):
    """A command in dom0 failed; the machine may go on."""


class NotCreated(OrderFailed):
    """The guest never was there, so that nothing can be said of it."""


class GuestDied(RunError):
    """This guest is lost, the machine may go on."""


class HostDied(RunError):
    """Nothing more can be done with this machine."""


class XenDied(HostDied):
    pass


class Dom0Died(HostDied):
    pass


class QemuDied(HostDied):
    pass


class Hung(HostDied):
    pass
