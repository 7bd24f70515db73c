"""The outline of a tree gives its names, and runs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.define.outline import Outline, outline_of
from workbench.source_tree.tree import TreeFiles

HEAD = "raise SystemExit('this file ran')\n"
MODEL = """class Rows(FeatureModel):
    key: str
    at: UTC
    value: float
    _hidden: int
    LIMIT: ClassVar[int] = 3
"""
VIEW = "@feature_view(entities='key', event_time='at')\ndef spend(events, other) -> LazyFrame[Rows]:\n    ...\n"


def outlined(**files: str) -> Outline:
    return outline_of(TreeFiles("t", Path("t"), {f"{name}.py": (HEAD + text).encode() for name, text in files.items()}))


def test_a_view_has_its_inputs_and_features() -> None:
    (view,) = outlined(spend=MODEL + VIEW, test_spend=VIEW, conftest=VIEW, __init__=VIEW).views.values()
    assert (view.name, view.inputs, view.features) == ("spend", ("events", "other"), ("value",))
    assert (view.declared.entities, view.declared.event_time) == (("key",), "at")
    assert {each.name: each.annotation for each in view.columns} == {"key": "str", "at": "UTC", "value": "float"}
    assert [each.dtype for each in view.columns] == [
        "String",
        "Datetime(time_unit='us', time_zone='UTC')",
        "Float64",
    ]


@pytest.mark.parametrize(
    "text",
    [
        VIEW.replace("feature_view", "wb.feature_view"),
        "from workbench import feature_view as view\n" + VIEW.replace("@feature_view", "@view"),
        "keyed = feature_view(event_time='at')\n@keyed\n" + VIEW.partition("\n")[2],
        "keyed = functools.partial(feature_view, entities='key')\n" + VIEW.replace("feature_view", "keyed"),
        "if True:\n    pass\nelse:\n" + "".join(f"    {line}\n" for line in VIEW.splitlines()),
        VIEW.replace("LazyFrame[Rows]", "'LazyFrame[Rows]'"),
        VIEW.replace("(events, other)", "(events, other, /, *, days=3)"),
    ],
)  # fmt: skip
def test_a_view_is_found_however_it_is_spelled(text: str) -> None:
    view = outlined(spend=MODEL + text).views["spend"]
    assert (view.inputs, "value" in view.features) == (("events", "other"), True)


@pytest.mark.parametrize("text", ["def spend(events): ...", VIEW.replace("def spend", "def other"), "x = 1"])
def test_what_is_no_view_is_none(text: str) -> None:
    assert not outlined(spend=MODEL + text).views


def test_a_model_may_inherit_and_come_from_another_file() -> None:
    base = "class Base(FeatureModel):\n    key: str\n    at: UTC\n    first: int\n"
    rows = "from .parts.base import Base as Under\nclass Rows(Under):\n    second: int\n"
    found = outlined(**{"parts/base": base, "models": rows, "spend": "from .models import Rows\n" + VIEW})
    assert found.views["spend"].features == ("first", "second")
    circle = "from .spend import Rows as Rows\n"
    assert outlined(spend=circle + VIEW).views["spend"].features == ()


def test_sets_of_constants_are_whole_and_others_are_doubtful() -> None:
    found = outlined(
        late="late = feature_set('late', ['spend:value', 'spend@2'], owner='ada')",
        made="NAME = 'x'\nfeature_set(NAME, ['spend'])",
        wrong="feature_set('wrong', ['not a reference'])",
    )
    assert found.sets["late"].features == ("spend:value", "spend@2")
    assert dict(found.set_files) == {"late": "late"}
    assert found.doubtful == {"made", "wrong"}


@pytest.mark.parametrize("text", ["def (", "x = " + "(" * 5_000 + ")" * 5_000, "\0", "# coding: latin-1"])
def test_a_file_that_is_no_python_is_unread(text: str) -> None:
    found = outline_of(TreeFiles("t", Path("t"), {"spend.py": text.encode(), "other.py": (MODEL + VIEW).encode()}))
    assert found.unread == {"spend"}
