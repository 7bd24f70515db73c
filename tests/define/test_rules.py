"""The rules of a model: what a check of the user's own reaches is part of the contract."""

from __future__ import annotations

from collections.abc import Mapping

import pandera.polars as pa
import pytest

from tests.fingerprint.stage import package
from workbench.define import Contract
from workbench.errors import NotFingerprintable, WorkbenchError

HEAD = """\
from typing import ClassVar

import pandera.polars as pa
import polars as pl
from workbench import UTC, Feature, FeatureModel, LazyFrame, feature_view
"""
VIEW = """

@feature_view(entities="user", event_time="at")
def spend(events: pl.LazyFrame) -> LazyFrame[Spend]:
    return events
"""
COLUMNS = """
    user: str
    at: UTC
    total: float = Feature(unit="count", description="A sum.")
"""
CONSTANT = f"""{HEAD}
LIMIT = 1000.0

class Spend(FeatureModel):{COLUMNS}
    @pa.check("total")
    def small(cls, data):
        return data.lazyframe.select(pl.col(data.key) < LIMIT)
{VIEW}"""


def contract(files: Mapping[str, str]) -> Contract:
    pa.Check.REGISTERED_CUSTOM_CHECKS.pop("is_small_enough", None)
    with package(dict(sorted(files.items()))) as made:
        found: Contract = made.spend.spend.contract
        return found


FACTORY = f"""{HEAD}
def below(limit):
    @pa.check("total")
    def check(cls, data):
        return data.lazyframe.select(pl.col(data.key) < limit)

    return check


class Spend(FeatureModel):{COLUMNS}
    small = below(1000.0)
{VIEW}"""
WHOLE = CONSTANT.replace('@pa.check("total")', "@pa.dataframe_check").replace("data.key", '"total"')
HELPER = {
    "limits": "LIMIT = 1000.0\n",
    "spend": CONSTANT.replace("LIMIT = 1000.0\n", "from .limits import LIMIT\n"),
}
FUNCTION = {
    "spend": CONSTANT.replace("LIMIT = 1000.0\n", "from .limits import is_small\n").replace(
        "pl.col(data.key) < LIMIT", "is_small(data.key)"
    ),
    "limits": "import polars as pl\n\nLIMIT = 1000.0\n\ndef is_small(name):\n    return pl.col(name) < LIMIT\n",
}
BASE = {
    "spend": f"{HEAD}from .base import Base\n\nclass Spend(Base):\n    more: int\n{VIEW}",
    "base": CONSTANT.replace("class Spend", "class Base").removesuffix(VIEW),
}
METHOD = CONSTANT.replace("< LIMIT", "< cls.limit()").replace(
    '    @pa.check("total")', '    @classmethod\n    def limit(cls):\n        return LIMIT\n\n    @pa.check("total")'
)
BASE_METHOD = {
    "spend": f"""{HEAD}from .base import Base

class Spend(Base):{COLUMNS}
    @pa.check("total")
    def small(cls, data):
        return data.lazyframe.select(pl.col(data.key) < cls.limit())
{VIEW}""",
    "base": f"{HEAD}\nclass Base(FeatureModel):\n    @classmethod\n    def limit(cls):\n        return 1000.0\n",
}
PRIVATE = CONSTANT.replace("< LIMIT", "< cls._LIMIT").replace(
    "Spend(FeatureModel):", "Spend(FeatureModel):\n    _LIMIT = LIMIT\n"
)
BELOW = CONSTANT.replace("LIMIT = 1000.0\n", "") + "\nLIMIT = 1000.0\n"
TABLE = CONSTANT.replace("LIMIT = 1000.0", 'LIMIT = {"count": 1000.0}').replace("< LIMIT", '< LIMIT["count"]')
REGISTERED = f"""{HEAD}import pandera.extensions as extensions

LIMIT = 1000.0

@extensions.register_check_method(statistics=["factor"])
def is_small_enough(data, *, factor):
    return data.lazyframe.select(pl.col(data.key) < LIMIT * factor)


class Spend(FeatureModel):
    user: str
    at: UTC
    total: float = pa.Field(is_small_enough=2)
{VIEW}"""
DECORATED = f"""{HEAD}import functools

def scaled(limit):
    def decorate(check):
        @functools.wraps(check)
        def inner(cls, data):
            return check(cls, data).select(pl.col(data.key) < limit)

        return inner

    return decorate


class Spend(FeatureModel):{COLUMNS}
    @pa.check("total")
    @scaled(1000.0)
    def small(cls, data):
        return data.lazyframe
{VIEW}"""

