"""The linter and the type checker: mistakes that matter, with their lines, whatever the user has configured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.conftest import EVENT_VIEW
from workbench.checks import Review
from workbench.checks.definition import type_check
from workbench.checks.definition.lint import lint
from workbench.checks.definition.tools import program, run
from workbench.checks.definition.type_check import check_types
from workbench.define import parse_cell
from workbench.demo.cells import CELLS, DRAFT
from workbench.errors import DefinitionError, ProjectError

RICH = '''\
from datetime import date, datetime, timedelta, timezone
from typing import Annotated, Optional

import numpy as np
import pandera.polars as pa
import polars as pl
import polars.selectors as cs

import workbench as wb
from workbench import UTC, Feature, FeatureModel, LazyFrame, example, feature_set, feature_view, windowed

from .helpers import Window, mean

WEEK = Window(7)


class Rich(FeatureModel):
    carrier: str
    landed_at: UTC
    kind: pl.Enum(["a", "b"]) = Feature()
    other: Annotated[pl.Enum, ["a", "b"]] = Feature(nullable=True)
    small: pl.Int32 = Feature(unit="count", ge=0)
    maybe: float | None = Feature(unit="minute")
    perhaps: Optional[float] = Feature(unit="minute")
    days: list[int]
    when: date
    lasting: timedelta

    @pa.check("small")
    def is_small(cls, data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key) < 10)


@feature_view(
    entities=["carrier"],
    event_time="landed_at",
    ttl=timedelta(days=2),
    lookback="7d",
    owner="delay-team",
    tags={"domain": "delay"},
    examples=[
        example(given={"flights": [{"carrier": "UA", "arr_delay": 1.0}, {"carrier": "AA"}]}, expect=[]),
        wb.example(given={"flights": pl.DataFrame({"carrier": ["UA"]})}, expect={"carrier": ["UA"]}, as_of=True),
    ],
)
def rich(
    flights: pl.LazyFrame,
    weather: pl.LazyFrame,
    *,
    days: int = 7,
    since: datetime = datetime(2020, 1, 1, tzinfo=timezone.utc),
) -> LazyFrame[Rich]:
    """What definitions do."""

    def shifted(values: pl.Series) -> pl.Series:
        return values + 1

    late = flights.filter(pl.col("x").is_not_null(), pl.col("at") > since).with_columns(cs.numeric() * 2)
    windows = ["1d", timedelta(days=days)]
    made = windowed(late, by="carrier", time="at", windows=windows, delay=mean("arr_delay"), n=pl.len())
    made = made.join_asof(weather.sort("at"), on="at", by="carrier", strategy="backward", tolerance="1h")
    made = made.group_by_dynamic("at", every=f"{days}d", group_by="carrier").agg(pl.col("x").sum(), y=np.float64(1))
    made = made.with_columns(pl.col("x").map_batches(shifted, return_dtype=pl.Float64))
    return made.select("carrier", z=pl.when(pl.col("x") > 1).then(pl.col("y")).clip(0, 1).cast(pl.Int32))


late = feature_set("late", ["rich:small", "rich@2"], owner="x")

examples = [example(given={"flights": [{"carrier": "UA", "at": datetime(2020, 1, 1)}]}, expect=[{"small": None}])]


def test_rich(view, flights, rich):
    assert (view(flights, flights.clear()).collect()["small"] >= 0).all() and rich


def test_typed(flights: pl.LazyFrame) -> None:
    assert rich(flights, flights, days=3).collect().height > 0
'''
HELPERS = """\
from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Window:
    days: int = 7


def mean(name, window=Window()):
    return pl.col(name).mean().alias(f"{name}_{window.days}d")
