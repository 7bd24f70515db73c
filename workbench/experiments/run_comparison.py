"""`RunComparison`: what was tried and what came of it, side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from workbench.experiments.model_record import OWN_PARAMS
from workbench.records import to_plain
from workbench.render import Fold, Report, Reported, Table, Unfolded
from workbench.tracking import differ, is_repeat

if TYPE_CHECKING:
    import polars as pl

    from workbench.tracking import Comparison

HASH = re.compile(r"[0-9a-f]{32,64}")
SHOWN_PAGES = 6
"""Links to MLflow that are shown."""
SHOWN_SIDES = 4
"""Sides that stand beside each other; more are listed, a line each, with what differs below them."""
SHOWN_METRICS = 4
"""Metrics and parameters of a side that is listed on one line."""
SHOWN_FEATURES = 3
"""Features of a view that are named, where they are alike on all sides."""
DECLARED, MEASURED, PROFILE = range(3)
"""Metrics: what experiments are judged by, what models measured besides, what describes views."""
_DATA = re.compile(r"(^|\.)(code|contract|view|source|upstream|view_id)(\.|$)")
_SAID = ("experiment", "branch", "features", "view")
"""Parameters that the other tables tell."""
_TELLING = ("mean", "std", "p50", "null_share")
_TOLD = re.compile(
    r"workbench\.(objective|hypothesis|metrics|branch|view|experiment|view_id|code_hash|contract_hash|metadata_hash|"
    r"data_digest|spine_digest|training_set|training_commit|reused|registered\.|source\.|"
    r"upstream\.|features\.|view_id\.)|mlflow\."
)
"""Tags that repeat what parameters tell; all rows have them."""
_OF_A_PART = re.compile(r"^.*?\.(?=workbench\.|mlflow\.)")


@dataclass(frozen=True, slots=True)
class Described:
    """What one side of a comparison is about.

    `features` is what its models were trained on, or what the branch defines, with the version or the beginning of the
    view id of each; `has_failed` says that no run of it finished.
    """

    branch: str
    commit: str
    objective: str | None
    hypothesis: str | None
    metrics: tuple[str, ...] = ()
    features: Mapping[str, str] = field(default_factory=dict)
    is_branch: bool = False
    has_failed: bool = False


@dataclass(frozen=True, slots=True)
class RunComparison(Reported):
    """Branches, experiments or runs side by side, and the address of MLflow's compare page for them.

    Parameters
    ----------
    branch
        The branch that was looked at.
    what
        What was named; empty where nothing was.
    comparison
        Parameters, metrics and tags of each side.
    described
        What each side is about.
    all_rows
        Whether rows in which all agree are shown.
    view
        The view whose runs alone were asked for; then what describes it is shown too.
    """

    mime_kind: ClassVar[str] = "comparison"

    branch: str
    what: tuple[str, ...]
    comparison: Comparison
    described: tuple[Described, ...]
    all_rows: bool = False
    view: str | None = None

    @property
    def frame(self) -> pl.DataFrame:
        """The table: ``kind``, ``key`` and one text column a side (a Polars DataFrame)."""
        return self.comparison.table(only_differing=not self.all_rows)

    def to_frame(self) -> pl.DataFrame:
        """Return each metric on each side: ``metric, side, mean, std, count, difference, relative``."""
        return self.comparison.differences()

    def to_dict(self) -> dict[str, Any]:
        """Return sides, rows, metrics and link as JSON-ready values."""
        labels = self.comparison.labels()
        runs = ([run.run_id or run.key for run in side.runs] for side in self.comparison.sides)
        return {
            "branch": self.branch,
            "sides": [
                {"label": label, "runs": of_side, **to_plain(described)}
                for label, of_side, described in zip(labels, runs, self.described, strict=True)
            ],
            "baseline": labels[self.comparison.baseline] if labels else None,
            "runs": to_plain(self.comparison.runs),
            "rows": self.frame.to_dicts(),
            "metrics": self.to_frame().to_dicts(),
            "on_their_way": self.comparison.on_their_way,
            "url": self.comparison.url,
            "pages": [{"about": page.about, "url": page.url} for page in self.comparison.pages],
        }

    def unfolded(self) -> Unfolded:
        """Return what shows all rows, nothing folded."""
        return Unfolded(replace(self, all_rows=True).report)

    def report(self) -> Report:
        """Return the declared metric on each side, then what differs; folded what identifies data and code."""
        titles = self._titles()
        judged, described = self._metrics(), self._profiles()
        asked = self.view is not None
        shown = {
            "Metrics": [*judged, *(described if asked else ())],
            "About": self._about(),
            "Features": self._features(),
            "Parameters": self._params(data=False),
        }
        rest = {
            "Profiles of views": () if asked else described,
            "Data and code": self._params(data=True),
            "Tags": self._tags(),
        }
        table, columns = self._grouped(shown), ("", *titles)
        is_wide = len(titles) > SHOWN_SIDES
        folded = {"What differs": table if is_wide else (), "Profiles, data, code and tags": self._grouped(rest)}
        pages = [(page.about, page.url) for page in self.comparison.pages if page.url]
        more = len(pages) - SHOWN_PAGES
        return Report(
            self._title(titles, judged),
            steps=tuple(self._steps()),
            facts=self._facts(titles),
            tables=(
                (self._listed(titles, judged),) if is_wide else (Table("", columns, table, most=None),) if table else ()
            ),
            notes=(
                *self._notes(),
                *([f"{more} more pages of views in MLflow: --json has them all."] if more > 0 else []),
            ),
            links=tuple((f"Compare in MLflow: {about}", url) for about, url in pages[:SHOWN_PAGES]),
            folded=tuple(
                Fold(f"{title}: {_count(rows)}", (Table("", columns, rows, most=None),))
                for title, rows in folded.items()
                if rows
            ),
        )

    def _grouped(self, sections: Mapping[str, Sequence[tuple[object, ...]]]) -> tuple[tuple[object, ...], ...]:
        """Return the rows of all sections below each other, each below its title, so that sides stay in line."""
        return tuple(row for title, rows in sections.items() if rows for row in ((title,), *rows))

    def _listed(self, titles: Sequence[str], judged: Sequence[tuple[object, ...]]) -> Table:
        """Return a line a side, with what it is judged by first."""
        told = [*judged, *self._params(data=False)][:SHOWN_METRICS]
        commits = (each.commit[:10] for each in self.described)
        lines = zip(titles, *(row[1:] for row in told), commits, strict=True)
        return Table("", ("", *(str(row[0]) for row in told), "commit"), tuple(lines), most=None)

    def _title(self, titles: Sequence[str], judged: Sequence[tuple[object, ...]]) -> str:
        """Return the declared metric of each side, or how many runs are compared."""
        runs = len(self.comparison.runs)
        counted = f"{runs} run{'' if runs == 1 else 's'}"
        declared = next((row for row in judged if self._is_declared(str(row[0]))), None)
        if declared is not None and len(titles) <= SHOWN_SIDES:
            held = [f"{title} {value}" for title, value in zip(titles, declared[1:], strict=True) if value]
            without = len(titles) - len(held)
            return "; ".join([f"{declared[0]}: {held[0]}", *held[1:], *([f"{without} without it"] if without else [])])
        if declared is not None:
            return f"{counted} by {declared[0]}"
        return self._compared(titles, counted)

    def _compared(self, titles: Sequence[str], counted: str) -> str:
        if not self.what:
            return f"{counted} on {self.branch}"
        return f"{' and '.join(titles[:SHOWN_SIDES])}{', ...' if len(titles) > SHOWN_SIDES else ''}: {counted}"

    def _facts(self, titles: Sequence[str]) -> tuple[tuple[str, object], ...]:
        runs = len(self.comparison.runs)
        if len(titles) < 2:
            return ()
        base = self.comparison.baseline
        facts = [("runs", runs), ("differences from", titles[base])]
        missing = [name for name in self._declared if not self._has_metric(name)]
        return (*facts, *([("declared, not measured", ", ".join(missing))] if missing else []))

    def _titles(self) -> list[str]:
        """Return a short name of each side: a branch's, or a run's id and, where there are several, its name."""
        several = len({run.name for run in self.comparison.runs}) > 1
        titles = []
        for described, side in zip(self.described, self.comparison.sides, strict=True):
            if described.is_branch:
                titles.append(described.branch)
                continue
            first, count = side.runs[0], len(side.runs)
            name = f"{first.name} " if several or count > 1 else ""
            more = f" and {count - 1} more" if count > 1 else ""
            titles.append(f"{name}{(first.run_id or first.key)[:8]}{more}{' (failed)' if described.has_failed else ''}")
        return titles

    def _steps(self) -> list[str]:
        """Return what to do where there is little to compare."""
        if not self.comparison.runs:
            return ["No runs yet: define a view on this branch, or train a model in `project.experiment(...)`."]
        if len(self.described) == 1:
            return ["There is no second run to compare: name another branch, or train again."]
        if not any(run.kind == "model" for run in self.comparison.runs) and self.view is None:
            return ["No model has been trained yet, these are runs of views: train one in `project.experiment(...)`."]
        return []

    def _notes(self) -> list[str]:
        notes = []
        if len(self.described) > 1 and not any(differ(values) for _, _, values in self.comparison.rows()):
            notes.append("These runs do not differ.")
        if waiting := self.comparison.on_their_way:
            said = "1 run is" if waiting == 1 else f"{waiting} runs are"
            notes.append(f"{said} on the way to MLflow, and not on its pages yet.")
        if self.comparison.pages and not self.comparison.url:
            notes.append("`ui` starts the MLflow UI; then this shows a link to its compare page.")
        return notes

    def _about(self) -> list[tuple[object, ...]]:
        sides = self.comparison.sides
        rows: dict[str, list[str | None]] = {
            "branch": [None if each.is_branch else each.branch for each in self.described],
            "commit": [each.commit[:10] for each in self.described],
            "objective": [each.objective for each in self.described],
            "hypothesis": [each.hypothesis for each in self.described],
            "experiments": [", ".join(dict.fromkeys(r.name for r in s.runs if r.kind == "model")) for s in sides],
            "runs": [str(len(side.runs)) for side in sides],
            "status": ["failed" if each.has_failed else None for each in self.described],
        }
        rows["error"] = [side.facts.tags.get("workbench.error") for side in sides]
        shown = {name: values for name, values in rows.items() if any(values) and self._shows(values)}
        return [(name, *values) for name, values in shown.items()]

    def _features(self) -> Sequence[tuple[object, ...]]:
        """Return a row for the features of a view that are alike on all sides."""
        names = dict.fromkeys(name for each in self.described for name in each.features)
        alike: dict[tuple[str, tuple[str | None, ...]], list[str]] = {}
        for name in names:
            view, _, feature = name.partition(":")
            values = tuple(each.features.get(name) for each in self.described)
            if self._shows(values):
                alike.setdefault((view, values), []).append(feature)
        return [(_name_features(view, found), *values) for (view, values), found in alike.items()]

    def _metrics(self) -> list[tuple[object, ...]]:
        """Return a row a metric that experiments are judged by, or that models measured: the declared ones first."""
        return self._metric_rows(lambda rank: rank < PROFILE)

    def _profiles(self) -> list[tuple[object, ...]]:
        """Return a row a statistic of the views."""
        return self._metric_rows(lambda rank: rank == PROFILE)

    def _metric_rows(self, wanted: Callable[[int], bool]) -> list[tuple[object, ...]]:
        """Return a row a metric: mean and deviation, and how far it is from the baseline's."""
        sides, base = self.comparison.sides, self.comparison.baseline
        spreads = {f"{name}_std" for side in sides for name in side.spread}
        found = []
        for kind, key, values in self.comparison.rows():
            if kind != "metric" or not wanted(self._rank(key)):
                continue
            if not (self.all_rows or self._tells(key, values, spreads)):
                continue
            cells = [_number(value) for value in values]
            for place, side in enumerate(sides):
                if cells[place] and key in side.spread:
                    cells[place] += f" ± {side.spread[key].std:.2g} (n={side.spread[key].count})"
                if cells[place]:
                    cells[place] += _difference(values[place], values[base])
            found.append((self._rank(key), self._short(key), *(cell or None for cell in cells)))
        return [row[1:] for row in sorted(found, key=lambda row: (row[0], row[1]))]

    def _shows(self, values: Sequence[str | float | None]) -> bool:
        """Return whether a row is shown: it differs, or there is nothing to differ from, or all are."""
        return self.all_rows or len(self.described) == 1 or differ(values)

    def _tells(self, key: str, values: Sequence[str | float | None], spreads: Collection[str]) -> bool:
        """Return whether a metric is shown by default: it differs, and another row does not tell it already.

        Beside models, a view's statistics are the four that say most, of features that all sides have.
        """
        if is_repeat(key) or key in spreads:
            return False
        if self._rank(key) == DECLARED:
            return True
        if not self._shows(values):
            return False
        if self._rank(key) < PROFILE or not any(run.kind == "model" for run in self.comparison.runs):
            return True
        return None not in values and key.rpartition("/")[2] in _TELLING

    @property
    def _partial(self) -> tuple[str, ...]:
        """What keys begin with that are about views which not all sides have; the features tell of these."""
        views = [{f"{run.view}." for run in side.runs if run.kind == "view"} for side in self.comparison.sides]
        return tuple({view for some in views for view in some if not all(view in each for each in views)})

    @property
    def _declared(self) -> tuple[str, ...]:
        """The metrics that the experiments are judged by, in their order."""
        return tuple(dict.fromkeys(name for each in self.described for name in each.metrics))

    def _is_declared(self, key: str) -> bool:
        return key in self._declared or key.rpartition(".")[2] in self._declared

    def _has_metric(self, name: str) -> bool:
        keys = (key for side in self.comparison.sides for key in side.facts.metrics)
        return any(name in {key, key.rpartition(".")[2]} for key in keys)

    def _rank(self, key: str) -> int:
        """Return where a metric stands: what experiments are judged by, what models measured, what describes views."""
        if self._is_declared(key):
            return DECLARED
        return PROFILE if "/" in key and not is_repeat(key) else MEASURED

    def _params(self, *, data: bool) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        for kind, key, values in self.comparison.rows():
            own = key.rpartition(".")[2] in OWN_PARAMS or _DATA.search(key) is not None
            told = key.rpartition(".")[2] in _SAID or key.startswith(self._partial)
            if kind == "param" and own == data and (self.all_rows or (self._shows(values) and not told)):
                rows.append((self._short(key), *map(_identity if data else _short, values)))
        return rows

    def _tags(self) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        for kind, key, values in self.comparison.rows():
            told = _TOLD.match(_OF_A_PART.sub("", key)) or key.startswith(self._partial)
            if kind == "tag" and (self.all_rows or (self._shows(values) and not told)):
                rows.append((self._short(key), *map(_short, values)))
        return rows

    def _short(self, key: str) -> str:
        """Return a key without the view's name where all that is compared is one view."""
        names = {run.view if run.kind == "view" else "" for run in self.comparison.runs}
        return key.removeprefix(f"{names.pop()}.") if len(names) == 1 and "" not in names else key


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float | int) else ""


