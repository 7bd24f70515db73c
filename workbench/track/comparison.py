"""Runs side by side: parameters, metrics and tags, and the page of MLflow's UI that compares the same runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from workbench.errors import TrackingError, did_you_mean
from workbench.track.journal import Facts, RunSummary

if TYPE_CHECKING:
    import polars as pl

_KINDS: tuple[Literal["param", "metric", "tag"], ...] = ("param", "metric", "tag")
_OWN = frozenset({"workbench.key", "mlflow.runName"})


@dataclass(frozen=True, slots=True)
class Comparison:
    """Some runs side by side.

    Parameters
    ----------
    runs
        Newest first.
    facts
        What each logged, in the same order.
    page
        MLflow's compare page for the runs that MLflow has, without the server's address; None for fewer than two.
    url
        The whole address; None where no UI is running (start it, and join `page` to its address).
    """

    runs: tuple[RunSummary, ...]
    facts: tuple[Facts, ...]
    page: str | None
    url: str | None

    @property
    def frame(self) -> pl.DataFrame:
        """What differs: `table` with its default."""
        return self.table()

    def table(self, *, only_differing: bool = True) -> pl.DataFrame:
        """Return one row for each parameter, metric and tag, with one text column for each run.

        Parameters
        ----------
        only_differing
            Leave out what is the same in all runs.

        Returns
        -------
        polars.DataFrame
            ``kind`` (``param``, ``metric`` or ``tag``), ``key``, then a column a run named by `labels`; null where a
            run does not have the key. All columns are strings.
        """
        import polars as pl

        names = ["kind", "key", *self.labels()]
        rows = [
            (kind, key, *(_shown(value) for value in values))
            for kind, key, values in self._rows()
            if not only_differing or len(set(values)) > 1
        ]
        return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")

    def metrics(self) -> pl.DataFrame:
        """Return one row for each run, with ``run`` and one Float64 column for each metric."""
        import polars as pl

        keys = _keys(facts.metrics for facts in self.facts)
        columns: dict[str, list[Any]] = {"run": self.labels()}
        columns |= {key: [facts.metrics.get(key) for facts in self.facts] for key in keys}
        return pl.DataFrame(columns, schema={"run": pl.String, **dict.fromkeys(keys, pl.Float64)})

    def labels(self) -> list[str]:
        """Return a distinct short name for each run: its name, branch, and the beginning of its id."""
        return [
            " ".join(
                part
                for part in (run.name, f"[{run.branch}]" if run.branch else "", (run.run_id or run.key)[:8])
                if part
            )
            for run in self.runs
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON-ready values."""
        return {
            "runs": [run.to_dict() for run in self.runs],
            "rows": [{"kind": kind, "key": key, "values": list(values)} for kind, key, values in self._rows()],
            "url": self.url,
        }

    def __repr__(self) -> str:
        return f"<Comparison of {len(self.runs)} runs: {', '.join(self.labels())}>"

    def _rows(self) -> Iterable[tuple[str, str, tuple[str | float | None, ...]]]:
        for kind in _KINDS:
            columns: list[Mapping[str, Any]] = [getattr(facts, f"{kind}s") for facts in self.facts]
            for key in _keys(columns):
                if key not in _OWN:
                    yield kind, key, tuple(column.get(key) for column in columns)


def compare_page(runs: Sequence[RunSummary]) -> str | None:
    """Return the fragment of MLflow's compare page for those of `runs` that MLflow has.

    The page reads ``runs`` and ``experiments`` as JSON lists after decoding the whole query, so both are
    percent-encoded here.
    """
    sent = [run for run in runs if run.run_id is not None]
    if len(sent) < 2:
        return None
    experiments = list(dict.fromkeys(run.experiment_id for run in sent))
    return f"#/compare-runs?runs={_encoded([run.run_id for run in sent])}&experiments={_encoded(experiments)}"


def pick(runs: Sequence[RunSummary], ids: Sequence[str]) -> list[RunSummary]:
    """Return the runs that `ids` name: by run id, record key, or an unambiguous beginning of one.

    Raises
    ------
    TrackingError
        An id that names no run here, or several.
    """
    picked = []
    for wanted in ids:
        found = [
            run for run in runs if wanted and ((run.run_id or "").startswith(wanted) or run.key.startswith(wanted))
        ]
        exact = [run for run in found if wanted in {run.run_id, run.key}]
        if len(exact or found) != 1:
            what = "names several runs" if found else "names no run that was logged from here"
            known = [run.run_id or run.key for run in (found or runs)]
            raise TrackingError(f"{wanted!r} {what}.", remedy=did_you_mean(wanted, known))
        picked.extend(exact or found)
    return picked


def _encoded(values: Sequence[str | None]) -> str:
    return quote(json.dumps(values, separators=(",", ":")), safe="")


def _keys(columns: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted({key for column in columns for key in column})


def _shown(value: str | float | None) -> str | None:
    return value if value is None or isinstance(value, str) else f"{value:.12g}"
