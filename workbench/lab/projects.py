"""`Projects`: the projects that this server was asked about, by the ids that it gave them, opened for one look each."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.config import CONFIG_FILE
from workbench.errors import BranchNotFound, WorkbenchError
from workbench.lab.answers import OtherProject, ProjectInfo, ProjectList
from workbench.lab.kernels import Kernels
from workbench.lab.known import Known
from workbench.lab.places import Places, around
from workbench.lab.problem import problem_of, unknown_project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.project import ChosenBy, Project

IDLE = 4
"""How many open handles of one project are kept."""


@dataclass(slots=True)
class Look:
    """A project, open for one answer, and the branch that is looked at."""

    project: Project
    places: Places
    branch: str | None
    chosen_by: ChosenBy
    known: Known


@dataclass(slots=True)
class Projects:
    """All projects of a server.

    A handle is used by one thread at a time: a look takes one that is idle, or opens another.

    Parameters
    ----------
    places
        The server's root.
    kernels
        The server's kernels.
    """

    places: Places
    kernels: Kernels
    _roots: dict[str, Path] = field(default_factory=dict)
    _idle: dict[Path, list[Project]] = field(default_factory=dict)
    _known: dict[Path, Known] = field(default_factory=dict)

    def root(self, project: str) -> Path:
        """Return the root of the project with this id."""
        root = self._roots.get(project)
        if root is None or not (root / CONFIG_FILE).is_file():
            raise unknown_project()
        return root

    def id_of(self, root: Path) -> str:
        """Return the id of the project at `root`, by which it can be asked for from now on."""
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
        self._roots[name] = root
        return name

    @contextmanager
    def open(self, project: str, *, kernel: str = "", branch: str | None = None) -> Iterator[Look]:
        """Open a project for one look, on `branch` or on the one that the notebook of `kernel` is on."""
        from workbench.project import Project, branch_of_kernel

        root = self.root(project)
        known = self._known.setdefault(root, Known())
        try:
            handle = self._idle.setdefault(root, []).pop()
        except IndexError:
            handle = Project(root)
        try:
            chosen, by = (branch, "notebook") if branch else branch_of_kernel(root, kernel)
            handle.chosen_branch = chosen
            yield Look(handle, self.places, handle.branch_name, by, known)
        finally:
            handle.close()  # ends git's child process; the next look starts another
            if len(self._idle[root]) < IDLE:
                self._idle[root].append(handle)

    def listed(self, path: str, kernel: str, *, follow: bool = False) -> ProjectList:
        """Return the project around `path` and the others under the server's root.

        With `follow` it is the project that the kernel works in, where that is in one: it is the one of ``%feature``.
        """
        folder = self.kernels.folder(kernel) if follow else None
        root = (around(folder) if folder else None) or self.places.project_around(path)
        others = [
            OtherProject(id=self.id_of(each), name=each.name, path=self.places.contents_path(each))
            for each in self.places.projects()
            if each != root
        ]
        if root is None:
            return ProjectList(project=None, others=others)
        try:
            return ProjectList(project=self.info(self.id_of(root), kernel), others=others)
        except WorkbenchError as error:
            return ProjectList(project=None, others=others, problem=problem_of(error))

    def info(self, project: str, kernel: str, *, notebook: str | None = None) -> ProjectInfo:
        """Return what the panel's head says of a project."""
        from workbench.project import workspace_of

        with self.open(project, kernel=kernel) as look:
            workspace = workspace_of(look.project)
            repository = workspace.repository
            about = None
            if look.branch is not None and repository.exists(look.branch):
                about = repository.branch(look.branch)
            ui = workspace.tracker.current_ui()
            return ProjectInfo(
                id=project,
                name=workspace.config.project.name,
                path=self.places.contents_path(workspace.root),
                branch=look.branch,
                chosen_by=look.chosen_by,
                protected=list(workspace.protected),
                objective=about.objective if about else None,
                hypothesis=about.hypothesis if about else None,
                mlflow_link=None if ui is None else ui.experiment(workspace.tracker.experiment_id()),
                notebook=notebook,
            )

    def create(self, path: str, *, name: str | None, files: Sequence[str], kernel: str) -> ProjectInfo:
        """Make a project in a folder, with `files` as its sources, and return it with the notebook to open."""
        from workbench.project import declare_sources

        root = self.places.folder(path)
        declared = declare_sources(root, [str(self.places.folder(file)) for file in files], name=name or None)
        root = root.resolve()
        notebook = None if declared.notebook is None else self.places.contents_path(root / declared.notebook)
        return self.info(self.id_of(root), kernel, notebook=notebook)

    def choose_branch(
        self,
        project: str,
        kernel: str,
        name: str,
        *,
        objective: str | None,
        hypothesis: str | None,
        metrics: Sequence[str],
    ) -> ProjectInfo:
        """Start an experiment, or switch to it, for the notebook of `kernel`; without one for the command line."""
        from workbench.project import Project, choose_kernel_branch

        handle = Project(self.root(project))
        try:
            handle.branch(name, objective=objective, hypothesis=hypothesis, metrics=tuple(metrics))
            if kernel:
                choose_kernel_branch(handle.root, kernel, name)
            else:
                handle.use_branch_in_shell()
        finally:
            handle.close()
        return self.info(project, kernel)


def tip_of(look: Look) -> str | None:
    """Return the tip of the branch that is looked at; None where it waits for its first commit."""
    from workbench.project import workspace_of

    repository = workspace_of(look.project).repository
    branch = look.branch or "HEAD"
    try:
        return repository.resolve(branch)
    except BranchNotFound:
        if repository.is_unborn(branch):
            return None
        raise
