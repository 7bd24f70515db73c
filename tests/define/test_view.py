from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from workbench.define import Feature, FeatureModel, FeatureView, LazyFrame, feature_view
from workbench.dtypes import UTC
from workbench.errors import DefinitionError, InvalidName, MissingSchema, WrongReturn


class Busy(FeatureModel):
    origin: str
    left_at: UTC
    known_at: UTC = Feature(nullable=True)
    flights: int


class OnlyKeys(FeatureModel):
    origin: str
    left_at: UTC


class Odd(FeatureModel):
    weight: float
    origin: str = Feature(nullable=True)
    left_at: UTC = Feature(nullable=True)
    flights: int


@feature_view(
    entities=["origin"],
    event_time="left_at",
    created="known_at",
    ttl="2d",
    lookback="7d12h",
    owner="team",
    tags={"domain": "traffic"},
)
def busy(departures: pl.LazyFrame, weather: pl.LazyFrame, *, every: str = "1h", top: int = 3) -> LazyFrame[Busy]:
    """How busy an airport is."""
    return departures.join(weather, on="origin").select(every=pl.lit(every), top=pl.lit(top))


def decorate(function: Any, **options: Any) -> FeatureView:
    return feature_view(**{"entities": "origin", "event_time": "left_at", **options})(function)


def plain(departures: pl.LazyFrame) -> LazyFrame[Busy]:
    return departures


def test_it_knows_what_the_decorator_was_told() -> None:
    assert busy.name == "busy"
    assert busy.inputs == ("departures", "weather")
    assert busy.parameters == {"every": "1h", "top": 3}
    assert (busy.entities, busy.event_time, busy.created) == (("origin",), "left_at", "known_at")
    assert (busy.ttl, busy.lookback) == (timedelta(days=2), timedelta(days=7, hours=12))
    assert (busy.owner, busy.tags, busy.description) == ("team", {"domain": "traffic"}, "How busy an airport is.")
    assert busy.model is Busy
    assert busy.scope == "entity"


def test_it_can_be_called_as_the_function() -> None:
    frame = pl.LazyFrame({"origin": ["JFK"]})
    assert busy(frame, frame, every="2h").collect().row(0) == ("2h", 3)


def test_source_and_signature_are_the_functions() -> None:
    assert list(inspect.signature(busy).parameters) == ["departures", "weather", "every", "top"]
    assert "How busy" in inspect.getsource(inspect.unwrap(busy))


def test_it_is_json_ready() -> None:
    record = json.loads(json.dumps(busy.to_dict()))
    assert (record["ttl"], record["lookback"], record["parameters"]) == ("2d", "7d12h", {"every": "1h", "top": 3})


@pytest.mark.parametrize("ttl", [None, "0d", timedelta(0)])
def test_a_ttl_of_zero_is_no_limit(ttl: Any) -> None:
    assert decorate(plain, ttl=ttl).ttl is None


def test_a_view_without_entities_is_global_in_its_keys() -> None:
    assert decorate(plain, entities=()).entities == ()


def test_a_pandera_lazyframe_annotation_is_understood() -> None:
    from pandera.typing.polars import LazyFrame as PanderaLazyFrame

    def view(departures: pl.LazyFrame) -> Any:
        return departures

    view.__annotations__["return"] = PanderaLazyFrame[Busy]
    assert decorate(view).model is Busy


@pytest.mark.parametrize("annotation", ["LazyFrame[Busy]", "LazyFrame['Busy']"])
def test_an_annotation_may_be_text(annotation: str) -> None:
    def view(departures: pl.LazyFrame) -> Any:
        return departures

    view.__annotations__["return"] = annotation
    assert decorate(view).model is Busy


def test_model_and_view_may_be_local() -> None:
    class Local(FeatureModel):
        at: UTC
        value: float

    @feature_view(event_time="at")
    def view(departures: pl.LazyFrame) -> LazyFrame[Local]:
        return departures

    assert view.model is Local


class Holder:
    def method(self) -> LazyFrame[Busy]:
        raise NotImplementedError


async def asynchronous(departures: pl.LazyFrame) -> LazyFrame[Busy]:
    return departures


def generator(departures: pl.LazyFrame) -> Iterator[pl.LazyFrame]:
    yield departures


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (asynchronous, "the async function asynchronous"),
        (generator, "the generator generator"),
        (lambda departures: departures, "a lambda"),
        (Holder, "the class Holder"),
        (Holder.method, "the method Holder.method"),
        (busy, "a FeatureView"),
        (len, "a builtin"),
        (3, "a int"),
    ],
)
def test_only_a_plain_function_is_a_view(function: Any, what: str) -> None:
    with pytest.raises(DefinitionError, match=f"a plain function, not {what}") as caught:
        decorate(function)
    assert "def " in caught.value.remedy


def starred(*departures: pl.LazyFrame) -> LazyFrame[Busy]:
    return departures[0]


