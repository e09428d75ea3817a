# SPDX-License-Identifier: GPL-2.0-only
"""The tests of the series, of the tool and of the lab."""
