"""Verbs that read features: training sets, why a value is what it is, building it again, SQL, the catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.verbs.options import Opened, pairs


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
    return project.why(feature, pairs(entity or [], option="--entity", example="carrier=UA"), at, branch=branch)


def training_set(
    spine_file: Path,
    *feature: str,
    label: str | None = None,
    time: str = "event_timestamp",
    full_names: bool = False,
    release: str | None = None,
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
        view, view:feature, view@2:feature, or a feature set's name; several. A view under another name, with other
        keys: "airport_weather as dest_weather (airport=dest)".
    label
        The spine's label column.
    time
        The spine's time column.
    full_names
        Call the columns view__feature.
    release
        Read everything as this release has it.
    save
        Keep the training set under this name, with its lineage.
    out
        Write the rows to this file: .parquet, .csv or .ndjson.
    """
    from workbench.serve import training_set_of_file

    return training_set_of_file(
        project.store,
        spine_file,
        feature,
        label=label,
        time=time,
        full_names=full_names,
        release=release,
        save=save,
        out=out,
    )


def reproduce(what: str, *, project: Opened) -> Any:
    """Build a view or a training set again from its commit and its data, and compare it with what came out then.

    Parameters
    ----------
    what
        A view id or an MLflow run id (six characters are enough), a published version such as view@2, or the name of a
        saved training set.
    """
    return project.reproduce(what)


def sql(query: str, *, out: Path | None = None, project: Opened) -> Any:
    """Ask published views, any branch's views and sources in SQL; it only reads.

    Parameters
    ----------
    query
        One SELECT in DuckDB's dialect. Tables: view, "view@2", "exp/branch".view, "release/2026.11".view, a source.
    out
        Write all rows to this file: .parquet, .csv or .ndjson; a hundred are shown.
    """
    from workbench.serve import answer_into_file

    return answer_into_file(project.store, query, out=out)


def catalog(*search: str, project: Opened) -> Any:
    """List the views that can be used, search them, or show all that is known of one.

    Parameters
    ----------
    search
        A view, or view@2, for all that is known of it: versions, columns, what it is made from, what reads it, who
        published it. Or words, each of which has to be found in a view's name, description, owner, tags, entities or
        features, or in a unit. Everything if absent.
    """
    return project.store.look_up(" ".join(search))
