"""``POST /v1/features``: from the bytes of a request to the bytes of its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from workbench.dtypes import dtype_to_json
from workbench.errors import (
    AccessRefused,
    ComputeError,
    ContractViolation,
    FeatureNotFound,
    InvalidName,
    JoinError,
    OnDemandTimeout,
    PromotionError,
    RegistryError,
    UsageError,
    WorkbenchError,
    did_you_mean,
)
from workbench.online import EVENT
from workbench.protocol import (
    ARROW,
    ARROW_FACTS,
    JSON,
    ArrowFacts,
    FeatureRequest,
    Key,
    ViewFacts,
    form_of,
    key_from_json,
)
from workbench.server.bodies import ENCODER, JsonBodies
from workbench.server.logs import LOGGER
from workbench.server.problem import Problem, Response, busy
from workbench.skew import logged_line
from workbench.store import Reference, parse_all
from workbench.times import from_microseconds, microseconds, moment

if TYPE_CHECKING:
    import polars as pl

    from workbench.config import ServeSettings
    from workbench.online import Answers, OnlineReader, Plan
    from workbench.server.metrics import ServiceMetrics
    from workbench.server.tokens import Token
    from workbench.server.tracing import Traces
    from workbench.skew import ReadLog

HEAVY = 400
"""Entities times views from which on a request is answered in a thread."""
MOST_COLUMNS = 256
"""Columns that entities may have."""
LONGEST = 400
"""Letters of a reference to a feature."""
KNOWN = 256
"""How many requests' preparations are kept."""

_decode = msgspec.json.Decoder(FeatureRequest).decode
_JSON_HEADERS = ((b"content-type", JSON.encode()),)
_ARROW_HEADERS = ((b"content-type", ARROW.encode()),)


