"""`View`: a handle on one view of one branch, as `project.view` returns it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from workbench.define import load_tree, reraise_user_errors
from workbench.errors import FeatureNotFound
from workbench.pipeline.check_cache import cached_profile
from workbench.pipeline.evaluate import Evaluation, on_steady_sources
from workbench.pipeline.run_record import lineage_of
from workbench.render import Report, Reported, Table

if TYPE_CHECKING:
    import polars as pl

    from workbench.define import Contract, FeatureView
    from workbench.pipeline.evaluate import Evaluated, Prepared
    from workbench.profile import Profile
    from workbench.tracking import Entry
    from workbench.workspace import Workspace


@dataclass(frozen=True)
class View(Reported):
    """A view as a branch defines it. Its data is computed, or reused, when it is first asked for."""

    name: str
    branch: str
    commit: str
    feature: str | None
    _workspace: Workspace
    _evaluation: Evaluation

    @property
    def definition(self) -> FeatureView:
        """What the view's file declares."""
        return self._evaluation.definitions.view(self.name)

    @property
    def contract(self) -> Contract:
        """What the view promises about its columns."""
        return self.definition.contract

    @property
    def view_id(self) -> str:
        """The address of the view's data; what it is made from is computed to know it."""
        return self._prepared.view_id

    @cached_property
    def _prepared(self) -> Prepared:
        with reraise_user_errors(self._evaluation.definitions, {}):
            return self._evaluation.prepare(self.name)

    @cached_property
    def _evaluated(self) -> Evaluated:
        planned = [self._evaluation]

        def act() -> Evaluated:
            evaluation = planned.pop() if planned else self._evaluation.renew()
            with reraise_user_errors(evaluation.definitions, {}):
                return evaluation.evaluate(self.name)

        return on_steady_sources(act)

    def frame(self) -> pl.LazyFrame:
        """Return the view's rows: entity columns, event time, features; where one feature was named, only that one."""
        frame = self._evaluated.computed.stored.frame()
        if self.feature is None:
            return frame
        keys = [column.name for column in self.contract.columns if column.role != "feature"]
        return frame.select(*keys, self.feature)

    @cached_property
    def profile(self) -> Profile:
        """What its rows look like, keys and features: types, ranges, nulls, quantiles, histograms, period, entities."""
        facts = self._workspace.facts
        return cached_profile(facts, self.view_id, self.contract, self._evaluated.computed.stored.frame())

    def lineage(self) -> dict[str, Any]:
        """Return what the view is made from: code, contract, parameters, inputs with their digests, versions."""
        return lineage_of(self._evaluation, self._evaluated, branch=self.branch, commit=self.commit)

    def history(self) -> list[Entry]:
        """Return the computations of the view on this branch in this project, oldest first."""
        return self._workspace.journal.entries(self.name, branch=self.branch)

    def to_dict(self) -> dict[str, Any]:
        """Return the view's declaration, contract and identity as JSON-ready values."""
        return {
            **self.definition.to_dict(),
            "branch": self.branch,
            "commit": self.commit,
            "view_id": self.view_id,
            "contract": self.contract.to_dict(),
        }

    def report(self) -> Report:
        """Return the view's declaration and columns."""
        view = self.definition
        columns = tuple(
            (column.name, column.role, str(column.dtype), column.unit, column.description)
            for column in self.contract.columns
        )
        return Report(
            f"{self.name} on {self.branch}",
            facts=(
                ("says", view.description or None),
                ("made from", ", ".join(view.inputs)),
                ("view id", self.view_id[:16]),
                ("commit", self.commit[:10]),
                ("owner", view.owner),
            ),
            tables=(Table("Columns", ("column", "role", "dtype", "unit", "description"), columns),),
        )

    def __repr__(self) -> str:
        return f"<View {self.name} on {self.branch} at {self.commit[:10]}>"


def open_view(workspace: Workspace, ref: str, *, branch: str) -> View:
    """Return the view that `ref` (``view`` or ``view:feature``) names on `branch`."""
    name, _, feature = ref.partition(":")
    if "@" in name:
        raise FeatureNotFound(
            f"{ref!r} names a published version, which a branch does not have.",
            remedy=f"Remove the version: {name.partition('@')[0]!r} is the view as the branch defines it.",
        )
    commit = workspace.repository.resolve(branch)
    definitions = load_tree(workspace.repository, commit, cache=workspace.hidden)
    contract = definitions.view(name).contract
    features = [column.name for column in contract.columns if column.role == "feature"]
    if feature and feature not in features:
        raise FeatureNotFound.named(ref, [f"{name}:{known}" for known in features])
    return View(
        name, branch, commit, feature or None, workspace, Evaluation(definitions, workspace.sources, workspace.cache)
    )
