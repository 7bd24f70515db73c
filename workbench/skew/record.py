"""A logged read: one line of JSON with what was asked, when, and the answer as it was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.protocol import FeatureAnswer, FeatureRequest

if TYPE_CHECKING:
    from workbench.online import Answer, Answers


class LoggedView(msgspec.Struct, frozen=True):
    """What answered for one view, beside what the answer says.

    Attributes
    ----------
    view
        The view's own name.
    keys
        Each entity column and what the request calls it.
    delta_version, data_digest
        Where the lake has the data that answered, and its identity; null for what is not published.
    """

    view: str
    keys: tuple[tuple[str, str], ...]
    delta_version: int | None
    data_digest: str | None


class LoggedRead(msgspec.Struct, frozen=True):
    """One request and its answer.

    Attributes
    ----------
    requested
        When it was answered.
    at
        The instant that was asked for; null for now.
    features, release
        The references, and the release, as they were asked for.
    entities
        The entities' keys as the request had them.
    views
        Of each stored view in the answer, by its name there.
    columns
        The feature that each of their columns in the answer is.
    answer
        The answer, with statuses and times.
    """

    requested: datetime
    at: datetime | None
    features: Sequence[str] | str
    release: str | None
    entities: Sequence[Mapping[str, Any]]
    views: dict[str, LoggedView]
    columns: dict[str, str]
    answer: FeatureAnswer


class _Line(msgspec.Struct, frozen=True, gc=False):
    """`LoggedRead` with the bytes of its answer."""

    requested: datetime
    at: datetime | None
    features: Sequence[str] | str
    release: str | None
    entities: Sequence[Mapping[str, Any]]
    views: dict[str, LoggedView]
    columns: dict[str, str]
    answer: msgspec.Raw


_STORED = ("online", "lake")
"""Where what is published is read; anything else is computed."""
_encode = msgspec.json.Encoder().encode
decode_read = msgspec.json.Decoder(LoggedRead).decode
"""Return the read that a line of the log has."""


def logged_line(
    answers: Answers,
    body: bytes,
    *,
    requested: datetime,
    at: datetime | None,
    request: FeatureRequest,
    entities: Sequence[Mapping[str, Any]],
) -> bytes:
    """Return the line of the log for a request."""
    keys = {column for answer in answers.found for _, column in answer.plan.part.keys}
    if any(len(entity) != len(keys) for entity in entities):
        entities = [{name: value for name, value in entity.items() if name in keys} for entity in entities]
    stored = {place: answer for place, answer in answers.shown if answer.origin in _STORED}
    views = {answer.plan.part.name: _logged_view(answer) for answer in stored.values()}
    columns = {column.name: column.feature for column in answers.plan.columns if column.view in stored}
    return (
        _encode(_Line(requested, at, request.features, request.release, entities, views, columns, msgspec.Raw(body)))
        + b"\n"
    )


def _logged_view(answer: Answer) -> LoggedView:
    part, generation = answer.plan.part, answer.plan.generation
    if answer.origin == "online" and generation is not None:
        return LoggedView(part.view.name, part.keys, generation.delta_version, generation.data_digest)
    data = part.view.data
    return LoggedView(part.view.name, part.keys, data.delta_version, data.data_digest)
