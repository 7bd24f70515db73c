"""The branch that a notebook is on: a small file for its kernel, which others read and write while it is busy or dead.

``%feature branch`` writes it, each magic reads it first, and so does whoever shows the notebook's branch beside it.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from workbench.errors import InvalidName, ProjectError
from workbench.files import replace_atomically
from workbench.project.caches import cache_folder

if TYPE_CHECKING:
    from pathlib import Path

ChosenBy = Literal["notebook", "command line", "checkout"]
KERNELS = "kernels"
"""The folder of these files among the project's caches."""
_KEPT = 90 * 86_400
"""Seconds after which a file that nobody wrote is removed: its kernel is long gone."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def kernel_branch(root: Path, kernel: str) -> str | None:
    """Return the branch that was chosen for a kernel, by its id; None where none was. It may be gone by now."""
    try:
        return _path(root, kernel).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def choose_kernel_branch(root: Path, kernel: str, branch: str | None) -> None:
    """Put the notebook of a kernel on `branch`, of the project at `root`; with None on the one that is checked out."""
    path = _path(root, kernel)
    try:
        if branch is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(exist_ok=True)
        for old in path.parent.iterdir():
            with suppress(OSError):  # another process removed it
                if time.time() - old.stat().st_mtime > _KEPT:
                    old.unlink()
        replace_atomically(path, f"{branch}\n")
    except OSError as error:
        raise ProjectError.not_writable(str(path), error.strerror or str(error)) from None


def _path(root: Path, kernel: str) -> Path:
    if not _ID.fullmatch(kernel):
        raise InvalidName.of("kernel", kernel, rule="Give the id of a kernel of this server.")
    return cache_folder(root) / KERNELS / kernel
