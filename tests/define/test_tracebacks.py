from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from workbench.define import Definitions, definition_failed, load_tree, parse_cell, user_frames
from workbench.errors import ComputeError

if TYPE_CHECKING:
    from tests.define.conftest import Git

CELL = """class Busy(FeatureModel):
    at: UTC
    value: float

@feature_view(event_time="at")
def busy(flights: pl.LazyFrame) -> LazyFrame[Busy]:
    return {body}
"""


@pytest.fixture
def broken(git: Git) -> Callable[..., tuple[Definitions, dict[str, int]]]:
    def made(body: str, *, top: str = "", helpers: str = "") -> tuple[Definitions, dict[str, int]]:
        cell = parse_cell(top + CELL.format(body=body))
        commit = git.definitions({"busy.py": cell.module, "helpers.py": helpers})
        return load_tree(git, commit, cache=git.cache), {"busy": cell.offset}

    return made


def raised(definitions: Definitions) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011  # each test makes another
        definitions.view("busy")(pl.LazyFrame({"x": [1]}))
    return caught.value


def test_the_line_of_the_cell_is_shown_with_carets(broken: Any) -> None:
    definitions, offsets = broken("flights.select(pl.nothing())")
    assert user_frames(raised(definitions), definitions, offsets) == [
        "cell, line 7, in busy",
        "    return flights.select(pl.nothing())",
        "                          ^^^^^^^^^^",
    ]


def test_without_an_offset_the_file_is_named(broken: Any) -> None:
    definitions, offsets = broken("flights.nothing")
    assert user_frames(raised(definitions), definitions)[0] == f"features/busy.py, line {7 + offsets['busy']}, in busy"


def test_helpers_are_shown_and_libraries_are_not(broken: Any) -> None:
    definitions, offsets = broken(
        "late(flights)",
        top="from .helpers import late\n",
        helpers="def late(frame):\n    return frame.collect().get_column('no')\n",
    )
    lines = user_frames(raised(definitions), definitions, offsets)
    assert [line for line in lines if not line.startswith("    ")] == [
        "cell, line 8, in busy",
        "features/helpers.py, line 2, in late",
    ]


def test_carets_stand_below_characters_and_not_bytes(broken: Any) -> None:
    definitions, offsets = broken("('éé', pl.nothing)[1]")
    _, source, carets = user_frames(raised(definitions), definitions, offsets)
    assert source[carets.index("^") : carets.rindex("^") + 1] == "pl.nothing"


def test_the_cause_is_looked_at(broken: Any) -> None:
    definitions, offsets = broken("flights.nothing")
    error = ComputeError("failed")
    error.__cause__ = raised(definitions)
    assert user_frames(error, definitions, offsets)[0] == "cell, line 7, in busy"


def test_an_exception_from_elsewhere_has_no_user_lines(broken: Any) -> None:
    definitions, _ = broken("flights")
    assert user_frames(ValueError("x"), definitions) == []
    assert user_frames(ValueError("x"), None) == []


def test_a_deep_recursion_is_cut(broken: Any) -> None:
    definitions, offsets = broken(
        "late(flights)", top="from .helpers import late\n", helpers="def late(frame):\n    return late(frame)\n"
    )
    lines = user_frames(raised(definitions), definitions, offsets)
    assert lines[0].endswith("more")
    assert len(lines) < 30


def test_failed_code_becomes_an_error_with_cause_and_remedy(broken: Any) -> None:
    definitions, offsets = broken("1 / 0")
    error = definition_failed("View 'busy' failed", raised(definitions), definitions, offsets)
    assert error.message == "View 'busy' failed: ZeroDivisionError: division by zero"
    assert error.lines[0] == "cell, line 7, in busy"
    assert error.remedy


def test_a_mistake_in_the_declaration_shows_its_line(git: Git) -> None:
    cell = parse_cell(CELL.format(body="flights").replace("value: float", 'value: float = Feature(unit="minutez")'))
    definitions = load_tree(git, git.definitions({"busy.py": cell.module}), cache=git.cache)
    error = definitions.broken["busy"]
    assert user_frames(error, definitions, {"busy": cell.offset})[:2] == [
        "cell, line 1",
        "    class Busy(FeatureModel):",
    ]


def test_an_optional_dtype_that_python_does_not_know_says_what_to_write(git: Git) -> None:
    cell = CELL.replace("value: float", "value: pl.Decimal(10, 2) | None").format(body="flights")
    definitions = load_tree(git, git.definitions({"busy.py": parse_cell(cell).module}), cache=git.cache)
    assert "Feature(nullable=True)" in str(definitions.broken["busy"])
