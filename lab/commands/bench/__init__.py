# SPDX-License-Identifier: GPL-2.0-only
"""What a read of the clock costs: in guests, and in a program on this machine."""
