# SPDX-License-Identifier: GPL-2.0-only
"""The lab: Xen under QEMU, guests with and without the series, and verdicts."""