"""


def module(*changes: tuple[str, str], top: str = "") -> str:
    text = parse_cell(EVENT_VIEW).module
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return top + text


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if part in line)


def typed(text: str, **helpers: str) -> list[str]:
    sources = {"__init__.py": b"", "spend.py": text.encode(), **{f"{k}.py": v.encode() for k, v in helpers.items()}}
    return [f"{finding.line} {finding.code}" for finding in check_types(sources, [["spend.py"]])]


def guide() -> Iterator[str]:
    """Yield the definitions in the guide's notebooks."""
    for path in sorted((Path(__file__).parents[3] / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            head, _, body = "".join(cell["source"]).partition("\n")
            if cell["cell_type"] == "code" and head.startswith("%%feature"):
                yield body


def test_definitions_as_the_guide_writes_them_have_no_mistakes() -> None:
    written = [*guide()]
    assert written
    modules = {f"{cell.view}.py": cell.module for cell in map(parse_cell, (*CELLS, EVENT_VIEW))}
    modules |= {f"guide{n}.py": parse_cell(text).module for n, text in enumerate(written)}
    modules |= {"draft.py": parse_cell(DRAFT).module, "rich.py": RICH, "helpers.py": HELPERS}
    assert lint(modules) == []
    assert check_types({path: text.encode() for path, text in modules.items()}, [list(modules)]) == []


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"user", "at", total', '"user", "at", undefined, total', "F821"),
        ("events: pl.LazyFrame", "events: pl.LazyFrame, *, days: list[int] = []", "B006"),
        ("return events.sort", 'if pl.len() is "a":\n        pass\n    return events.sort', "F632"),
        ("return events.sort", "datetime.datetime.now()\n    return events.sort", "DTZ005"),
        ("return events.sort", "breakpoint()\n    return events.sort", "T100"),
    ],
)
def test_a_mistake_is_found_on_its_line(old: str, new: str, code: str) -> None:
    text = module((old, new), top="import datetime\n")
    (finding,) = lint({"features/spend.py": text})
    assert (finding.code, finding.path) == (code, "features/spend.py")
    assert finding.line == line_of(text, new.splitlines()[0])
    assert str(finding).startswith(f"features/spend.py, line {finding.line}: ")


def test_style_is_everybodys_own() -> None:
    assert lint({"features/spend.py": module(top="import os, sys\nl=1;a = lambda : 1\n")}) == []


def test_what_is_no_python_is_a_mistake() -> None:
    assert {finding.line for finding in lint({"x.py": "def f(:\n    pass\n"})} == {1}


def test_type_errors_are_found_on_their_lines() -> None:
    mistakes = [
        ("cum_sum", "cum_summ", "missing-attribute"),
        ('entities="user"', 'entitis="user"', "unexpected-keyword"),
        ('unit="count"', "unit=3", "bad-argument-type"),
        ("    return events", "    undefined\n    return events", "unknown-name"),
        ("events: pl.LazyFrame", 'events: pl.LazyFrame, *, days: int = "7"', "bad-function-definition"),
        ("    return events", "    if days:\n        return events.collect()\n    return events", "bad-return"),
    ]
    text = module(*[(old, new) for old, new, _ in mistakes])
    places = [
        (line_of(text, new.strip().splitlines()[-2 if "if" in new else 0].strip()), code) for _, new, code in mistakes
    ]
    assert typed(text) == [f"{line} {code}" for line, code in sorted(places)]


def test_helpers_are_looked_up_in_the_same_tree_and_need_no_annotations() -> None:
    text = module(('pl.col("amount").cum_sum()', 'mean("amount", 1, 2)'), top="from .helpers import mean, nothing\n")
    assert typed(text, helpers=HELPERS) == [
        "1 missing-module-attribute",
        f"{line_of(text, 'mean(')} bad-argument-count",
    ]
    fine = module(('pl.col("amount").cum_sum()', 'mean("amount")'), top="from .helpers import mean\n")
    assert typed(fine, helpers=HELPERS) == []


def test_a_reasoned_ignore_in_the_text_counts() -> None:
    text = module(("cum_sum()", "cum_summ()"), ('.over("user"))', '.over("user"))  # type: ignore'))
    assert typed(text) == []
    assert lint({"x.py": "print(undefined)  # noqa: F821\n"}) == []


