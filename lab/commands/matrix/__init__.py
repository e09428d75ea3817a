# SPDX-License-Identifier: GPL-2.0-only
"""Hosts, modes and scenarios, with the series and without."""
