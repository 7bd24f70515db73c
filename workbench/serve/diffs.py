"""`side_at`: a view as one side of a comparison, by how people name it: a branch, a version, a release, a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.compare import Side
from workbench.define import load_tree
from workbench.errors import BranchNotFound, UsageError
from workbench.loop.evaluate import Evaluation
from workbench.serve.moments import moment
from workbench.serve.published import PublishedReading
from workbench.serve.releases import commit_at, release_commit

if TYPE_CHECKING:
    from workbench.loop.rooms import Rooms


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
        return _published(PublishedReading.of(rooms), view, version)
    if ref.startswith("release/"):
        return _published(PublishedReading.of(rooms, release_commit(rooms, ref.removeprefix("release/"))), view, None)
    try:
        commit = rooms.repository.resolve(ref)
    except BranchNotFound:
        try:
            then = moment(ref)
        except UsageError:
            then = None
        if then is None:
            raise
        return _published(PublishedReading.of(rooms, commit_at(rooms, then)), view, None)
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


def _published(reading: PublishedReading, view: str, version: str | None) -> Side:
    found = reading.view(view, version)
    return Side(found.label, found.data.frame, found.contract, code_hash=found.data.code_hash)
