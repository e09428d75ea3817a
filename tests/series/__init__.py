# SPDX-License-Identifier: GPL-2.0-only
"""Tests of the series and its scripts."""
