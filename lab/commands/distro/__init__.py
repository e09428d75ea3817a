# SPDX-License-Identifier: GPL-2.0-only
"""Guests that run Debian."""
