"""Runs side by side: parameters, metrics and tags, and the page of MLflow's UI that compares the same runs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from workbench.errors import TrackingError, did_you_mean
from workbench.records import to_plain
from workbench.tracking.journal import Facts, RunSummary
from workbench.tracking.sides import RunSide, side_of_run
from workbench.tracking.tables import TABLES_TAG
from workbench.tracking.ui import TRAINING_MODE

if TYPE_CHECKING:
    import polars as pl

_KINDS: tuple[Literal["param", "metric", "tag"], ...] = ("param", "metric", "tag")
_OWN = frozenset({"workbench.key", "mlflow.runName", TABLES_TAG})


@dataclass(frozen=True, slots=True)
class ComparePage:
    """A compare page of MLflow's, of runs that are of one kind: only these have parameters and tables in common.

    Parameters
    ----------
    about
        ``models``, ``training sets``, a view's name, or ``runs`` where they have nothing in common.
    fragment
        The page, without the server's address.
    url
        The whole address; None where no UI is running (start it, and join `fragment` to its address).
    """

    about: str
    fragment: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Some runs side by side.

    Parameters
    ----------
    sides
        The columns, each one run or several that belong together.
    pages
        MLflow's compare pages for the runs that MLflow has: of models first, then a page a view.
    baseline
        The place of the side that differences are taken from.
    """

    sides: tuple[RunSide, ...]
    pages: tuple[ComparePage, ...] = ()
    baseline: int = 0

    @property
    def url(self) -> str | None:
        """The address of the first page; None where there is none, or no UI is running."""
        return self.pages[0].url if self.pages else None

    @property
    def runs(self) -> tuple[RunSummary, ...]:
        """All runs, side by side."""
        return tuple(run for side in self.sides for run in side.runs)

    @property
    def on_their_way(self) -> int:
        """How many of the runs MLflow does not have yet, so that its pages cannot show them."""
        return sum(run.run_id is None for run in self.runs)

    @property
    def facts(self) -> tuple[Facts, ...]:
        """What each side logged."""
        return tuple(side.facts for side in self.sides)

    @property
    def frame(self) -> pl.DataFrame:
        """What differs: `table` with its default."""
        return self.table()

    def table(self, *, only_differing: bool = True) -> pl.DataFrame:
        """Return one row for each parameter, metric and tag, with one text column for each side."""
        import polars as pl

        names = ["kind", "key", *self.labels()]
        rows = [
            (kind, key, *(_display_value(value) for value in values))
            for kind, key, values in self.rows()
            if not only_differing or differ(values)
        ]
        return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")

    def metrics(self) -> pl.DataFrame:
        """Return one row for each side, with ``run`` and one Float64 column for each metric."""
        import polars as pl

        keys = _keys(facts.metrics for facts in self.facts)
        columns: dict[str, list[Any]] = {"run": self.labels()}
        columns |= {key: [facts.metrics.get(key) for facts in self.facts] for key in keys}
        return pl.DataFrame(columns, schema={"run": pl.String, **dict.fromkeys(keys, pl.Float64)})

    def differences(self) -> pl.DataFrame:
        """Return each metric on each side against the baseline's."""
        import polars as pl

        labels, base = self.labels(), self.sides[self.baseline].facts.metrics if self.sides else {}
        rows = []
        for key in _keys(facts.metrics for facts in self.facts):
            for label, side in zip(labels, self.sides, strict=True):
                value, spread = side.facts.metrics.get(key), side.spread.get(key)
                gap = None if value is None or key not in base else value - base[key]
                relative = gap / abs(base[key]) if gap is not None and base[key] else None
                std, count = (None, 1) if spread is None else (spread.std, spread.count)
                rows.append((key, label, value, std, count if value is not None else 0, gap, relative))
        numbers = dict.fromkeys(("mean", "std"), pl.Float64)
        shares = dict.fromkeys(("difference", "relative"), pl.Float64)
        schema = {"metric": pl.String, "side": pl.String, **numbers, "count": pl.Int64, **shares}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def labels(self) -> list[str]:
        """Return a distinct name for each side."""
        names = [side.label for side in self.sides]
        return [f"{name} ({place + 1})" if names.count(name) > 1 else name for place, name in enumerate(names)]

    def rows(self) -> Iterable[tuple[Literal["param", "metric", "tag"], str, tuple[str | float | None, ...]]]:
        """Yield kind, key, and the value on each side."""
        for kind in _KINDS:
            columns: list[Mapping[str, Any]] = [getattr(facts, f"{kind}s") for facts in self.facts]
            for key in _keys(columns):
                if not any(key == own or key.endswith(f".{own}") for own in _OWN):
                    yield kind, key, tuple(column.get(key) for column in columns)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON-ready values."""
        return {
            "runs": to_plain(self.runs),
            "sides": [
                {"label": label, "runs": [run.run_id or run.key for run in side.runs]}
                for label, side in zip(self.labels(), self.sides, strict=True)
            ],
            "rows": [{"kind": kind, "key": key, "values": list(values)} for kind, key, values in self.rows()],
            "metrics": self.differences().to_dicts(),
            "on_their_way": self.on_their_way,
            "url": self.url,
            "pages": [{"about": page.about, "url": page.url} for page in self.pages],
        }

    def __repr__(self) -> str:
        return f"<Comparison of {len(self.runs)} runs: {', '.join(self.labels())}>"


def run_label(run: RunSummary) -> str:
    """Return a short name for a run: its name, branch, and the beginning of its id."""
    return " ".join(
        part for part in (run.name, f"[{run.branch}]" if run.branch else "", (run.run_id or run.key)[:8]) if part
    )


def sides_of_runs(runs: Sequence[RunSummary], facts: Iterable[Facts]) -> tuple[RunSide, ...]:
    """Return each run as a side."""
    return tuple(side_of_run(run_label(run), (run, said)) for run, said in zip(runs, facts, strict=True))


def compare_pages(runs: Sequence[RunSummary], *, server: str | None) -> tuple[ComparePage, ...]:
    """Return MLflow's compare pages for those of `runs` that MLflow has, a page a kind of which there are two or more.

    The page reads ``runs`` and ``experiments`` as JSON lists after decoding the whole query, so both are
    percent-encoded here.
    """
    sent = {run.run_id: run for run in runs if run.run_id is not None}
    kinds: dict[str, list[RunSummary]] = {"models": []}
    for run in sent.values():
        kinds.setdefault(_kind(run), []).append(run)
    several = {about: alike for about, alike in kinds.items() if len(alike) > 1}
    if not several and len(sent) > 1:
        several = {"runs": list(sent.values())}
    found = []
    for about, alike in several.items():
        experiments = list(dict.fromkeys(run.experiment_id for run in alike))
        ids = _encoded([run.run_id for run in alike])
        fragment = f"#/compare-runs?runs={ids}&experiments={_encoded(experiments)}&{TRAINING_MODE}"
        found.append(ComparePage(about, fragment, f"{server}/{fragment}" if server else None))
    return tuple(found)


def _kind(run: RunSummary) -> str:
    return {"model": "models", "training set": "training sets"}.get(run.kind, run.view)


def pick(runs: Sequence[RunSummary], ids: Sequence[str]) -> list[RunSummary]:
    """Return the runs that `ids` name: by run id, record key, or an unambiguous beginning of one."""
    picked = []
    for wanted in ids:
        found = [
            run for run in runs if wanted and ((run.run_id or "").startswith(wanted) or run.key.startswith(wanted))
        ]
        exact = [run for run in found if wanted in {run.run_id, run.key}]
        if len(exact or found) != 1:
            what = "matches several runs" if found else "is not a run that was logged from here"
            known = [run.run_id or run.key for run in (found or runs)]
            raise TrackingError(f"{wanted!r} {what}.", remedy=did_you_mean(wanted, known))
        picked.extend(exact or found)
    return picked


def differ(values: Sequence[str | float | None]) -> bool:
    """Return whether values are not all the same; what is not a number is like itself."""
    plain = {"nan" if isinstance(value, float) and math.isnan(value) else value for value in values}
    return len(plain) > 1


def _encoded(values: Sequence[str | None]) -> str:
    return quote(json.dumps(values, separators=(",", ":")), safe="")


def _keys(columns: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted({key for column in columns for key in column})


def _display_value(value: str | float | None) -> str | None:
    return value if value is None or isinstance(value, str) else f"{value:.12g}"
