"""Our own functions, decorators and models: what of them counts."""

from __future__ import annotations

import pytest

from tests.fingerprint.stage import hash_of, package
from workbench.fingerprint.identity import code_hash, metadata_hash, parameters_of


def test_our_functions_count_by_name_and_semantics(monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.define import windowed

    texts = [
        "from workbench import windowed\ndef view(f):\n    return windowed(f)\n",
        "import workbench as wb\ndef view(f):\n    return wb.windowed(f)\n",
        "def view(f):\n    from workbench import windowed\n    return windowed(f)\n",
    ]
    before = [hash_of(text) for text in texts]
    monkeypatch.setattr(windowed, "__semantics__", 99)
    after = [hash_of(text) for text in texts]
    assert all(one != two for one, two in zip(before, after, strict=True))


DECORATED = '''
import polars as pl
from workbench import UTC, Feature, FeatureModel, LazyFrame, feature_view


class Delay(FeatureModel):
    carrier: str
    at: UTC
    known: UTC
    delay: float = Feature(unit="minute")


@feature_view(entities="carrier", event_time="at"{options})
def view(flights: pl.LazyFrame, *, days: int = 7) -> LazyFrame[Delay]:
    """{document}"""
    return flights.head(days)
'''


def test_our_decorator_and_the_contract_do_not_count() -> None:
    def found(text: str) -> tuple[str, str, str]:
        with package({"views": text}) as made:
            view = made.views.view
            return code_hash(view).code_hash, metadata_hash(view), parameters_of(view)

    one = found(DECORATED.format(options="", document="One."))
    two = found(DECORATED.format(options=', ttl="2d", owner="me", tags={"a": "b"}', document="Two."))
    three = found(DECORATED.format(options=', created="known"', document="One.").replace('"minute"', '"second"'))
    assert one[0] == two[0] == three[0]
    assert one[1] != two[1]
    assert one[1] == three[1]
    assert one[2] == two[2] != three[2]


def test_a_view_that_another_view_calls_counts() -> None:
    text = DECORATED.format(options="", document="") + (
        "\n\n@feature_view(entities='carrier', event_time='at')\n"
        "def second(flights: pl.LazyFrame) -> LazyFrame[Delay]:\n    return view(flights).tail(3)\n"
    )
    hashes = set()
    for changed in (text, text.replace("head(days)", "tail(days)")):
        with package({"views": changed}) as made:
            hashes.add(code_hash(made.views.second).code_hash)
    assert len(hashes) == 2


def test_a_model_may_be_used_in_the_body() -> None:
    text = DECORATED.format(options="", document="").replace("head(days)", "select(Delay.to_schema().columns)")
    hashes = set()
    for changed in (text, text.replace("    delay: float", "    late: float")):
        with package({"views": changed}) as made:
            hashes.add(code_hash(made.views.view).code_hash)
    assert len(hashes) == 2
