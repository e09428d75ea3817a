# SPDX-License-Identifier: GPL-2.0-only
"""One guest: its life, its report, and what happens to it."""
