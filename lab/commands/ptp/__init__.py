# SPDX-License-Identifier: GPL-2.0-only
"""What the clock of the host is good for in a guest."""
