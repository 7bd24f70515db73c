"""`diff`: how a view differs between two of a branch, a published version, a release and a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.compare import Side, diff_views
from workbench.define import load_tree
from workbench.errors import BranchNotFound, FeatureNotFound, UsageError
from workbench.loop.evaluate import Evaluation
from workbench.serve.moments import moment
from workbench.serve.published import PublishedReading
from workbench.serve.releases import commit_at, release_commit
from workbench.widgets import Report, Reported, Table

if TYPE_CHECKING:
    import polars as pl

    from workbench.compare import ColumnDiff, RowCounts, ViewDiff
    from workbench.loop.rooms import Rooms

LINES = 60
"""Lines of a file's difference that are shown; `to_dict` has all."""


def side_at(rooms: Rooms, view: str, ref: str) -> Side:
    """Return `view` as `ref` has it, as one side of `compare.diff_views`.

    Parameters
    ----------
    rooms
        The project's rooms.
    view
        The view's name.
    ref
        ``@1.2`` or ``view@1.2`` (published), ``release/NAME``, a moment in ISO 8601 (what was published then), or a
        branch, whose definition is computed on today's data where it is not computed yet.

    Raises
    ------
    FeatureNotFound
        Where there is no such view or version; did you mean.
    PromotionError
        For an unknown release; did you mean.
    BranchNotFound
        Where `ref` is nothing of these; did you mean.
    UsageError
        For a version of another view.
    """
    if "@" in ref:
        name, _, version = ref.partition("@")
        if name not in {"", view}:
            raise UsageError(f"{ref!r} is a version of another view than {view!r}.", remedy=f"Write {view}@{version}.")
        return _published(rooms, PublishedReading.of(rooms), view, version)
    if ref.startswith("release/"):
        reading = PublishedReading.of(rooms, release_commit(rooms, ref.removeprefix("release/")))
        return _published(rooms, reading, view, None)
    try:
        commit = rooms.repository.resolve(ref)
    except BranchNotFound:
        try:
            then = moment(ref)
        except UsageError:
            then = None
        if then is None:
            raise
        return _published(rooms, PublishedReading.of(rooms, commit_at(rooms, then)), view, None)
    definitions = load_tree(rooms.repository, commit, cache=rooms.hidden)
    evaluated = Evaluation(definitions, rooms.sources, rooms.cache).evaluate(view)
    prepared, stored = evaluated.prepared, evaluated.computed.stored
    return Side(
        label=ref,
        frame=stored.frame(),
        contract=prepared.contract,
        text={f"features/{view}.py": definitions.files.sources[f"{view}.py"].decode()},
        code_hash=prepared.fingerprint.code_hash,
        metadata_hash=prepared.metadata_hash,
        digest=stored.record.digest,
    )


def _published(rooms: Rooms, reading: PublishedReading, view: str, asked: str | None) -> Side:
    found = reading.view(view, asked)
    version = reading.registry.version(view, asked)
    files = rooms.repository.folder(version.features)
    own = {name: blob for name, blob in files.items() if name == f"{view}.py"}
    return Side(
        label=found.label,
        frame=found.data.frame,
        contract=found.contract,
        text={f"features/{name}": rooms.repository.read_blob(blob).decode() for name, blob in own.items()},
        code_hash=version.code_hash,
        metadata_hash=version.metadata_hash,
    )


@dataclass(frozen=True, slots=True)
class Difference(Reported):
    """How a view differs between two sides; `diff` has all the numbers, exact and on all rows."""

    view: str
    diff: ViewDiff

    @property
    def category(self) -> str:
        """What kind of change it is, as a promotion would call it."""
        return self.diff.category

    @property
    def why(self) -> tuple[str, ...]:
        """What makes it that, a sentence each."""
        return self.diff.why

    @property
    def columns(self) -> tuple[ColumnDiff, ...]:
        """One for each column that is no key."""
        return self.diff.columns

    @property
    def rows(self) -> RowCounts:
        """Rows by key: added, removed, changed, the same."""
        return self.diff.rows

    def changed_rows(self, *, offset: int = 0, limit: int = 100, column: str | None = None) -> pl.DataFrame:
        """Return a page of at most 100 rows that differ, both sides' values beside each other."""
        return self.diff.changed_rows(offset=offset, limit=limit, column=column)

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as JSON-ready values."""
        return self.diff.to_dict()

    def to_frame(self) -> pl.DataFrame:
        """Return one row a column."""
        return self.diff.to_frame()

    def report(self) -> Report:
        """Return what differs: values, rows, promises, code."""
        left, right = self.diff.left, self.diff.right
        counts = self.diff.rows
        rows = ((counts.same, counts.changed, counts.added, counts.removed, counts.duplicates),)
        values = tuple(
            (c.name, c.status, c.changed, f"{c.share:.2%}", c.mean, c.largest)
            for c in self.columns
            if c.status != "same"
        )
        promises = tuple(
            (c.column, c.what, c.before, c.after, "breaks readers" if c.breaking else "") for c in self.diff.contract
        )
        lines = tuple((file.path, "\n".join(file.lines[:LINES])) for file in self.diff.code.files)
        tables = (
            Table("Values", ("column", "is", "values changed", "share", "mean change", "largest"), values),
            Table("Rows", ("same", "changed", "added", "removed", "key not unique"), rows),
            Table("Contract", ("column", "what", "before", "after", ""), promises),
            Table("Code", ("file", "lines"), lines),
        )
        return Report(
            f"{self.view}: {left.label if left else 'nothing'} against {right.label if right else 'nothing'}",
            facts=(("category", self.category), ("why", "\n".join(self.why) or "nothing differs")),
            tables=tuple(table for table in tables if table.rows),
        )

    def __repr__(self) -> str:
        return f"<Difference {self.view}: {self.category}>"


def diff(rooms: Rooms, view: str, left: str, right: str) -> Difference:
    """Return how `view` differs between two references, each as `side_at` takes it.

    A side that has no such view is empty.

    Raises
    ------
    FeatureNotFound
        Where neither has it.
    """
    sides: list[Side | None] = []
    missing: FeatureNotFound | None = None
    for ref in (left, right):
        try:
            sides.append(side_at(rooms, view, ref))
        except FeatureNotFound as error:
            sides.append(None)
            missing = error
    if missing is not None and not any(sides):
        raise missing
    return Difference(view, diff_views(sides[0], sides[1]))