def double_starred(**departures: pl.LazyFrame) -> LazyFrame[Busy]:
    return departures["x"]


def positional_default(departures: pl.LazyFrame, top: int = 3) -> LazyFrame[Busy]:
    return departures.head(top)


def valueless(departures: pl.LazyFrame, *, top: int) -> LazyFrame[Busy]:
    return departures.head(top)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (starred, r"\*departures"),
        (double_starred, r"\*\*departures"),
        (positional_default, r"(?s)'top'.*default value.*keyword-only.*`\*, top=3`"),
        (valueless, r"(?s)'top' has no value.*before the `\*`"),
    ],
)
def test_parameters_are_inputs_or_keyword_only_with_a_value(function: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        decorate(function)


def unannotated(departures):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201  # the point
    return departures


def only_frame(departures: pl.LazyFrame) -> pl.LazyFrame:
    return departures


def no_model(departures: pl.LazyFrame) -> LazyFrame:  # type: ignore[type-arg]  # the point
    return departures


@pytest.mark.parametrize("function", [unannotated, only_frame, no_model])
def test_a_view_without_a_schema_is_refused(function: Any) -> None:
    with pytest.raises(MissingSchema, match=function.__name__):
        decorate(function)


@pytest.mark.parametrize(
    "annotation", [Busy, pl.DataFrame, LazyFrame[int], LazyFrame[FeatureModel], "LazyFrame[Bussy]", int, list[Busy]]
)
def test_another_return_annotation_is_its_own_error(annotation: Any) -> None:
    def view(departures: pl.LazyFrame) -> Any:
        return departures

    view.__annotations__["return"] = annotation
    with pytest.raises(WrongReturn, match="view") as caught:
        decorate(view)
    assert caught.value.remedy


def test_a_bare_model_is_told_how_to_write_it() -> None:
    def view(departures: pl.LazyFrame) -> Busy:
        return departures  # type: ignore[return-value]  # the point

    with pytest.raises(WrongReturn, match=r"-> LazyFrame\[Busy\]"):
        decorate(view)


def test_a_name_must_be_able_to_be_a_file() -> None:
    def Camel(departures: pl.LazyFrame) -> LazyFrame[Busy]:  # noqa: N802  # the point
        return departures

    with pytest.raises(InvalidName, match="Camel"):
        decorate(Camel)


class Numbered(FeatureModel):
    origin: int = Feature(tolerance=1)
    left_at: UTC
    flights: int


def test_keys_and_times_have_no_tolerance() -> None:
    def numbered(departures: pl.LazyFrame) -> LazyFrame[Numbered]:
        return departures

    with pytest.raises(DefinitionError, match="'origin' of entities has a tolerance") as caught:
        decorate(numbered)
    assert caught.value.remedy == "Remove tolerance from origin."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"entities": "orgin"}, r"(?s)entities names 'orgin'.*did you mean 'origin'"),
        ({"event_time": "leftat"}, r"(?s)event_time names 'leftat'.*did you mean 'left_at'"),
        ({"created": "known"}, r"(?s)created names 'known'.*did you mean 'known_at'"),
        ({"event_time": "flights"}, r"(?s)'flights' is Int64, not a time.*flights: UTC"),
        ({"created": "flights"}, "not a time"),
        ({"created": "left_at"}, "cannot be two of"),
        ({"entities": "left_at"}, "cannot be two of"),
        ({"entities": ["origin", "origin"]}, "twice"),
        ({"entities": 3}, "does not name columns"),
        ({"ttl": "-2d"}, "ttl='-2d' is negative"),
        ({"ttl": "soon"}, "ttl='soon' is not a duration"),
        ({"lookback": "1mo"}, "lookback='1mo' uses months"),
        ({"scope": "all"}, "scope='all'"),
        ({"owner": 3}, "owner=3"),
        ({"tags": ["a"]}, "tags="),
        ({"tags": {"a": 1}}, "tags="),
        ({"description": 1}, "description=1"),
    ],
    ids=str,
)
def test_what_the_decorator_is_told_must_hold(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        decorate(plain, **options)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (OnlyKeys, {}, "no feature"),
        (Odd, {"entities": ()}, "'left_at' of event_time is nullable"),
        (Odd, {}, "'origin' of entities is nullable"),
        (Odd, {"entities": "weight"}, "cannot be a key"),
    ],
)
def test_keys_and_times_must_be_able_to_be_read(model: Any, options: dict[str, Any], message: str) -> None:
    def view(departures: pl.LazyFrame) -> Any:
        return departures

    view.__annotations__["return"] = LazyFrame[model]
    with pytest.raises(DefinitionError, match=message):
        decorate(view, **options)


def test_the_bare_decorator_is_explained() -> None:
    with pytest.raises(DefinitionError, match=r"@feature_view\(event_time"):
        feature_view(plain, event_time="left_at")
    with pytest.raises(DefinitionError, match=r"@feature_view\(event_time"):
        feature_view(plain)