REACHED = {
    "constant": {"spend": CONSTANT},
    "whole frame": {"spend": WHOLE},
    "constant of another module": HELPER,
    "function of another module": FUNCTION,
    "base model of another module": BASE,
    "method of the model": {"spend": METHOD},
    "method of a base model": BASE_METHOD,
    "private value of the model": {"spend": PRIVATE},
    "closure": {"spend": FACTORY},
    "constant below the view": {"spend": BELOW},
    "value in a table": {"spend": TABLE},
    "registered check": {"spend": REGISTERED},
    "decorator": {"spend": DECORATED},
}


@pytest.mark.parametrize("files", REACHED.values(), ids=REACHED)
def test_what_a_check_reaches_is_part_of_the_contract(files: dict[str, str]) -> None:
    before = contract(files)
    (rule,) = {*before.rules, *(rule for column in before.columns for rule in column.rules)}
    assert "\n" in rule, "its source is there for people"
    for old, new in (("1000.0", "10.0"), (" < ", " <= ")):
        changed = {name: text.replace(old, new) for name, text in files.items()}
        assert contract(changed).hash != before.hash, f"{old} -> {new}"


@pytest.mark.parametrize("files", REACHED.values(), ids=REACHED)
def test_layout_comments_and_prose_are_no_part_of_it(files: dict[str, str]) -> None:
    before = contract(files)
    for old, new in (("\n\n", "\n\n\n# why\n"), ("data.lazyframe", "(data.lazyframe)"), ("A sum.", "The sum.")):
        changed = {name: text.replace(old, new) for name, text in files.items()}
        assert contract(changed).hash == before.hash, f"{old} -> {new}"
    moved = {**files, "other": "UNUSED = 1\n"}
    assert contract(moved).hash == before.hash


@pytest.mark.parametrize(
    ("old", "new"),
    [("LIMIT = 1000.0", "LIMIT = object()"), ("< LIMIT", "< eval('LIMIT')"), ("< LIMIT", "< float(open('f').read())")],
)
def test_a_check_whose_code_cannot_be_known_is_refused_by_name(old: str, new: str) -> None:
    with pytest.raises(NotFingerprintable, match="small") as caught:
        contract({"spend": CONSTANT.replace(old, new)})
    assert caught.value.remedy


def test_ranges_are_bounds_however_they_are_written() -> None:
    model = f"{HEAD}\nclass Spend(FeatureModel):\n    user: str\n    at: UTC\n    total: float = FIELD\n{VIEW}"

    def of(field: str) -> Contract:
        return contract({"spend": model.replace("FIELD", field)})

    ranged = of('pa.Field(in_range={"min_value": 0, "max_value": 5, "include_max": False})')
    assert (ranged["total"].ge, ranged["total"].lt, ranged["total"].rules) == (0, 5, ())
    assert ranged.hash == of("Feature(ge=0, lt=5)").hash
    strict = of("pa.Field(ge=0, ignore_na=False)")
    assert (strict["total"].ge, strict["total"].rules) == (
        None,
        ("greater_than_or_equal_to(min_value=0, ignore_na=False)",),
    )
    with pytest.raises(WorkbenchError, match="raise_warning"):
        of("pa.Field(ge=0, raise_warning=True)")
