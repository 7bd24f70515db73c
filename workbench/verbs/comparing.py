"""Verbs that compare: how a view differs between two sides, how far its features drift, runs, lineage."""

from __future__ import annotations

from typing import Any

from workbench.verbs.options import Opened


def diff(view: str, *, left: str | None = None, right: str | None = None, project: Opened) -> Any:
    """Show how a view differs between two sides: values, distributions, rows, promises, code; exact, on all rows.

    Parameters
    ----------
    view
        The view.
    left
        A branch, @VERSION, release/NAME, a moment, or a run's id; main if absent.
    right
        The same; the current branch if absent.
    """
    return project.diff(view, left, right)


def drift(
    view: str,
    *,
    reference: str,
    current: str,
    by: list[str] | None = None,
    branch: str | None = None,
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
    """
    return project.drift(view, reference=reference, current=current, by=by or (), branch=branch)
