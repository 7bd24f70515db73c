"""`RunComparison`: what was tried and what came of it, side by side."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.experiments.model_record import OWN_PARAMS
from workbench.records import to_plain
from workbench.render import Report, Reported, Table
from workbench.tracking import differ, is_repeat

if TYPE_CHECKING:
    import polars as pl

    from workbench.tracking import Comparison

HASH = re.compile(r"[0-9a-f]{32,64}")
SHOWN_PAGES = 6
"""Links to MLflow that are shown."""
SHOWN_ROWS = 60
"""Rows of a table that are drawn; ``to_dict`` has them all."""
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
    view id of each.
    """

    branch: str
    commit: str
    objective: str | None
    hypothesis: str | None
    metrics: tuple[str, ...] = ()
    features: Mapping[str, str] = field(default_factory=dict)
    is_branch: bool = False


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
    """

    branch: str
    what: tuple[str, ...]
    comparison: Comparison
    described: tuple[Described, ...]
    all_rows: bool = False

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

    def report(self) -> Report:
        """Return what each side is about, its features, metrics with differences, parameters, data and code."""
        titles = self._titles()
        sections = (
            ("About", self._about()),
            ("Features", self._features()),
            ("Metrics", self._metrics()),
            ("Parameters", self._params(data=False)),
            ("Data and code", self._params(data=True)),
            ("Tags", self._tags()),
        )
        tables = tuple(Table(title, ("", *titles), tuple(rows[:SHOWN_ROWS])) for title, rows in sections if rows)
        left = sum(max(len(rows) - SHOWN_ROWS, 0) for _, rows in sections)
        pages = [(page.about, page.url) for page in self.comparison.pages if page.url]
        more = len(pages) - SHOWN_PAGES
        return Report(
            self._title(),
            tables=tables,
            notes=(
                *self._notes(left),
                *([f"{more} more pages of views in MLflow: --json has them all."] if more > 0 else []),
            ),
            links=tuple((f"Compare in MLflow: {about}", url) for about, url in pages[:SHOWN_PAGES]),
        )

    def _title(self) -> str:
        runs = len(self.comparison.runs)
        counted = f"{runs} run{'' if runs == 1 else 's'}"
        if not self.what:
            return f"{counted} on {self.branch}"
        return f"{' and '.join(self._titles()[:4])}{', ...' if len(self.described) > 4 else ''}: {counted}"

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
            titles.append(f"{name}{(first.run_id or first.key)[:8]}" + (f" and {count - 1} more" if count > 1 else ""))
        return titles

    def _notes(self, left: int) -> list[str]:
        runs, titles, base = len(self.comparison.runs), self._titles(), self.comparison.baseline
        notes = []
        if not runs:
            notes.append("No runs yet: define a view on this branch, or train a model in `project.experiment(...)`.")
        elif len(titles) == 1:
            notes.append("There is no second run to compare: name another branch, or train again.")
        elif not any(differ(values) for _, _, values in self.comparison.rows()):
            notes.append("These runs do not differ.")
        else:
            notes.append(f"Differences are from {titles[base]}.")
        if left:
            notes.append(f"{left} more rows: --json has them all.")
        if waiting := self.comparison.on_their_way:
            said = "1 run is" if waiting == 1 else f"{waiting} runs are"
            notes.append(f"{said} on the way to MLflow, and not on its pages yet.")
        if self.comparison.pages and not self.comparison.url:
            notes.append("`ui` starts the MLflow UI; then this shows a link to its compare page.")
        return notes

    def _about(self) -> list[tuple[object, ...]]:
        sides = self.comparison.sides
        rows: dict[str, list[str | None]] = {
            "branch": [each.branch for each in self.described],
            "commit": [each.commit[:10] for each in self.described],
            "objective": [each.objective for each in self.described],
            "hypothesis": [each.hypothesis for each in self.described],
            "experiments": [", ".join(dict.fromkeys(r.name for r in s.runs if r.kind == "model")) for s in sides],
            "runs": [str(len(side.runs)) for side in sides],
        }
        rows["error"] = [side.facts.tags.get("workbench.error") for side in sides]
        shown = {name: values for name, values in rows.items() if any(values) and self._shows(values)}
        return [(name, *values) for name, values in shown.items()]

    def _features(self) -> Sequence[tuple[object, ...]]:
        names = dict.fromkeys(name for each in self.described for name in each.features)
        rows: list[tuple[str | None, ...]] = [
            (name, *(each.features.get(name) for each in self.described)) for name in names
        ]
        return [row for row in rows if self._shows(row[1:])]

    def _metrics(self) -> list[tuple[object, ...]]:
        """Return a row a metric: mean and deviation, and how far it is from the baseline's."""
        sides, base = self.comparison.sides, self.comparison.baseline
        spreads = {f"{name}_std" for side in sides for name in side.spread}
        found = []
        for kind, key, values in self.comparison.rows():
            if kind != "metric" or not (self.all_rows or self._tells(key, values, spreads)):
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
        if not self._shows(values) or is_repeat(key) or key in spreads:
            return False
        if self._rank(key) < 2 or not any(run.kind == "model" for run in self.comparison.runs):
            return True
        return None not in values and key.rpartition("/")[2] in _TELLING

    @property
    def _partial(self) -> tuple[str, ...]:
        """What keys begin with that are about views which not all sides have; the features tell of these."""
        views = [{f"{run.view}." for run in side.runs if run.kind == "view"} for side in self.comparison.sides]
        return tuple({view for some in views for view in some if not all(view in each for each in views)})

    def _rank(self, key: str) -> int:
        """Return where a metric stands: what experiments are judged by, what models measured, what describes views."""
        declared = {name for each in self.described for name in each.metrics}
        if key in declared or key.rpartition(".")[2] in declared:
            return 0
        return 2 if "/" in key and not is_repeat(key) else 1

    def _params(self, *, data: bool) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        for kind, key, values in self.comparison.rows():
            own = key in OWN_PARAMS or _DATA.search(key) is not None
            told = key.rpartition(".")[2] in _SAID or key.startswith(self._partial)
            if kind == "param" and own == data and (self.all_rows or (self._shows(values) and not told)):
                rows.append((self._short(key), *map(_short, values)))
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