def test_no_configuration_of_the_user_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ruff.toml").write_text('[lint.per-file-ignores]\n"**/*.py" = ["F821"]\n')
    (tmp_path / "pyproject.toml").write_text("[tool.pyrefly]\npreset = 'off'\n[tool.ruff.lint]\nignore = ['F821']\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUFF_CONFIG", str(tmp_path / "ruff.toml"))
    monkeypatch.setenv("PYREFLY_CONFIG", str(tmp_path / "pyproject.toml"))
    monkeypatch.setenv("RUFF_OUTPUT_FILE", str(tmp_path / "findings.json"))
    assert [finding.code for finding in lint({"features/x.py": "print(undefined)\n"})] == ["F821"]
    assert typed("print(undefined)\n") == ["1 unknown-name"]


def test_views_reviewed_together_get_what_each_gets_alone() -> None:
    shared = module(('pl.col("amount").cum_sum()', "mean(1, 2, 3)"), top="from .helpers import mean\n")
    sources = {
        "__init__.py": b"",
        "fine.py": b"\xef\xbb\xbf" + module().encode(),
        "first.py": shared.encode(),
        "second.py": shared.replace("return", "undefined\n    return").encode(),
        "helpers.py": HELPERS.replace("return", "undefined\n    return", 1).encode(),
        "latin.py": module(top="# coding: latin-1, caf\xe9\n").encode("latin-1"),
        "broken.py": b"def f(:\n",
    }
    views = ("first", "second")
    together = Review(sources, ["fine", *views, "latin", "broken"])
    alone = {view: Review(sources, [view]) for view in views}
    assert {view: together.lint(view) for view in views} == {view: one.lint(view) for view, one in alone.items()}
    assert {view: together.types(view) for view in views} == {view: one.types(view) for view, one in alone.items()}
    assert together.lint("fine") == together.types("fine") == []
    places = dict.fromkeys(finding.path for finding in together.lint("second"))
    assert [*places] == ["features/second.py", "features/helpers.py"]
    assert {finding.path for finding in together.types("first")} == {"features/first.py", "features/helpers.py"}
    with pytest.raises(UnicodeDecodeError):
        together.lint("latin")
    with pytest.raises(DefinitionError, match=r"broken\.py is not valid Python"):
        together.types("broken")


def test_a_program_that_is_not_there_or_does_not_work_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no-such-program is not installed") as missing:
        program("no-such-program")
    assert "pip install no-such-program" in missing.value.remedy
    with pytest.raises(ProjectError, match="ruff failed with code 2"):
        run([program("ruff"), "check", "--no-such-option"])
    with pytest.raises(ProjectError, match="cannot be run"):
        run([str(tmp_path / "nothing")])


def test_a_text_that_passed_is_asked_about_again_only_where_the_answer_may_be_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def ask(again: str) -> list[str]:
        type_check._found.cache_clear()  # as in another process
        asked.clear()
        return typed(again)

    def noted(arguments: Sequence[str], *, folder: Path) -> str:
        asked.append("pyrefly")
        return run(arguments, folder=folder)

    monkeypatch.setattr(type_check, "run", noted)
    fine, wrong = module(top="# seen here alone\n"), module(("return events.sort", "1 + 'a'\n    return events.sort"))
    assert (ask(fine), asked) == ([], ["pyrefly"])
    assert (ask(fine), asked) == ([], [])
    monkeypatch.setattr(type_check, "library_versions", lambda modules: dict.fromkeys(modules, "another"))
    assert (ask(fine), asked) == ([], ["pyrefly"])
    for text in (wrong, module(top="import hypothesis\n")):
        first = ask(text)
        assert (ask(text), asked) == (first, ["pyrefly"])


def test_a_view_that_passed_is_asked_about_again_where_a_file_changes_that_it_imports_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[list[str]] = []

    def ask(**changed: str) -> list[str]:
        type_check._found.cache_clear()  # as in another process
        asked.clear()
        views = sorted({"first", "second", *changed} - {"helpers"})
        sources.update({f"{name}.py": text.encode() for name, text in changed.items()})
        review = Review(sources, views)
        return [f"{view} {finding.path} {finding.code}" for view in views for finding in review.types(view)]

    def noted(arguments: Sequence[str], *, folder: Path) -> str:
        asked.append(sorted(Path(word).name for word in arguments if word.endswith(".py")))
        return run(arguments, folder=folder)

    sources: dict[str, bytes] = {"helpers.py": HELPERS.encode()}
    monkeypatch.setattr(type_check, "run", noted)
    with_helper = module(('pl.col("amount").cum_sum()', 'mean("amount")'), top="from .helpers import mean  # once\n")
    alone = module(top="# passes by itself\n")
    assert (ask(first=with_helper, second=alone), asked) == ([], [["first.py", "helpers.py", "second.py"]])
    assert (ask(), asked) == ([], [])
    others = {"helpers": HELPERS + "\n# another line\n", "third": alone.replace("passes", "is")}
    assert (ask(**others), asked) == ([], [["first.py", "helpers.py", "third.py"]])
    absolute = alone.replace("# passes", "from features.nowhere import x  # passes")
    assert (ask(second=absolute), asked) == (["second features/second.py missing-import"], [["second.py"]])
    sources["nowhere.py"] = b"x = 1\n"
    assert (ask(), asked) == ([], [["second.py"]])
