"""Opening and making projects: ``wb.open``, ``wb.init``, ``wb.source``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import ProjectError
from workbench.project.kernel_branch import kernel_branch
from workbench.project.notebook import notebook_magics
from workbench.project.project import Project

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from workbench.pipeline import DeclaredSources
    from workbench.project.kernel_branch import ChosenBy


def open_project(
    path: str | os.PathLike[str] | None = None, *, branch: str | None = None, remembered: bool = False
) -> Project:
    """Open the project around `path`: the nearest folder upwards that holds ``workbench.toml``.

    Parameters
    ----------
    path
        Where to look; the working directory if absent.
    branch
        Start on this branch. If absent, in a notebook, the one that ``%feature branch`` chose there, which is printed.
    remembered
        Start on the branch that the command line chose last, rather than on the one checked out.

    Raises
    ------
    ProjectError
        Where there is no project.
    ConfigError
        Where ``workbench.toml`` is wrong.
    """
    root = find_root(path)
    if branch is None:
        branch = remembered_branch(root) if remembered else _notebook_branch(root)
    project = Project(root, branch=branch)
    project.recover()
    return project


def find_root(path: str | os.PathLike[str] | None = None) -> Path:
    """Return the nearest folder, from `path` (the working directory if absent) upwards, that holds a project."""
    from workbench.config import CONFIG_FILE

    start = Path(path or Path()).expanduser().resolve()
    for folder in [start, *start.parents]:
        if (folder / CONFIG_FILE).is_file():
            return folder
    raise _no_project(str(start))


def init_project(
    path: str | os.PathLike[str] = ".",
    *,
    name: str | None = None,
    from_: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
) -> Project:
    """Make a project in `path` and open it. Nothing that exists is overwritten.

    Writes ``workbench.toml``, ``features/``, ``registry/``, ``notebooks/`` and ``.gitignore``, and makes a git
    repository, with these files as its first commit, where there is none.

    Parameters
    ----------
    path
        The folder; made where absent.
    name
        The project's name; the folder's if absent.
    from_
        Files to declare as sources, and tables of databases: ``duckdb:///file.db?table=orders``, or the URL of a
        PostgreSQL database with ``table``, whose password is not kept. A file is read as a whole: separator, decimal
        mark, encoding, types, time column and its format are found, and a notebook with a first feature is written.

    Raises
    ------
    ProjectError
        Where the folder cannot be written, or a source of a file's name is declared already.
    SourceError
        For a file that no settings read.
    """
    files = [from_] if isinstance(from_, str | os.PathLike) else list(from_)
    declare_sources(path, [os.fspath(file) for file in files], name=name)
    return Project(Path(path).expanduser().resolve())


def declare_sources(
    path: str | os.PathLike[str] | None, places: Sequence[str], *, name: str | None = None
) -> DeclaredSources:
    """Make a project where there is none, declare files and tables as its sources, and return what was found of them.

    Without a `path` it is the project around the working directory; where there is none, one is made in that.
    """
    from workbench.pipeline import DeclaredSources, propose, sources_toml, start_project, write_notebook

    root = _around() if path is None else Path(path).expanduser().resolve()
    proposals = propose(root, places)
    is_committed = start_project(root, name=name, sources=sources_toml(proposals))
    notebook = write_notebook(root, proposals)
    project = Project(root)
    try:
        return DeclaredSources(str(root), proposals, notebook, is_committed, project._workspace.lake_risks)
    finally:
        project.close()


def _around() -> Path:
    try:
        return find_root()
    except ProjectError:
        return Path.cwd()


def remembered_branch(root: Path) -> str | None:
    """Return the branch the command line chose last in this project, if it still exists."""
    try:
        name = (root / ".workbench" / "branch").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return _if_there(root, name)


def branch_of_kernel(root: Path, kernel: str) -> tuple[str | None, ChosenBy]:
    """Return the branch that the notebook of a kernel is on, and by what; without a kernel that of the command line.

    The branch is None where that is the one checked out.
    """
    name = _if_there(root, kernel_branch(root, kernel)) if kernel else remembered_branch(root)
    return name, "checkout" if name is None else "notebook" if kernel else "command line"


def _notebook_branch(root: Path) -> str | None:
    """Return the branch that ``%feature branch`` chose in this kernel for the project in `root`, and say so."""
    magics = notebook_magics()
    branch = _if_there(root, magics.chosen_branch(root)) if magics else None
    if branch is not None:
        print(f"On {branch}, as `%feature branch` chose here.")
    return branch


def _if_there(root: Path, name: str | None) -> str | None:
    """Return the name of a branch if there is one."""
    from workbench.git import Repository

    if not name:
        return None
    with Repository.open(root, recover=False) as repository:
        return name if repository.exists(name) else None


def source(name: str, *, path: str | os.PathLike[str] | None = None) -> pl.LazyFrame:
    """Return the source `name` of the project around `path`, to explore it in a plain cell.

    Parameters
    ----------
    name
        As declared in ``workbench.toml``.
    path
        Where to look for the project; the working directory if absent.

    Returns
    -------
    polars.LazyFrame
        Its rows; event time and availability as Datetime("us", "UTC").

    Raises
    ------
    SourceNotFound
        Where ``workbench.toml`` declares no such source (did you mean).
    """
    project = Project(find_root(path))
    try:
        return project.sources[name].frame()
    finally:
        project.close()


def _no_project(start: str) -> ProjectError:
    """Return the error for a folder with no ``workbench.toml`` in it or above it."""
    return ProjectError(
        f"No workbench.toml in {start} or any folder above it.",
        remedy="Make a project here with `workbench init`, or give the project's path.",
    )
