# SPDX-License-Identifier: GPL-2.0-only
"""Writes initramfs archives (cpio "newc"), without root and the same every time."""

from __future__ import annotations

import gzip
import stat


class Archive:
    """An initramfs in the making; everything in it belongs to root."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._names: set[str] = set()

    def _add(self, name: str, mode: int, data: bytes = b"", rdev: int = 0) -> None:
        if name in self._names:
            return
        self._names.add(name)
        path = name.encode() + b"\0"
        header = (
            *(len(self._names), mode, 0, 0, 1, 0, len(data)),
            *(0, 0, rdev >> 8, rdev & 0xFF, len(path), 0),
        )
        self._data += b"070701" + b"".join(b"%08X" % field for field in header)
        for part in (path, data):
            self._data += part
            self._data += bytes(-len(self._data) % 4)

    def directory(self, name: str) -> None:
        parent, _, _ = name.rpartition("/")
        if parent:
            self.directory(parent)
        self._add(name, stat.S_IFDIR | 0o755)

    def _parent(self, name: str) -> None:
        parent, _, _ = name.rpartition("/")
        if parent:
            self.directory(parent)

    def file(self, name: str, data: bytes, mode: int = 0o755) -> None:
        self._parent(name)
        self._add(name, stat.S_IFREG | mode, data)

    def symlink(self, name: str, target: str) -> None:
        self._parent(name)
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def console(self) -> None:
        """The kernel gives /init its standard files only if this one exists."""
        self.directory("dev")
        self._add("dev/console", stat.S_IFCHR | 0o600, rdev=5 << 8 | 1)

    def compressed(self) -> bytes:
        """Stored, though a .gz: to inflate it takes TCG longer than to read it."""
        self._add("TRAILER!!!", 0)
        return gzip.compress(bytes(self._data), compresslevel=0, mtime=0)