@dataclass(slots=True)  # not frozen: every request makes one
class Question:
    """A request as it was read.

    Attributes
    ----------
    request
        Its body.
    entities
        One mapping an entity.
    at
        The instant; None for now.
    arrow
        Whether the answer is Arrow.
    texts
        Whether whole numbers of 64 bits and more are texts.
    prepared
        What is known of it since it was looked whether it is heavy; None before.
    """

    request: FeatureRequest
    entities: Sequence[Mapping[str, Key]]
    at: datetime | None
    arrow: bool
    texts: bool
    prepared: Prepared | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is the same for all requests of the same features.

    Attributes
    ----------
    plan
        How the features are read; as long as the catalogue is the one it was made for.
    keys
        What turns keys, and a request's values, that JSON has no kind for into their values, with the dtype, by column.
    bodies
        What writes the answers in JSON.
    counts
        What counts the row of each view, where there is one that holds.
    """

    plan: Plan
    keys: Mapping[str, tuple[Callable[[Any], Any], pl.DataType]]
    bodies: JsonBodies
    counts: Sequence[Callable[[float], None]]


class FeatureAnswers:
    """Answers requests for features from an online store.

    Parameters
    ----------
    reader
        The store's reader.
    settings
        The limits.
    metrics
        Where rows are counted.
    log
        What keeps a share of the answers.
    traces
        What makes a span of each look into the store; None where nothing does.
    """

    def __init__(
        self,
        reader: OnlineReader,
        settings: ServeSettings,
        metrics: ServiceMetrics,
        log: ReadLog,
        traces: Traces | None = None,
    ) -> None:
        self._traces = traces
        self._reader = reader
        self._settings = settings
        self._metrics = metrics
        self._log = log
        self._prepared: dict[object, Prepared] = {}

    def read(self, body: bytes, *, arrow: bool, texts: bool) -> Question:
        """Return what a body asks for."""
        try:
            request = _decode(body)
        except msgspec.ValidationError as error:
            raise _invalid(str(error)) from None
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Problem(
                400, f"The body is not JSON: {error}.", remedy='Send {"features": [...], "entities": [...]}.'
            ) from None
        features, given = request.features, request.entities
        if not isinstance(features, str) and len(features) > self._settings.max_features:
            raise _too_many("features", len(features), self._settings.max_features)
        if max(map(len, [features] if isinstance(features, str) else features), default=0) > LONGEST:
            raise Problem(
                422, f"A reference has more than {LONGEST} letters.", remedy="Write view:feature.", field="features"
            )
        columns = len(given) if isinstance(given, dict) else max(map(len, given), default=0)
        if columns > MOST_COLUMNS:
            raise _too_many("columns of entities", columns, MOST_COLUMNS, field="entities")
        rows = len(given) if isinstance(given, list) else max(map(len, given.values()), default=0)
        if rows > self._settings.max_entities:
            raise _too_many("entities", rows, self._settings.max_entities)
        try:
            at = None if request.at is None else moment(request.at)
        except (UsageError, OverflowError):
            raise Problem(
                422, f"{request.at!r:.60} is not a time.", remedy="Write ISO 8601, as in 2013-06-01T12:00:00Z.",
                field="at",
            ) from None  # fmt: skip
        return Question(request, _by_row(given), at, arrow, texts)

    def is_heavy(self, question: Question) -> bool:
        """Return whether a request takes too long for the event loop: it is large, or rows are read from the lake."""
        try:
            prepared = question.prepared = self._prepare(question)
        except WorkbenchError:  # `answer` says it
            return False
        plan = prepared.plan
        if plan.on_demand or len(question.entities) * len(plan.views) > HEAVY:
            return True
        return not plan.is_online_at(None if question.at is None else microseconds(question.at))

    def answer(self, question: Question, token: Token | None) -> Response:
        """Return the answer to a request."""
        try:
            prepared, answers = self._look(question, token)
        except WorkbenchError as error:
            _require_named(question, token)
            _explain(error, token)
        details = question.request.details
        if question.arrow:
            response = Response(200, _ARROW_HEADERS, self._arrow(question, answers))
        else:
            response = Response(200, _JSON_HEADERS, prepared.bodies.body(answers, details=details))
        self._count(prepared, answers)
        if self._log.is_sampled():
            self._keep(question, prepared, answers, response.body if details and not question.arrow else None)
        return response

    def _keep(self, question: Question, prepared: Prepared, answers: Answers, body: bytes | None) -> None:
        """Have an answer logged, as `body` if it was sent so; whatever comes of that, the request has its answer."""
        now = from_microseconds(answers.instant) if question.at is None else datetime.now(UTC)
        try:
            body = body or prepared.bodies.body(answers, details=True)
            line = logged_line(
                answers, body, requested=now, at=question.at, request=question.request, entities=question.entities
            )
            self._log.put(line)
        except Exception:  # noqa: BLE001 - the log has it
            LOGGER.exception("not kept")

    def _look(self, question: Question, token: Token | None) -> tuple[Prepared, Answers]:
        reader = self._reader
        for _ in range(5):
            prepared, question.prepared = question.prepared or self._prepare(question), None
            plan = prepared.plan
            try:
                _allow(question, plan, token)
                entities = _with_values(question.entities, prepared.keys)
                self._require_reach(plan, question.at)
                answers = self._read(plan, entities, question.at)
            except Problem:
                if plan.version == reader.backend.version():
                    raise
                answers = None
            if answers is not None:
                return prepared, answers
            self._prepared.clear()  # another version is published now
            reader.forget_plans()
        raise busy("The online store is loaded again and again.")

    def _read(self, plan: Plan, entities: Sequence[Mapping[str, object]], at: datetime | None) -> Answers | None:
        if self._traces is None:
            return self._reader.look(plan, entities, at=at)
        with self._traces.look(plan, len(entities)):
            return self._reader.look(plan, entities, at=at)

    def _prepare(self, question: Question) -> Prepared:
        request = question.request
        features = request.features if isinstance(request.features, str) else tuple(request.features)
        key = features, request.full_names, request.release, question.texts
        found = self._prepared.get(key)
        if found is None:
            references = parse_all(request.features)
            plan = self._reader.plan(references, full_names=request.full_names, release=request.release)
            found = self._prepared_for(plan, texts=question.texts)
            if len(self._prepared) >= KNOWN:
                self._prepared.clear()
            self._prepared[key] = found
        return found

    def _require_reach(self, plan: Plan, at: datetime | None) -> None:
        if self._reader.has_lake or plan.is_online_at(None if at is None else microseconds(at)):
            return
        for view in plan.views:
            if view.generation is None:
                raise Problem(
                    503,
                    f"{view.part.label} is not loaded here.",
                    remedy="Run `workbench online load` where the project is.",
                    error="OnlineError",
                )
            if at is not None and not view.reaches(microseconds(at)):
                since = from_microseconds(view.generation.since or 0)
                raise Problem(
                    422,
                    f"{view.part.label} is loaded back to {since:%Y-%m-%d %H:%M:%S} UTC.",
                    remedy="Ask for a later time, or for now.",
                    field="at",
                    error="OnlineError",
                )

    def _arrow(self, question: Question, answers: Answers) -> bytes:
        import pyarrow as pa

        views = {
            answer.plan.part.name: ViewFacts(answer.plan.part.view.version, answer.origin, answer.generation)
            for _, answer in answers.shown
        }
        facts = ENCODER.encode(ArrowFacts(from_microseconds(answers.instant), views))
        table = answers.arrow(details=question.request.details)
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), ARROW_FACTS: facts})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        body: bytes = sink.getvalue().to_pybytes()
        return body

    def _count(self, prepared: Prepared, answers: Answers) -> None:
        metrics, total, instant = self._metrics, len(answers.entities), answers.instant
        metrics.count_entities(total)
        row = answers.only_row
        if row is not None:
            for count, begin in zip(prepared.counts, answers.plan.begins, strict=True):
                count(_age(row[begin + EVENT], instant))
            return
        for answer in answers.found:
            found, usable, newest = answer.summary()
            age = None if newest is None else _age(newest, instant)
            metrics.count_rows(answer.plan.part.view.name, answer.origin)(usable, found - usable, total - found, age)

    def _prepared_for(self, plan: Plan, *, texts: bool) -> Prepared:
        keys, key_types = _keys_of(plan, texts=texts)
        counts = [self._metrics.count_row(view.part.view.name, "online") for view in plan.views]
        return Prepared(plan, keys, JsonBodies(plan, key_types, texts), counts)


def _keys_of(plan: Plan, *, texts: bool) -> tuple[dict[str, tuple[Callable[[Any], Any], pl.DataType]], dict[str, Any]]:
    """Return `Prepared.keys`, and the dtype as JSON of each column that entities have."""
    keys: dict[str, tuple[Callable[[Any], Any], pl.DataType]] = {}
    key_types: dict[str, Any] = {}
    for view in plan.views:
        for entity, column in view.part.keys:
            dtype = view.part.view.contract[entity].dtype
            key_types[column] = dtype_to_json(dtype)
            convert = key_from_json(dtype, texts=texts)
            if convert is not None:
                keys[column] = convert, dtype
    for each in (field for view in plan.on_demand for field in view.view.request):
        key_types[each.name] = dtype_to_json(each.dtype)
        convert = key_from_json(each.dtype, texts=texts)
        if convert is not None:
            keys[each.name] = convert, each.dtype
    return keys, key_types


def _age(event: int, instant: int) -> float:
    """Return how old a row is, in seconds."""
    return (instant - event) / 1_000_000 if instant > event else 0.0


def _with_values(
    entities: Sequence[Mapping[str, Key]], keys: Mapping[str, tuple[Callable[[Any], Any], pl.DataType]]
) -> Sequence[Mapping[str, Any]]:
    """Return entities whose keys have the values that their texts stand for."""
    if not keys:
        return entities
    found = []
    for row, entity in enumerate(entities):
        read: dict[str, Any] = dict(entity)
        for column, (convert, dtype) in keys.items():
            value = read.get(column)
            if value is None:
                continue
            try:
                read[column] = convert(value)
            except (ValueError, ArithmeticError, msgspec.ValidationError):
                raise Problem(
                    422,
                    f"{column!r} is {dtype}; {value!r:.60} is no value of it.",
                    remedy=f"Write {form_of(dtype)}.",
                    field=f"entities[{row}].{column}",
                    error="JoinError",
                ) from None
        found.append(read)
    return found


def _allow(question: Question, plan: Plan, token: Token | None) -> None:
    """Raise `Problem` where a token may not read all features of a plan."""
    if token is None or "*" in token.scopes:
        return
    for column in plan.columns:
        view = plan.all_views[column.view].part.view.name
        if not token.may_read(view, column.feature):
            _require_named(question, token)
            raise _forbidden(token, f"all of {view!r}")


def _require_named(question: Question, token: Token | None) -> None:
    """Raise `Problem` where a reference is beyond a token's scopes, whether or not there is such a feature."""
    if token is None or "*" in token.scopes:
        return
    features = question.request.features
    for text in [features] if isinstance(features, str) else features:
        try:
            reference = Reference.parse(text)
        except WorkbenchError:  # which says nothing about what there is
            continue
        if not token.may_name(reference.view, reference.feature):
            raise _forbidden(token, f"{text[:100]!r}")


