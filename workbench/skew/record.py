"""A logged read: one line of JSON with what was asked, when, and the answer as it was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.protocol import FeatureAnswer, FeatureRequest

if TYPE_CHECKING:
    from workbench.online import Answer, Answers, OnDemandPlan


class LoggedView(msgspec.Struct, frozen=True):
    """What answered for one stored view.

    Attributes
    ----------
    view, version
        The view's own name, and the version.
    keys
        Each entity column and what the request calls it.
    delta_version, data_digest
        Where the lake has the data that answered, and its identity; null for what is not published.
    """

    view: str
    version: str | None
    keys: tuple[tuple[str, str], ...]
    delta_version: int | None
    data_digest: str | None


class LoggedComputation(msgspec.Struct, frozen=True):
    """What one on-demand view was computed from.

    Attributes
    ----------
    view, version
        The view's own name, and the version.
    request
        The values that it took from the request.
    inputs
        The stored views that it read.
    """

    view: str
    version: str | None
    request: tuple[str, ...]
    inputs: tuple[LoggedView, ...]


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
        The entities' keys as the request had them, and the values that on-demand views took from it.
    views, computed
        Of each stored view, and each on-demand view, in the answer, by its name there.
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
    computed: dict[str, LoggedComputation]
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
    computed: dict[str, LoggedComputation]
    columns: dict[str, str]
    answer: msgspec.Raw


_STORED = ("online", "lake")
"""Where what is published is read."""
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
    plan = answers.plan
    kept = {column for answer in answers.found for _, column in answer.plan.part.keys}
    kept |= {field.name for view in plan.on_demand for field in view.view.request}
    if any(len(entity) != len(kept) for entity in entities):
        entities = [{name: value for name, value in entity.items() if name in kept} for entity in entities]
    stored = {place: answer for place, answer in answers.shown if answer.origin in _STORED}
    views = {answer.plan.part.name: _logged_view(answer) for answer in stored.values()}
    computed = {view.part.name: _logged_computation(view, answers) for view in plan.on_demand}
    logged = {*stored, *range(len(plan.views), len(plan.all_views))}
    columns = {column.name: column.feature for column in plan.columns if column.view in logged}
    line = _Line(
        requested, at, request.features, request.release, entities, views, computed, columns, msgspec.Raw(body)
    )
    return _encode(line) + b"\n"


def _logged_view(answer: Answer) -> LoggedView:
    view, keys, generation = answer.plan.part.view, answer.plan.part.keys, answer.plan.generation
    if answer.origin == "online" and generation is not None:
        return LoggedView(view.name, view.version, keys, generation.delta_version, generation.data_digest)
    return LoggedView(view.name, view.version, keys, view.data.delta_version, view.data.data_digest)


def _logged_computation(plan: OnDemandPlan, answers: Answers) -> LoggedComputation:
    places = dict.fromkeys(column.view for column in plan.inputs.values())
    return LoggedComputation(
        plan.view.name,
        plan.view.version,
        tuple(field.name for field in plan.view.request),
        tuple(_logged_view(answers.found[place]) for place in places),
    )
