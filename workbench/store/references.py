"""References to features: from what a user writes to the views and columns that are meant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from workbench.config import valid_name
from workbench.errors import FeatureNotFound, JoinError, UsageError, did_you_mean
from workbench.registry import split_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ALIASED = re.compile(r"(?P<ref>[^\s(]+)(?:\s+as\s+(?P<alias>[^\s(]+))?\s*(?:\((?P<keys>[^()]*)\))?")
_KINDS = 'Write "view", "view:feature", "view@2:feature" or the name of a feature set.'


class Reference(msgspec.Struct, frozen=True, omit_defaults=True):
    """A view, one of its features, or a feature set, and how a view takes part in a training set.

    Make one with `use`, or write it as text: ``airport_weather@2:temp as dest_weather (airport=dest)``.

    Attributes
    ----------
    view
        The view's, or the feature set's, name.
    version
        ``2`` or ``2.1`` where a published version is asked for.
    feature
        One feature; all where it is None.
    alias
        What the view is called in ``full_names``, in the ledger and in messages.
    keys
        Pairs of one of the view's entity columns and the spine's column that must equal it; others have one name.
    """

    view: str
    version: str | None = None
    feature: str | None = None
    alias: str | None = None
    keys: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, ref: object) -> Reference:
        """Return the reference that `ref`, a text or a reference already, is."""
        if isinstance(ref, Reference):
            return ref
        if not isinstance(ref, str) or not ref.strip():
            raise UsageError(f"{ref!r} is not a reference to a feature.", remedy=_KINDS)
        parts = _ALIASED.fullmatch(ref.strip())
        if parts is None:
            raise UsageError(f"{ref[:120]!r} is not a reference to a feature.", remedy=_spelling())
        plain, alias, keys = parts["ref"], parts["alias"], parts["keys"]
        return use(plain, as_=alias, keys=None if keys is None else _parse_keys(keys, ref))

    @property
    def target(self) -> str:
        """What is read, as ``view[@version][:feature]``."""
        version = f"@{self.version}" if self.version else ""
        return f"{self.view}{version}{f':{self.feature}' if self.feature else ''}"

    @property
    def is_plain(self) -> bool:
        """Whether the view takes part under its own name and with its own keys."""
        return self.alias is None and not self.keys

    def __str__(self) -> str:
        keys = f" ({', '.join(f'{entity}={column}' for entity, column in self.keys)})" if self.keys else ""
        return f"{self.target}{f' as {self.alias}' if self.alias else ''}{keys}"


def use(ref: str, *, as_: str | None = None, keys: Mapping[str, str] | None = None) -> Reference:
    """Return a reference to a view that takes part in a training set under another name, or with other keys.

    So one view can be joined twice, as for the origin and the destination of a flight.

    Parameters
    ----------
    ref
        ``view[@version][:feature]``.
    as_
        What the view is called there: with ``full_names=True`` its columns are ``<as_>__<feature>``.
    keys
        For the view's entity columns that the spine calls otherwise: the spine's column by the view's.

    Raises
    ------
    UsageError
        For what is not a reference or no mapping of columns, and for two keys that would be one column of the spine.
    InvalidName
        For an `as_` that could not be part of a column's name.

    Examples
    --------
    >>> str(use("airport_weather@2:temp", as_="dest_weather", keys={"airport": "dest"}))
    'airport_weather@2:temp as dest_weather (airport=dest)'
    """
    return _make_reference(ref, as_, dict(keys or {}))


def parse_all(features: object) -> tuple[Reference, ...]:
    """Return the references that a caller gave: one or several, as text or from `use`."""
    if isinstance(features, str | Reference):
        return _parse_each((features,))
    if not isinstance(features, Iterable):
        raise UsageError(f"{features!r} is not a reference to a feature.", remedy=_KINDS)
    asked = tuple(features)
    if not asked:
        raise UsageError("No features were given.", remedy='List features: ["view:feature", "other_view"].')
    try:
        return _parse_each(asked)
    except TypeError:  # one has no hash, so it is not a reference
        return tuple(Reference.parse(ref) for ref in asked)


@lru_cache(maxsize=1_024)  # a model asks for the same features again and again, and parsing takes longer than reading
def _parse_each(asked: tuple[str | Reference, ...]) -> tuple[Reference, ...]:
    return tuple(Reference.parse(ref) for ref in asked)


def require_entity(view: str, entities: Sequence[str], keys: Sequence[tuple[str, str]]) -> None:
    """Raise `JoinError` where `keys` names what is not an entity column of `view`."""
    for entity, column in keys:
        if entity not in entities:
            raise JoinError(
                f"View {view!r} has no entity column {entity!r} that the spine's {column!r} could stand for.",
                remedy=did_you_mean(entity, entities) or "The view has no entities; it is joined by time alone.",
            )


def require_feature(label: str, feature: str, features: Sequence[str]) -> None:
    """Raise `FeatureNotFound` where the view called `label` has no such feature (did you mean)."""
    if feature not in features:
        raise FeatureNotFound.named(f"{label}:{feature}", [f"{label}:{known}" for known in features])


def _make_reference(ref: object, alias: str | None, keys: Mapping[str, object]) -> Reference:
    if not isinstance(ref, str) or not ref.strip():
        raise UsageError(f"{ref!r} is not a reference to a feature.", remedy=_KINDS)
    name, colon, feature = ref.strip().partition(":")
    if not name or (colon and not feature):
        raise UsageError(f"{ref!r} does not name a feature.", remedy=_KINDS)
    view, version = split_version(name)
    if not view:
        raise UsageError(f"{ref!r} does not name a view.", remedy=_KINDS)
    named = tuple((entity, column) for entity, column in keys.items() if isinstance(column, str) and entity and column)
    if len(named) < len(keys):
        raise UsageError(
            f"keys={keys!r} does not map columns.", remedy='Write keys={"airport": "dest"}: view to spine.'
        )
    twice = [column for column, times in Counter(column for _, column in named).items() if times > 1]
    if twice:
        raise UsageError(
            f"{ref}: two keys would be the spine's column {twice[0]!r}.",
            remedy="Copy the column under another name first, and map one key to each.",
        )
    if alias is not None:
        valid_name("alias", alias)
    return Reference(view, version, feature or None, alias, named)


def _parse_keys(text: str, ref: str) -> dict[str, str]:
    pairs = {}
    for part in text.split(","):
        entity, sign, column = part.partition("=")
        if not sign or not entity.strip() or not column.strip():
            raise UsageError(f"{ref!r}: {part.strip()!r} does not rename a key.", remedy=_spelling())
        pairs[entity.strip()] = column.strip()
    return pairs


def _spelling() -> str:
    return 'A view under another name is written "view as other (entity=column)", or wb.use("view", as_=..., keys=...).'