def _forbidden(token: Token, what: str) -> Problem:
    return Problem(
        403,
        f"The token {token.name!r} may not read {what}.",
        remedy="GET /v1/catalog lists what it may read; `workbench token create --scope` makes another.",
        field="features",
        error="AccessRefused",
    )


def _explain(error: WorkbenchError, token: Token | None) -> NoReturn:
    """Raise the problem that an error of reading is; nothing of the machine is in it."""
    fields: dict[type[WorkbenchError], str] = {JoinError: "entities", PromotionError: "release"}
    if isinstance(error, FeatureNotFound | InvalidName | UsageError | JoinError | PromotionError):
        names_others = isinstance(error, FeatureNotFound | PromotionError) and token and "*" not in token.scopes
        raise Problem(
            422,
            error.message,
            remedy="GET /v1/catalog lists what there is." if names_others else error.remedy,
            field=next((field for kind, field in fields.items() if isinstance(error, kind)), "features"),
            error=type(error).__name__,
        ) from error
    if isinstance(error, AccessRefused):
        raise Problem(403, error.message, remedy=error.remedy, field="features", error="AccessRefused") from error
    if isinstance(error, ContractViolation):
        raise Problem(422, error.message, remedy=error.remedy, field="entities", error="ContractViolation") from error
    if isinstance(error, OnDemandTimeout):
        raise busy(error.message) from error
    if isinstance(error, ComputeError):
        raise Problem(500, error.message, remedy=error.remedy, field="features", error="ComputeError") from error
    what = "A record of what is published" if isinstance(error, RegistryError) else "The store or the lake"
    raise busy(f"{what} cannot be read.") from error


