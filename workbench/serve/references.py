"""References to features: from what a user writes to the views and columns that are meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.errors import FeatureNotFound, JoinError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import polars as pl

    from workbench.define import Definitions, FeatureView


@dataclass(frozen=True, slots=True)
class Wanted:
    """One feature that was asked for, and the column of the result that holds it."""

    view: str
    feature: str
    column: str

    @property
    def ref(self) -> str:
        """The feature as ``view:feature``."""
        return f"{self.view}:{self.feature}"


def split_reference(ref: object) -> tuple[str, str | None]:
    """Return the view and feature of ``view`` or ``view:feature``.

    Raises
    ------
    FeatureNotFound
        For ``view@version``: no version is published yet.
    UsageError
        For what is no reference.
    """
    if not isinstance(ref, str) or not ref.strip():
        raise UsageError(
            f"{ref!r} is not a reference to a feature.",
            remedy='Write "view", "view:feature" or the name of a feature set.',
        )
    name, colon, feature = ref.strip().partition(":")
    bare = name.partition("@")[0]
    if "@" in name:
        plain = f"{bare}:{feature}" if feature else bare
        raise FeatureNotFound(
            f"{ref!r} asks for a published version, and nothing is published yet.",
            remedy=f"Leave the version out: {plain!r} is what the branch defines.",
        )
    if not name or (colon and not feature):
        raise UsageError(f"{ref!r} names no feature.", remedy='Write "view", "view:feature" or a feature set\'s name.')
    return name, feature or None


def resolve(references: str | Sequence[str], definitions: Definitions, *, full_names: bool) -> tuple[Wanted, ...]:
    """Return the features that `references` name, in their order, each once.

    Parameters
    ----------
    references
        ``view`` (all its features), ``view:feature``, and names of feature sets, mixed.
    definitions
        The branch's definitions.
    full_names
        Call the columns ``view__feature``.

    Raises
    ------
    FeatureNotFound
        For a name that is no view, feature or feature set (did you mean).
    JoinError
        Where features of two views would give one column.
    UsageError
        Without any reference, and for a name that is both a view and a feature set.
    """
    asked = [references] if isinstance(references, str) else list(references)
    if not asked:
        raise UsageError("No features were asked for.", remedy='Name some: ["view:feature", "other_view"].')
    found = dict.fromkeys(pair for ref in asked for pair in _features(ref, definitions))
    wanted = tuple(Wanted(v, f, f"{v}__{f}" if full_names else f) for v, f in found)
    owners: dict[str, str] = {}
    for item in wanted:
        if owners.setdefault(item.column, item.view) != item.view:
            raise JoinError.collision(item.column, f"view {owners[item.column]!r}", f"view {item.view!r}")
    return wanted


def named_view(ref: str, definitions: Definitions) -> tuple[FeatureView, tuple[str, ...]]:
    """Return the view that `ref` names, and its features: the one named, or all.

    Raises
    ------
    FeatureNotFound
        Where there is no such view or feature (did you mean).
    """
    name, feature = split_reference(ref)
    view = definitions.view(name)
    features = [column.name for column in view.contract.features]
    if feature is None:
        return view, tuple(features)
    if feature not in features:
        raise FeatureNotFound.named(ref, [f"{name}:{known}" for known in features])
    return view, (feature,)


def check_spine(
    spine: pl.Schema, wanted: Sequence[Wanted], definitions: Definitions, *, time: str, label: str | None
) -> None:
    """Raise `JoinError` unless the spine has the time, label and key columns, and none that a feature would take."""
    entities = {name: view for view in views_of(wanted) for name in definitions.view(view).entities}
    for column in (time, *([label] if label is not None else []), *entities):
        if column not in spine:
            raise JoinError.missing_column(column, "the spine", spine)
    for item in wanted:
        if item.column in spine:
            raise JoinError.collision(item.column, "the spine", f"view {item.view!r}")


def views_of(wanted: Iterable[Wanted]) -> tuple[str, ...]:
    """Return the views of the features asked for, each once, in their order."""
    return tuple(dict.fromkeys(item.view for item in wanted))


def _features(ref: str, definitions: Definitions) -> list[tuple[str, str]]:
    name, feature = split_reference(ref)
    named = definitions.feature_sets.get(name) if feature is None else None
    if named is not None:
        if name in definitions.views:
            raise UsageError(
                f"{name!r} is both a view and a feature set.",
                remedy=f"Name the view's features, as in '{name}:...', or rename the feature set.",
            )
        return [pair for member in named.features for pair in _of_view(member, definitions)]
    return _of_view(ref, definitions)


def _of_view(ref: str, definitions: Definitions) -> list[tuple[str, str]]:
    name, feature = split_reference(ref)
    if feature is None and name not in {*definitions.views, *definitions.broken}:
        raise _unknown(name, definitions)
    view, features = named_view(ref, definitions)
    return [(view.name, column) for column in features]


def _unknown(name: str, definitions: Definitions) -> FeatureNotFound:
    """Return the error for `name`; where it is a feature's, it says of which view."""
    owners = [view.name for view in definitions.views.values() if name in [c.name for c in view.contract.features]]
    if owners:
        shown = " or ".join(repr(f"{owner}:{name}") for owner in owners)
        return FeatureNotFound(f"{name!r} is a feature, and its view is not named.", remedy=f"Write {shown}.")
    return FeatureNotFound.named(name, [*definitions.views, *definitions.feature_sets])
