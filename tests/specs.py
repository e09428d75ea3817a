# SPDX-License-Identifier: GPL-2.0-only
"""The guests that several files of tests look at."""

from __future__ import annotations

from lab.config import GuestSpec

DEFAULT = GuestSpec("default")
NATIVE = GuestSpec("native", "native")
EMULATED = GuestSpec("always-emulate", "always_emulate")
NATIVE_ON = GuestSpec("native-on", "native", "xen_tsc_reliable=on")
# As vendors advise
NAMED = GuestSpec("native-named", "native", "clocksource=tsc tsc=reliable")
DEFAULT_OFF = GuestSpec("default-off", "", "xen_tsc_reliable=off")
# The connection could only make worse what is measured of the others
NONSENSE = GuestSpec("nonsense", "", "xen_tsc_reliable=maybe", network=True)
PVH = GuestSpec("pvh", kind="pvh")
OLD_DEFAULT = GuestSpec("old-default", patched=False)
OLD_NATIVE = GuestSpec("old-native", "native", patched=False)

PATCHED = (DEFAULT, NATIVE, EMULATED, NATIVE_ON, NAMED, DEFAULT_OFF, NONSENSE, PVH)