def _by_row(given: list[dict[str, Key]] | dict[str, list[Key]]) -> Sequence[Mapping[str, Key]]:
    if isinstance(given, list):
        return given
    lengths = sorted({len(values) for values in given.values()})
    if len(lengths) > 1:
        raise Problem(
            422,
            f"The columns of entities have different lengths: {', '.join(map(str, lengths[:12]))}.",
            remedy="Give each column one value an entity.",
            field="entities",
        )
    return [dict(zip(given, row, strict=True)) for row in zip(*given.values(), strict=True)]


def _invalid(said: str) -> Problem:
    """Return the problem of a body of another form: msgspec says which part, and what it is."""
    what, _, place = said.partition(" - at `$")
    name = place.strip("`").removeprefix(".") or None
    if what.startswith("Object contains unknown field"):
        unknown = what.split("`")[1]
        hint = did_you_mean(unknown, FeatureRequest.__struct_fields__)
        return Problem(422, f"There is no field {unknown!r}.", remedy=hint, field=unknown[:100])
    return Problem(
        422, f"{what}.", remedy='Send {"features": [...], "entities": [...]}; /openapi.json has the form.', field=name
    )


def _too_many(what: str, count: int, most: int, *, field: str | None = None) -> Problem:
    remedy = "Ask for them in several requests."
    return Problem(413, f"{count:,} {what} are more than {most:,}.", remedy=remedy, field=field or what)