def _difference(value: object, base: object) -> str:
    """Return how far a number is from another, in brackets; nothing where one of them is none."""
    if not isinstance(value, float | int) or not isinstance(base, float | int) or value == base:
        return ""
    share = 100 * (value - base) / abs(base) if base else None
    said = "" if share is None else f", {share:+,.0f}%" if abs(share) >= 100 else f", {share:+.2g}%"
    return f" ({value - base:+.3g}{said})"


def _name_features(view: str, features: Sequence[str]) -> str:
    if len(features) > SHOWN_FEATURES:
        return f"{view}: {len(features)} features"
    return f"{view}:{', '.join(features)}" if any(features) else view


def _count(rows: Sequence[tuple[object, ...]]) -> str:
    count = sum(len(row) > 1 for row in rows)
    return f"{count} row{'' if count == 1 else 's'}"


def _identity(text: str | float | None) -> str | None:
    """Return the beginning of a hash, and other text as it is; a digest of digits alone is no number."""
    return text[:12] if isinstance(text, str) and HASH.fullmatch(text) else None if text is None else str(text)


def _short(text: str | float | None) -> str | None:
    """Return a number with six digits, and a hash by its beginning; other text as it is."""
    if not isinstance(text, str):
        return None if text is None else _number(text)
    if HASH.fullmatch(text):
        return text[:12]
    try:
        return text and f"{float(text):.6g}"
    except ValueError:
        return text
