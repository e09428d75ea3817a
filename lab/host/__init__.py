# SPDX-License-Identifier: GPL-2.0-only
"""One host: QEMU, Xen and dom0."""
