"""One typed function a verb: the only thing the command line and ``%feature`` call.

A verb takes the open project as `project` and returns an object with ``to_dict()``, ``__rich__`` and
``_repr_mimebundle_``; it prints nothing. Its docstring is its help.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from workbench.errors import UsageError
from workbench.project import Project, init_project

Opened = Annotated[Project, Parameter(parse=False)]
Ticks = Annotated[Callable[[Any], None] | None, Parameter(parse=False)]


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
        tags=_pairs(tag or []),
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


def why(feature: str, *, entity: list[str] | None = None, at: str, branch: str | None = None, project: Opened) -> Any:
    """Say why a feature has its value at a moment: the winning row, why the others lost, and the rows behind it.

    Parameters
    ----------
    feature
        view:feature; the view will do where it has one feature.
    entity
        key=value, for each of the view's entity columns.
    at
        The moment, as in 2013-06-01T12:00; without a zone it is UTC.
    branch
        The branch; the current one if absent.
    """
    return project.why(feature, _pairs(entity or [], option="--entity", example="carrier=UA"), at, branch=branch)


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


def compare(*, branch: str | None = None, view: str | None = None, all: bool = False, project: Opened) -> Any:  # noqa: A002 - the option is called --all
    """Compare this branch's runs: parameters, metrics and tags that differ, and a link to MLflow's compare page.

    Parameters
    ----------
    branch
        The branch; the current one if absent.
    view
        Only the runs of this view.
    all
        Show also what is the same in every run.
    """
    return project.compare(branch=branch, view=view, all_rows=all)


def training_set(
    spine_file: Path,
    *feature: str,
    label: str | None = None,
    time: str = "event_timestamp",
    full_names: bool = False,
    save: str | None = None,
    out: Path | None = None,
    project: Opened,
) -> Any:
    """Set features beside a spine's rows, each as it was known at the row's time, and account for every row.

    Parameters
    ----------
    spine_file
        A Parquet, CSV or NDJSON file with a time column and the views' entity columns.
    feature
        view, view:feature, or a feature set's name; several.
    label
        The spine's label column.
    time
        The spine's time column.
    full_names
        Call the columns view__feature.
    save
        Keep the training set under this name, with its lineage.
    out
        Write the rows to this file: .parquet, .csv or .ndjson.
    """
    from workbench.serve import training_set_of_file

    return training_set_of_file(
        project.store, spine_file, feature, label=label, time=time, full_names=full_names, save=save, out=out
    )


def reproduce(what: str, *, project: Opened) -> Any:
    """Build a view or a training set again from its commit and its data, and compare it with what came out then.

    Parameters
    ----------
    what
        A view id or an MLflow run id (six characters are enough), or the name of a saved training set.
    """
    return project.reproduce(what)


def ui(*, stop: bool = False, project: Opened) -> Any:
    """Start the MLflow UI in the background and give its link; it takes some 15 seconds to answer.

    Parameters
    ----------
    stop
        Stop it.
    """
    return project.ui(stop=stop)


WITHOUT_PROJECT: dict[str, Callable[..., Any]] = {"init": init, "demo": demo}
"""Verbs that need no project to be open."""

WITH_PROJECT: dict[str, Callable[..., Any]] = {
    "status": status,
    "branch": branch,
    "define": define,
    "compute": compute,
    "check": check,
    "why": why,
    "why-changed": why_changed,
    "compare": compare,
    "training-set": training_set,
    "reproduce": reproduce,
    "ui": ui,
}
"""Verbs of an open project."""

EPILOGUE = "Every verb takes --json."


def parser(name: str) -> App:
    """Return the parser of all verbs, for a front end called `name`."""
    app = App(
        name=name, help="Feature Workbench: from a notebook cell to a feature in production.", help_epilogue=EPILOGUE
    )
    for word, verb in {**WITHOUT_PROJECT, **WITH_PROJECT}.items():
        app.command(verb, name=word)
    return app


def cell_parser() -> App:
    """Return the parser of ``%%feature``'s own options."""
    app = App(name="%%feature", help="Define the feature view in this cell.")
    app.default(cell)
    return app


def _pairs(words: list[str], *, option: str = "--tag", example: str = "team=delay") -> dict[str, str]:
    pairs = {}
    for text in words:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise UsageError(f"{option} {text!r} is not key=value.", remedy=f"Write for example {option} {example}.")
        pairs[key.strip()] = value.strip()
    return pairs
