# SPDX-License-Identifier: GPL-2.0-only
"""xen-lab kit and kit-report: the lab's guests on other people's hosts."""
