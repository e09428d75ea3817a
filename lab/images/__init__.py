# SPDX-License-Identifier: GPL-2.0-only
"""What QEMU boots: Debian's packages, kernels and initramfs archives."""
