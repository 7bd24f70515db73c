"""Making a project: the files `workbench init` writes. Nothing that exists is overwritten."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from workbench.errors import BranchError, ProjectError, SigningFailed
from workbench.git import Repository

if TYPE_CHECKING:
    from pathlib import Path

TOML = """\
# The project's name, and the branches that experiments cannot write.
[project]
name = "{name}"
protected = [{protected}]

# One table for each source: where it is, when its rows happened, when they became known.
# [sources.flights]
# path = "data/flights.parquet"      # a file, folder or glob of Parquet, CSV or JSON
#                                    # or delta = "uri", or sql = "select ..." with database = "file.duckdb" or a URL
# event_time = "scheduled_at"
# available_at = "landed_at"         # event_time where absent
# key = ["flight_id"]

# Where published views are stored: a folder or bucket that the whole team can reach.
# [lake]
# uri = "s3://bucket/lake"           # a folder in the shared git directory where absent

# What models read: the last days of what is published. `promote` and `materialize` bring it up to date.
[online]
kind = "lmdb"

# [tracking]
# uri = "https://mlflow.example.org" # an SQLite database beside the lake where absent
"""

FEATURES = '"""The project\'s feature views: one file each. Helpers are imported relatively."""\n'

REGISTRY = "Published versions, one file for each view. Only `promote` writes them.\n"

NOTEBOOKS = "Notebooks of this project.\n"


def start_project(root: Path, *, name: str | None = None, sources: str = "") -> bool:
    """Write a project's files into `root`, with more `sources` in its settings, and make a git repository if needed.

    In a new repository the files are its first commit; in an existing one they are left for the user to commit. Return
    whether they are committed.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        repository = Repository.init(root)
        default = re.sub(r"[^A-Za-z0-9_.-]+", "-", root.name).strip("-") or "project"
        files = _write(root, name or default, _protected_branches(repository))
        if sources:
            toml = root / "workbench.toml"
            toml.write_text(toml.read_text(encoding="utf-8").rstrip("\n") + "\n" + sources, encoding="utf-8")
    except OSError as error:
        raise ProjectError.not_writable(str(root), error.strerror or str(error)) from None
    try:
        is_new = not repository.names()
        if is_new:
            _first_commit(repository, root, files)
        return is_new
    finally:
        repository.close()


def _protected_branches(repository: Repository) -> list[str]:
    """Return the branches to protect, first the one that is to hold what is published."""
    there = [name for name in repository.usual_trunks() if repository.exists(name)]
    return list(dict.fromkeys(there)) or [repository.head() or repository.trunk]


def _toml_string(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


def _write(root: Path, name: str, protected: list[str]) -> list[Path]:
    files = {
        "workbench.toml": TOML.format(
            name=_toml_string(name), protected=", ".join(f'"{branch}"' for branch in protected)
        ),
        ".gitignore": ".workbench/\n",
        "features/__init__.py": FEATURES,
        "registry/README": REGISTRY,
        "notebooks/README": NOTEBOOKS,
    }
    written = []
    for relative, text in files.items():
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(text, encoding="utf-8")
        written.append(path)
    _ignore_hidden(root / ".gitignore")
    return written


def _ignore_hidden(path: Path) -> None:
    """Add our hidden folder to a .gitignore that does not name it."""
    text = path.read_text(encoding="utf-8")
    if ".workbench/" not in (line.strip().lstrip("/") for line in text.splitlines()):
        path.write_text(text + ("" if text.endswith("\n") or not text else "\n") + ".workbench/\n", encoding="utf-8")


def _first_commit(repository: Repository, root: Path, files: list[Path]) -> None:
    """Commit the project's files, so that experiments have something to start from, unless the user staged others."""
    try:
        repository.identity()
    except BranchError:
        return  # said, with its remedy, by the first verb that commits
    with suppress(SigningFailed):  # said as well
        repository.commit_first([path.relative_to(root).as_posix() for path in files], message="Start the project")
