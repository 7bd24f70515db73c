"""What the client sends and how it reads the answers: the same for both kinds of connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import polars as pl

from workbench import errors
from workbench.dtypes import dtype_from_json
from workbench.errors import JoinError, OnlineError, UsageError, WorkbenchError
from workbench.online import FeatureValue, RowFacts, as_entities
from workbench.protocol import ARROW, JSON, FeatureAnswer, ProblemDetails, from_json, key_to_json
from workbench.store import parse_all
from workbench.times import microseconds, moment

if TYPE_CHECKING:
    import httpx

    from workbench.store import Reference

Form = Literal["dict", "polars", "arrow"]

_PLAIN = (str, int, float, type(None))
_encode = msgspec.json.Encoder(decimal_format="string").encode
_answer = msgspec.json.Decoder(FeatureAnswer).decode
_problem = msgspec.json.Decoder(ProblemDetails).decode


def request_of(
    refs: str | Reference | Sequence[str | Reference],
    entities: object,
    *,
    at: datetime | date | str | None = None,
    release: str | None = None,
    as_: Form = "dict",
    full_names: bool = False,
    details: bool = True,
) -> tuple[bytes, dict[str, str], dict[str, object]]:
    """Return the body of a request, its headers, and of each key column a value that JSON has as a text and is none."""
    if as_ not in {"dict", "polars", "arrow"}:
        raise UsageError(f"as_={as_!r} is not a form.", remedy='Use "dict", "polars" or "arrow".')
    rows = [{str(name): key_to_json(value) for name, value in entity.items()} for entity in as_entities(entities)]
    others = {name: value for row in rows for name, value in row.items() if not isinstance(value, _PLAIN)}
    body = {
        "features": [str(reference) for reference in parse_all(refs)],
        "entities": rows,
        "at": None if at is None else moment(at),
        "release": release,
        "full_names": full_names,
        "details": as_ == "dict" or details,
    }
    try:
        content = _encode(body)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise UsageError(
            f"An entity has a value that JSON has no form for: {error}.",
            remedy="Give texts, numbers, dates, times or None.",
        ) from None
    return content, {"content-type": JSON, "accept": JSON if as_ == "dict" else ARROW}, others


def values_of(content: bytes, others: Mapping[str, object]) -> list[dict[str, FeatureValue]]:
    """Return one dictionary an entity from an answer in JSON: each feature's value by its column."""
    answer = _answer(content)
    _require_texts(others, {name: dtype_from_json(dtype) for name, dtype in answer.keys.items()})
    unknown: list[datetime | None] = [None] * answer.rows
    rows = {
        name: [
            RowFacts(_micros(event), _micros(created), view.version, view.generation, view.source)
            for event, created in zip(view.event_times or unknown, view.created or unknown, strict=True)
        ]
        for name, view in answer.views.items()
    }
    columns = []
    for feature in answer.features.values():
        convert = from_json(dtype_from_json(feature.dtype))
        values = feature.values if convert is None else [convert(value) for value in feature.values]
        asked = zip(values, feature.statuses or (), rows[feature.view], strict=True)
        columns.append([FeatureValue(value, status, row) for value, status, row in asked])  # type: ignore[arg-type]  # one of the statuses
    return [dict(zip(answer.features, row, strict=True)) for row in zip(*columns, strict=True)]


def _micros(time: datetime | None) -> int | None:
    return None if time is None else microseconds(time)


def result_of(content: bytes, as_: Form, others: Mapping[str, object]) -> Any:
    """Return an answer in the form that was asked for."""
    if as_ == "dict":
        return values_of(content, others)
    frame = pl.read_ipc_stream(content)
    _require_texts(others, frame.schema)
    if as_ == "polars":
        return frame
    import pyarrow as pa

    return pa.ipc.open_stream(content).read_all()


def _require_texts(others: Mapping[str, object], dtypes: Mapping[str, pl.DataType]) -> None:
    for name, value in others.items():
        dtype = dtypes.get(name)
        if isinstance(dtype, pl.String | pl.Enum | pl.Categorical):
            raise JoinError(
                f"The key {name!r} is {dtype}; {value!r:.60} is {type(value).__name__}.",
                remedy="Pass a value of type str.",
            )


def only_one(ref: object, found: list[dict[str, FeatureValue]]) -> FeatureValue:
    """Return the value of the one feature that `ref` names."""
    (values,) = found
    if len(values) != 1:
        raise UsageError(
            f"{ref!s:.200} names {len(values)} features.",
            remedy=f"Name one, such as {ref!s:.200}:{next(iter(values), 'feature')}, or call batch_get_features.",
        )
    return next(iter(values.values()))


def error_of(response: httpx.Response) -> WorkbenchError:
    """Return the error that an answer is: of the kind that a store in this process raises."""
    try:
        problem = _problem(response.content)
    except msgspec.MsgspecError:
        return OnlineError(
            f"{response.request.url} answered {response.status_code}, and not as Feature Workbench does.",
            remedy="Check the address; a proxy in between may have answered.",
        )
    kind = getattr(errors, problem.error, None)
    if not (isinstance(kind, type) and issubclass(kind, WorkbenchError)):
        kind = OnlineError
    where = [f"  in {problem.field}"] if problem.field and problem.field not in {"features", "entities"} else []
    return kind(problem.detail, remedy=problem.remedy, lines=where)


def waits(response: httpx.Response) -> float | None:
    """Return the seconds after which a request may be sent again; None where that helps nothing."""
    if response.status_code not in {429, 503}:
        return None
    seconds = response.headers.get("retry-after", "")
    return float(seconds) if seconds.isdigit() and int(seconds) <= LONGEST_WAIT else None


LONGEST_WAIT = 5
"""Seconds that a client waits before it asks again."""


def service_of(url: str) -> str:
    """Return the address of a service."""
    import httpx

    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        parsed = httpx.URL()
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise UsageError(f"{url!r:.200} is not the address of a service.", remedy="Write http://host:8420.")
    if parsed.userinfo:
        raise UsageError("A service's address has no user or password.", remedy="Pass the token as token=...")
    return str(parsed).rstrip("/")
