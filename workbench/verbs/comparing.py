"""Verbs that compare: how a view differs between two sides, how far its features drift, runs, lineage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.verbs.options import Opened, kept


def diff(
    view: str, *, left: str | None = None, right: str | None = None, out: Path | None = None, project: Opened
) -> Any:
    """Show how a view differs between two sides: values, distributions, rows, promises, code; exact, on all rows.

    Parameters
    ----------
    view
        The view.
    left
        A branch, @VERSION, release/NAME, a moment, or a run's id; main if absent.
    right
        The same; the current branch if absent.
    out
        Write the report to this file too: .html, .md or .json.
    """
    return kept(lambda: project.diff(view, left, right), out)


def drift(
    view: str,
    *,
    reference: str,
    current: str,
    by: list[str] | None = None,
    branch: str | None = None,
    out: Path | None = None,
    project: Opened,
) -> Any:
    """Show how far features moved between two sets of rows, and which moved more than they do by themselves.

    Parameters
    ----------
    view
        The view, or view:feature.
    reference
        A period (2013-01..2013-03), a branch, @VERSION, release/NAME, a run's id, a saved training set, a file, or
        column=value; or several between commas: main,2013-01,carrier=UA.
    current
        The same.
    by
        A column whose values are compared one by one too; give it again for combinations.
    branch
        Whose rows are meant where none are named; the current one if absent.
    out
        Write the report to this file too: .html, .md or .json.
    """
    return kept(lambda: project.drift(view, reference=reference, current=current, by=by or (), branch=branch), out)


def compare(
    *branches: str,
    branch: str | None = None,
    view: str | None = None,
    all: bool = False,  # noqa: A002 - the option is called --all
    out: Path | None = None,
    project: Opened,
) -> Any:
    """Compare branches, experiments or runs: what they are for, features, metrics, parameters, data and code.

    What differs is shown, and a link to MLflow's compare page for the same runs.

    Parameters
    ----------
    branches
        Branches, names of experiments with models, or run ids; the first is what the others are compared with, and one
        branch alone is compared with main. The current branch's newest runs if absent.
    branch
        The branch whose runs are compared where nothing is named; the current one if absent.
    view
        Only the runs of this view.
    all
        Show also what is the same everywhere.
    out
        Write the report to this file too: .html, .md or .json.
    """
    return kept(lambda: project.compare(*branches, branch=branch, view=view, all_rows=all), out)


def lineage(
    ref: str | None = None,
    *,
    branch: str | None = None,
    column: bool = False,
    out: Path | None = None,
    project: Opened,
) -> Any:
    """Show where features come from and where they go: sources, views, training sets, versions, models.

    What the branch changed against main is marked: added, modified, affected, removed. Nothing is computed.

    Parameters
    ----------
    ref
        A source, view, view:feature, feature set, version, saved training set, experiment or run id; everything if
        absent.
    branch
        The branch; the current one if absent.
    column
        Show which columns each feature depends on.
    out
        Write the report to this file too: .html, .md or .json.
    """
    return kept(lambda: project.lineage(ref, branch=branch, by_column=column), out)
