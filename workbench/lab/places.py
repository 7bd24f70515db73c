"""Where things are: from a path of the server's contents to a folder and back, and the projects under its root."""

from __future__ import annotations

import os
from pathlib import Path

from workbench.lab.problem import Refused

DEEPEST, MOST = 3, 1_000
"""How many folders down from the server's root, and how many in all, projects are looked for."""
_NOT_ENTERED = {"node_modules", "site-packages", "__pycache__"}


class Places:
    """The server's root, by which its contents have their paths.

    Parameters
    ----------
    root
        The folder that the server shows; None where its contents are no files of this machine.
    """

    def __init__(self, root: Path | None) -> None:
        self.root = None if root is None else root.expanduser().resolve()

    def folder(self, path: str) -> Path:
        """Return the file or folder that a path of the contents names; one outside of the root is refused."""
        if self.root is None:
            raise Refused(
                422,
                "no-files",
                "This server's contents are not files of its machine.",
                remedy="Use the command line where the project's folder is.",
            )
        plain = path.partition(":")[2] if ":" in path.split("/", maxsplit=1)[0] else path  # "RTC:notebooks/a.ipynb"
        found = Path(os.path.normpath(self.root / plain.strip("/")))
        if "\0" in path or not found.is_relative_to(self.root):
            raise Refused(
                400, "usage-error", "The path leads out of the server's root.", remedy="Give a path below it."
            )
        return found

    def contents_path(self, file: Path) -> str | None:
        """Return the path by which the contents have a file or folder; None for one outside of the server's root."""
        if self.root is None or not file.is_relative_to(self.root):
            return None
        inside = file.relative_to(self.root).as_posix()
        return "" if inside == "." else inside

    def project_around(self, path: str) -> Path | None:
        """Return the root of the project that a notebook or folder is in, above the server's root too."""
        return around(self.folder(path))

    def projects(self) -> list[Path]:
        """Return the roots of the projects a few folders below the server's root, nearest first."""
        from workbench.config import CONFIG_FILE

        found: list[Path] = []
        waiting = [] if self.root is None else [(self.root, 0)]
        looked = 0
        while waiting and looked < MOST:
            folder, depth = waiting.pop(0)
            looked += 1
            try:
                with os.scandir(folder) as entries:
                    inside = sorted(entries, key=lambda entry: entry.name)
            except OSError:
                continue
            if any(entry.name == CONFIG_FILE for entry in inside):
                found.append(folder)
            elif depth < DEEPEST:
                waiting += [(Path(entry.path), depth + 1) for entry in inside if _is_entered(entry)]
        return found


def around(folder: Path) -> Path | None:
    """Return the root of the project that a folder is in."""
    from workbench.config import CONFIG_FILE  # slow to import, and not needed when a server starts

    start = folder.resolve()
    return next((each for each in (start, *start.parents) if (each / CONFIG_FILE).is_file()), None)


def _is_entered(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name in _NOT_ENTERED:
        return False
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False
