"""`feature_set`: a named list of features that are used together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from workbench.config import valid_name
from workbench.errors import DefinitionError
from workbench.records import to_plain

_REFERENCE = re.compile(r"[a-z][a-z0-9_]{0,62}(@[0-9]+(\.[0-9]+)?)?(:[a-z][a-z0-9_]{0,62})?")


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Features that are used together, e.g. by one model; each is ``view[@version][:feature]``."""

    name: str
    features: tuple[str, ...]
    owner: str | None = None
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Return the set as JSON-ready values."""
        plain: dict[str, object] = to_plain(self)
        return plain


def feature_set(
    name: str,
    features: Sequence[str],
    *,
    owner: str | None = None,
    description: str = "",
    tags: Mapping[str, str] | None = None,
) -> FeatureSet:
    """Declare features that are used together, at the top level of a file under ``features/``.

    Parameters
    ----------
    name
        What the set is asked for by.
    features
        References ``view[@version][:feature]``; without a feature, all of the view's.
    owner, description, tags
        For the catalog.

    Raises
    ------
    DefinitionError
        No features, one named twice, or something that is not a reference.
    InvalidName
        A name that could not reach a path or SQL.

    Examples
    --------
    >>> feature_set("late", ["carrier_delay:delay_mean_7d", "origin_weather@2"]).features
    ('carrier_delay:delay_mean_7d', 'origin_weather@2')
    """
    valid_name("feature set", name)
    if isinstance(features, str) or not features:
        raise DefinitionError(
            f"Feature set {name!r} does not list features.", remedy='Write a list: ["view:feature", "other_view"].'
        )
    for reference in features:
        if not _REFERENCE.fullmatch(str(reference)):
            raise DefinitionError(
                f"Feature set {name!r}: {reference!r} does not name a feature.",
                remedy="Write view, view:feature or view@2:feature.",
            )
        if list(features).count(reference) > 1:
            raise DefinitionError(f"Feature set {name!r} lists {reference!r} twice.", remedy="List it once.")
    return FeatureSet(name, tuple(features), owner=owner, description=description, tags=dict(tags or {}))
