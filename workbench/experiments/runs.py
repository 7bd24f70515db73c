"""Choosing what is compared: a branch's runs, several branches, runs by id, the runs of an experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.define import load_tree
from workbench.errors import BranchNotFound, UsageError, WorkbenchError, did_you_mean
from workbench.experiments.model_record import training_of_side
from workbench.experiments.run_comparison import Described, RunComparison
from workbench.registry import Registry
from workbench.tracking import (
    TRAINING,
    Facts,
    RunSide,
    join_sides,
    own_runs,
    repeats,
    run_label,
    side_of_repeats,
    side_of_run,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from workbench.registry import Version
    from workbench.tracking import RunSummary
    from workbench.workspace import Workspace

    Logged = tuple[RunSummary, Facts]

SIDES = 10
"""Runs that are compared where nobody names them, newest first."""
ALL = 1_000_000
FINISHED = "FINISHED"
SHORTEST = 6


def compare_runs(
    workspace: Workspace, what: Sequence[str], *, branch: str, view: str | None, all_rows: bool
) -> RunComparison:
    """Return branches, experiments or runs side by side."""
    chosen = _Chosen(workspace, tuple(workspace.tracker.runs(limit=ALL)), view)
    if not what:
        sides = chosen.newest(branch)
        order = list(reversed(range(len(sides))))
    else:
        names = [workspace.trunk, *what] if len(what) == 1 and chosen.is_other_branch(what[0]) else list(what)
        sides = chosen.sides_of(names)
        order = list(range(len(sides)))
    baseline = next((place for place in order if not sides[place][1].has_failed), order[0] if order else 0)
    comparison = workspace.tracker.compare_sides([side for side, _ in sides], baseline=baseline)
    return RunComparison(branch, tuple(what), comparison, tuple(each for _, each in sides), all_rows, view)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Finds the sides of a comparison among all runs that were logged from here, newest first."""

    workspace: Workspace
    runs: tuple[RunSummary, ...]
    view: str | None

    def newest(self, branch: str) -> list[tuple[RunSide, Described]]:
        """Return the newest runs of `branch` as sides."""
        runs = self._own(branch)
        if self.view is None:
            runs = [run for run in runs if run.kind == "model"] or runs
        else:
            runs = [run for run in runs if run.view == self.view]
        return self._of_groups(repeats(self._logged(runs[: SIDES * 10]))[:SIDES])

    def sides_of(self, names: Sequence[str]) -> list[tuple[RunSide, Described]]:
        """Return what each of `names` stands for, as sides."""
        kinds = [(name, self.workspace.repository.exists(name)) for name in dict.fromkeys(names)]
        experiments = {run.name for name, is_branch in kinds if is_branch for run in self._models(name)}
        sides: list[tuple[RunSide, Described]] = []
        for name, is_branch in kinds:
            sides += [self._of_branch(name, prefixed=len(experiments) > 1)] if is_branch else self._of_name(name)
        return sides

    def is_other_branch(self, name: str) -> bool:
        """Return whether `name` is a branch other than main."""
        return name != self.workspace.trunk and self.workspace.repository.exists(name)

    def _of_branch(self, branch: str, *, prefixed: bool) -> tuple[RunSide, Described]:
        """Return all that `branch` came to: its newest runs of each experiment, and of each view."""
        groups: dict[str, list[Logged]] = {}
        if self.view is None:
            found = repeats(self._logged(self._models(branch)))
            for group in sorted(found, key=lambda group: group[0][0].status != FINISHED):  # the newest that finished
                groups.setdefault(group[0][0].name, group)
        models = [(f"{name}." if prefixed else "", side_of_repeats(name, group)) for name, group in groups.items()]
        views = [
            (f"{run.view}.", side_of_run(run.view, (run, facts))) for run, facts in self._logged(self._views(branch))
        ]
        side = join_sides(branch, [*models, *views])
        about = self.workspace.repository.branch(branch)
        features = _training_features(side.facts) or self._defined(branch)
        described = Described(
            branch, about.tip, about.objective, about.hypothesis, about.metrics, features, is_branch=True
        )
        return side, described

    def _of_name(self, name: str) -> list[tuple[RunSide, Described]]:
        if len(name) >= SHORTEST:
            found = [run for run in self.runs if name in {run.run_id, run.key}] or [
                run for run in self.runs if (run.run_id or "").startswith(name) or run.key.startswith(name)
            ]
            if len(found) > 1:
                raise UsageError(f"{name!r} is the beginning of several runs' ids.", remedy="Give more of the id.")
            if found:
                return self._of_groups([list(self._logged(found))])
        runs = [run for run in self.runs if run.kind == "model" and run.name == name]
        if not runs:
            known = [*self.workspace.repository.names(), *(run.name for run in self.runs if run.kind == "model")]
            raise UsageError(f"{name!r} is not a branch, experiment or run.", remedy=did_you_mean(name, known))
        return self._of_groups(repeats(self._logged(runs[: SIDES * 10]))[:SIDES])

    def _of_groups(self, groups: Iterable[Sequence[Logged]]) -> list[tuple[RunSide, Described]]:
        sides = []
        for group in groups:
            run, facts = group[0]
            side = side_of_repeats(run_label(run), group)
            tags = facts.tags
            described = Described(
                run.branch,
                run.commit,
                tags.get("workbench.objective"),
                tags.get("workbench.hypothesis"),
                tuple(name for name in tags.get("workbench.metrics", "").split(", ") if name),
                _training_features(facts) or ({run.view: run.view_id[:10]} if run.kind == "view" else {}),
                is_branch=False,
                has_failed=all(each.status != FINISHED for each, _ in group),
            )
            sides.append((side, described))
        return sides

    def _own(self, branch: str) -> list[RunSummary]:
        return own_runs(self.runs, branch, self.workspace.repository.lifetime(branch))

    def _models(self, branch: str) -> list[RunSummary]:
        return [run for run in self._own(branch) if run.kind == "model"]

    def _views(self, branch: str) -> list[RunSummary]:
        """Return the newest run of each view of a branch; of main, the runs that were published."""
        newest: dict[str, RunSummary] = {}
        for run in self._own(branch):
            if run.kind == "view" and self.view in {None, run.view}:
                newest.setdefault(run.view, run)
        if branch == self.workspace.trunk:
            published = self._published()
            by_id = {name: run for run in self.runs for name in (run.run_id, run.key)}
            newest |= {view: by_id[version.run] for view, version in published.items() if version.run in by_id}
        return [run for view, run in sorted(newest.items()) if self.view in {None, view}]

    def _published(self) -> dict[str, Version]:
        """Return the version that each view on main serves."""
        registry = Registry.at(self.workspace.repository, self.workspace.trunk)
        found: dict[str, Version] = {}
        for view in registry.views:
            try:
                version = registry.record(view).serving
            except WorkbenchError:
                continue  # a damaged record says so where it is asked for
            if version is not None:
                found[view] = version
        return found

    def _defined(self, branch: str) -> dict[str, str]:
        """Return the features that a branch defines, with the version or the beginning of the last view id of each."""
        try:
            commit = self.workspace.repository.resolve(branch)
        except BranchNotFound:
            return {}
        found: dict[str, str] = {}
        for name, version in self._published().items() if branch == self.workspace.trunk else ():
            found |= {f"{name}:{column.name}": f"@{version.number}" for column in version.contract.features}
        outline = load_tree(self.workspace.repository, commit, cache=self.workspace.hidden).outline
        for name, view in outline.views.items():
            last = self.workspace.journal.last(name, branch=branch)
            state = last.view_id[:10] if last else "defined"
            found = {f"{name}:{feature}": state for feature in view.features} | found
        return found

    def _logged(self, runs: Iterable[RunSummary]) -> list[Logged]:
        return [(run, self.workspace.tracker.facts(run)) for run in runs]


def _training_features(facts: Facts) -> Mapping[str, str]:
    """Return the features that models were trained on, with the version or the beginning of the view id of each."""
    texts = [text for path, text in facts.artifacts.items() if path.endswith(TRAINING)]
    return {
        f"{view.view}:{feature}": f"@{view.version}" if view.version else view.view_id[:10]
        for training in training_of_side(texts)
        for view in training.views
        for feature in view.features
    }
