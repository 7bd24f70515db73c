"""Where a project's caches are."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from workbench.errors import ProjectError


def cache_folder(root: Path) -> Path:
    """Return the folder of caches of the project at `root`: a temporary one of this user if it cannot be created there.

    So a project that others own, or on a read-only file system, can be looked at.
    """
    hidden = root / ".workbench"
    try:
        hidden.mkdir(exist_ok=True)
    except FileExistsError:
        raise ProjectError.not_writable(str(hidden), "a file has its name") from None
    except OSError:
        own = Path(tempfile.gettempdir()) / f"workbench-{os.getuid()}"
        aside = own / hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
        try:
            aside.mkdir(mode=0o700, parents=True, exist_ok=True)
            own.chmod(0o700)
            if own.lstat().st_uid != os.getuid() or own.is_symlink():
                return Path(tempfile.mkdtemp(prefix="workbench-"))
        except OSError as error:
            raise ProjectError.not_writable(str(hidden), error.strerror or str(error)) from None
        return aside
    return hidden
