# SPDX-License-Identifier: GPL-2.0-only
"""What all of the lab uses, and that knows nothing of Xen."""
