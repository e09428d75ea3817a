# SPDX-License-Identifier: GPL-2.0-only
"""Clock tests that others wrote, in guests."""
