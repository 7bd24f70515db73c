"""Verbs of the loop: make a project, start an experiment, define, compute, check, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from workbench.errors import UsageError
from workbench.project import init_project
from workbench.verbs.options import Opened, Ticks, pairs


def init(path: Path = Path(), *, name: str | None = None) -> Any:
    """Make a project: workbench.toml, features/, registry/, notebooks/; a git repository if there is none.

    Nothing that exists is overwritten.

    Parameters
    ----------
    path
        The folder; this one if absent.
    name
        The project's name; the folder's if absent.
    """
    return init_project(path, name=name).status()


def demo(*, dir: Path = Path("workbench-demo"), run: bool = True, progress: Ticks = None) -> Any:  # noqa: A002 - the option is called --dir
    """Run the whole loop on 336,776 real flights, in a project of its own.

    Parameters
    ----------
    dir
        The folder of the demo's project; made where absent, continued where it exists.
    run
        Define the views; with --no-run only the project and its data are made.
    """
    from workbench.demo import run_demo

    return run_demo(dir, run=run, progress=progress)


def status(*, project: Opened) -> Any:
    """Say where you are: branch, what changed against main, what is computed, last runs, where MLflow is."""
    return project.status()


def branch(
    name: str | None = None,
    *,
    start: str = "main",
    objective: str | None = None,
    hypothesis: str | None = None,
    metric: list[str] | None = None,
    tag: list[str] | None = None,
    delete: bool = False,
    force: bool = False,
    project: Opened,
) -> Any:
    """Start an experiment's branch, or switch to it; without a name, list the branches.

    Parameters
    ----------
    name
        The branch, e.g. exp/carry-over. Your working tree stays as it is.
    start
        The branch or commit the experiment starts from.
    objective
        What the experiment is for.
    hypothesis
        What you expect.
    metric
        A metric the experiment is judged by; may be repeated.
    tag
        key=value, put on every run of the experiment; may be repeated.
    delete
        Delete the branch; refused where it holds work that is nowhere else.
    force
        With --delete: delete it all the same.
    """
    if name is None:
        return project.branches()
    if delete:
        return project.delete_branch(name, force=force)
    project.branch(
        name,
        start=start,
        objective=objective,
        hypothesis=hypothesis,
        metrics=tuple(metric or ()),
        tags=pairs(tag or []),
    )
    return project.branches()


def define(
    file: Path,
    *,
    branch: str | None = None,
    message: str | None = None,
    log: bool = True,
    project: Opened,
    progress: Ticks = None,
) -> Any:
    """Define the view in a file: commit it to the branch, compute it, check it, log it to MLflow.

    Parameters
    ----------
    file
        A file that holds what a %%feature cell would.
    branch
        The branch to write; the current experiment if absent.
    message
        The commit's subject.
    log
        Send a run to MLflow.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}.", remedy="Give the path of a UTF-8 text file.") from None
    return project.define(text, branch=branch, message=message, log=log, progress=progress)


def cell(
    *,
    branch: str | None = None,
    message: str | None = None,
    log: bool = True,
    text: Annotated[str, Parameter(parse=False)],
    project: Opened,
    progress: Ticks = None,
) -> Any:
    """Define the feature view in this cell.

    Parameters
    ----------
    branch
        The branch to write; the current experiment if absent.
    message
        The commit's subject.
    log
        Send a run to MLflow.
    """
    return project.define(text, branch=branch, message=message, log=log, progress=progress)


def compute(
    view: str | None = None, *, branch: str | None = None, log: bool = True, project: Opened, progress: Ticks = None
) -> Any:
    """Compute a view, or all views of the branch; what is computed already is reused.

    Parameters
    ----------
    view
        The view; all of them if absent.
    branch
        The branch; the current one if absent.
    log
        Send runs to MLflow.
    """
    from workbench.loop import ResultList

    return ResultList(tuple(project.compute(view, branch=branch, log=log, progress=progress)))


def check(
    view: str | None = None,
    *,
    branch: str | None = None,
    full: bool = False,
    project: Opened,
    progress: Ticks = None,
) -> Any:
    """Check a view's contract and probe it for leaks of the future, or all views of the branch; logs nothing.

    Parameters
    ----------
    view
        The view; all of them if absent.
    branch
        The branch; the current one if absent.
    full
        Probe every entity, at more instants, and not a sample.
    """
    from workbench.loop import ResultList

    return ResultList(tuple(project.compute(view, branch=branch, log=False, full=full, progress=progress)))


def why_changed(view: str, *, branch: str | None = None, against: str | None = None, project: Opened) -> Any:
    """Name what moved a view: a line of code, a helper, a constant, a parameter, a source's data.

    Parameters
    ----------
    view
        The view.
    branch
        The branch; the current one if absent.
    against
        A branch or commit to compare with; the computation before the last one if absent.
    """
    return project.why_changed(view, branch=branch, against=against)


def ui(*, stop: bool = False, project: Opened) -> Any:
    """Start the MLflow UI in the background and give its link; it takes some 15 seconds to answer.

    Parameters
    ----------
    stop
        Stop it.
    """
    return project.ui(stop=stop)
