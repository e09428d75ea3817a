# SPDX-License-Identifier: GPL-2.0-only
"""Each prefix of the series builds and boots."""
