"""What is accepted by name although a gate objects: the names must mean something, and each has a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import DefinitionError, FeatureNotFound, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workbench.define import Definitions


def refuse_unknown(accept: Mapping[str, str], definitions: Definitions, *, gates: Sequence[str] = ()) -> None:
    """Refuse to accept what there is not, or for no reason."""
    stems = tuple(definitions.files.stems()) if accept else ()
    for name, reason in accept.items():
        view, colon, feature = name.partition(":")
        if view not in stems and name not in definitions.set_files:
            raise FeatureNotFound.named(name, [*stems, *definitions.set_files])
        if colon:
            known = _features(definitions, view)
            if known is not None and feature not in (*known, *gates):
                raise FeatureNotFound.named(name, [f"{view}:{each}" for each in (*known, *gates)])
        if not str(reason).strip():
            raise UsageError(
                f"{name!r} is accepted without a reason.",
                remedy=f'Give the reason, which is recorded: accept={{"{name}": "new fares since March"}}.',
            )


def reason_for(accept: Mapping[str, str], view: str, feature: str | None = None) -> str | None:
    """Return why `feature` of `view` is accepted: by its own name, else by the view's; None where it is not."""
    names = [*([f"{view}:{feature}"] if feature else []), view]
    return next((reason for name in names if (reason := accept.get(name, "").strip())), None)


def _features(definitions: Definitions, view: str) -> tuple[str, ...] | None:
    """Return the features of a view; None for one that does not load, which others complain of."""
    try:
        defined = definitions.on_demand(view) if definitions.has_on_demand(view) else definitions.view(view)
        return tuple(column.name for column in defined.contract.features)
    except (DefinitionError, FeatureNotFound):
        return None
