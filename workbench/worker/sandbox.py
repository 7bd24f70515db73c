"""Landlock: native code, too, reads only what it may.

Python's own reads are seen by an audit hook; those of Polars, DuckDB or Arrow are not. Where the kernel offers Landlock
(Linux 5.13 and newer), a process can give up the right to open any file outside of a few folders.
https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same numbers on every architecture
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_PATH_BENEATH = 1
_NO_NEW_PRIVS = 38


class _Handled(ctypes.Structure):
    _fields_ = (("access", ctypes.c_uint64),)


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("access", ctypes.c_uint64), ("folder", ctypes.c_int32))


def available() -> bool:
    """Return whether this system offers Landlock."""
    if sys.platform != "linux":
        return False
    system = ctypes.CDLL(None, use_errno=True)
    return int(system.syscall(_CREATE, None, 0, 1)) >= 1


def allow_only(readable: Iterable[str]) -> bool:
    """Let this thread, and those it starts, open for reading only what is in or below `readable`, for good."""
    if not available():
        return False
    system = ctypes.CDLL(None, use_errno=True)
    handled = _Handled(_READ_FILE | _READ_DIR)
    rules = int(system.syscall(_CREATE, ctypes.byref(handled), ctypes.sizeof(handled), 0))
    if rules < 0:
        return False
    try:
        for path in readable:
            _allow(system, rules, path)
        return bool(system.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 and system.syscall(_RESTRICT, rules, 0) == 0)
    finally:
        os.close(rules)


def _allow(system: ctypes.CDLL, rules: int, path: str) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # it is not there: nothing to allow
    try:
        access = _READ_FILE | _READ_DIR if os.path.isdir(path) else _READ_FILE  # noqa: PTH112 - also of a file's link
        rule = _Beneath(access, opened)
        system.syscall(_ADD, rules, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(opened)
