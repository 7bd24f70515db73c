from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.checks.definition.type_check import check_types
from workbench.define import parse_cell
from workbench.define.cell import MAX_BYTES
from workbench.errors import CellError

VIEW = '@feature_view(event_time="at")\ndef busy(flights):\n    return flights\n'


def tool(name: str, *words: str | Path, folder: Path) -> str:
    command = [sys.executable, "-m", name, *map(str, words)]
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_text_is_kept_verbatim(cell_text: str) -> None:
    cell = parse_cell(cell_text)
    assert cell.text == cell_text
    assert cell.module.endswith(cell_text)
    assert (cell.view, cell.names) == ("carrier_delay", ("CarrierDelay", "carrier_delay"))


def test_lines_are_moved_by_the_offset(cell_text: str) -> None:
    cell = parse_cell(cell_text)
    module = cell.module.splitlines()
    assert module[cell.offset :] == cell_text.splitlines()
    assert module[: cell.offset] == [
        "import polars as pl",
        "from workbench import UTC, Feature, FeatureModel, LazyFrame, feature_view, windowed",
        "",
        "",
    ]


def test_the_module_is_one_that_a_linter_and_a_type_checker_understand(cell_text: str, tmp_path: Path) -> None:
    (tmp_path / "carrier_delay.py").write_text(parse_cell(cell_text).module)
    wrong = cell_text.replace("windowed(flights, ", "windowed(flights.collect(), ")
    modules = {"carrier_delay.py": parse_cell(cell_text).module.encode(), "wrong.py": parse_cell(wrong).module.encode()}
    assert tool("ruff", "check", "--isolated", "--select=E4,E7,E9,F,I,W,UP", ".", folder=tmp_path) == ""
    found = check_types(modules, [[name] for name in modules])
    assert [finding.path for finding in found] == ["features/wrong.py"]
    assert "DataFrame" in found[0].message


@pytest.mark.parametrize(
    "text",
    [
        "class Busy(FeatureModel):\n    at: UTC\n\n\n" + VIEW,
        "\n\n\n\n\n" + VIEW,
        "# why\n" + VIEW,
        "\n# why\n" + VIEW,
        '"""Busy."""\n' + VIEW,
        '"""Busy."""\n\n\n\n' + VIEW,
        "from __future__ import annotations\n" + VIEW,
        '"""Busy.\n\nVery.\n"""\n\nfrom __future__ import annotations\n\n\n' + VIEW,
        "import json\n\nX = json.dumps({})\n\n\n" + VIEW,
        "# why\nimport json\n\nX = json.dumps({})\n\n\n" + VIEW,
        "from __future__ import annotations\n\nimport json\n\nX = json.dumps({})\n\n\n" + VIEW,
        "LIMIT = timedelta(days=2)\n\n\n" + VIEW,
        "\n\n# why\nLIMIT = pl.lit(date(2013, 1, 1))\n\n\n" + VIEW,
        "X: UTC = [LazyFrame, Feature, FeatureModel, feature_set, windowed, pl]\n\n\n" + VIEW,
        "X = wb, pl, datetime\n\n\n" + VIEW,
    ],
)
def test_added_imports_are_sorted_and_spaced(text: str, tmp_path: Path) -> None:
    cell = parse_cell(text)
    path = tmp_path / "busy.py"
    path.write_text(cell.module)
    assert tool("ruff", "check", "--isolated", "--select=E4,F,I", path, folder=tmp_path) == ""
    moved = [node.lineno for node in ast.parse(cell.module).body if isinstance(node, ast.FunctionDef)]
    assert moved == [node.lineno + cell.offset for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import polars as pl\nfrom workbench import feature_view\n" + VIEW + "X = pl.len()", []),
        ("import workbench as wb\n@wb.feature_view(event_time='at')\ndef busy(): ...", []),
        ("from workbench import feature_view as fv\n@fv(event_time='at')\ndef busy(): ...", []),
        (VIEW + "def f(pl, date):\n    return pl, date", ["feature_view"]),
        (VIEW + "def f():\n    return pl", ["pl", "feature_view"]),
        (VIEW + "f = lambda: [pl for _ in ()]", ["pl", "feature_view"]),
        (VIEW + "def f(x: 'LazyFrame[Busy]') -> 'pl.DataFrame': ...", ["pl", "LazyFrame", "feature_view"]),
        ("from __future__ import annotations\n" + VIEW + "x: UTC", ["UTC", "feature_view"]),
        (VIEW + "class A:\n    date: date = 3", ["date", "feature_view"]),
        (VIEW + "class A:\n    pl = pl.len()", ["pl", "feature_view"]),
        (VIEW + "pl = 3\ndef f():\n    return pl", ["feature_view"]),
        (VIEW + "def f():\n    global pl\n    pl = 3\n    return pl", ["pl", "feature_view"]),
        (VIEW + "# pl\nX = 'pl'", ["feature_view"]),
    ],
)
def test_only_names_that_are_used_and_not_bound_are_imported(text: str, expected: list[str]) -> None:
    module = parse_cell(text).module
    names = [alias.asname or alias.name for node in ast.parse(module).body for alias in getattr(node, "names", [])]
    own = [alias.asname or alias.name for node in ast.parse(text).body for alias in getattr(node, "names", [])]
    assert [name for name in names if name not in own] == expected


def test_windows_line_ends_are_kept() -> None:
    text = "X = 1\r\n\r\n\r\n" + VIEW.replace("\n", "\r\n")
    cell = parse_cell(text)
    assert cell.module.endswith(text)
    assert cell.offset == 2


def test_a_missing_last_line_end_is_added() -> None:
    assert parse_cell("import workbench as wb\n@wb.feature_view()\ndef a(): ...").module.endswith("def a(): ...\n")


@pytest.mark.parametrize(
    ("text", "line", "source"),
    [
        ("X = 1\ndef busy(:\n    pass\n", 2, "    def busy(:"),
        ("def busy():\nreturn 1\n", 2, "    return 1"),
        ("return 1\n", 1, "    return 1"),
        ("x = (\n", 1, "    x = ("),
        ("  x = 1\n y = 2\n", 1, "    x = 1"),
        ("ab = 1 +\n", 1, "    ab = 1 +"),
        ("é = 'x\n", 1, "    é = 'x"),
    ],
)
def test_a_syntax_error_shows_line_and_caret(text: str, line: int, source: str) -> None:
    with pytest.raises(CellError, match="not valid Python") as caught:
        parse_cell(text)
    place, shown, caret = caught.value.lines
    assert (place, shown) == (f"cell, line {line}", source)
    assert caret.strip() == "^"


def test_a_caret_points_at_the_column() -> None:
    with pytest.raises(CellError) as caught:
        parse_cell("value = 1 $ 2")
    assert caught.value.lines[1:] == ("    value = 1 $ 2", "              ^")


def test_a_very_long_line_is_cut_around_the_caret() -> None:
    with pytest.raises(CellError) as caught:
        parse_cell("value = [" + "1, " * 5000 + "$ 2]")
    _, shown, caret = caught.value.lines
    assert len(shown) < 200
    assert shown[caret.index("^")] == "$"


@pytest.mark.parametrize("magic", ["!pip install x", "%time 1", "files = !ls", "x = %env HOME", "busy?", "%%time"])
def test_ipython_lines_are_explained(magic: str) -> None:
    with pytest.raises(CellError, match="Line 2 of the cell is for IPython") as caught:
        parse_cell(f"X = 1\n{magic}\n{VIEW}")
    assert "another cell" in caught.value.remedy


def test_what_looks_like_a_magic_inside_text_is_text() -> None:
    assert parse_cell(f'X = """\n!ls\n%time\n"""\n{VIEW}').view == "busy"


def test_a_cell_without_a_view_says_what_to_add() -> None:
    with pytest.raises(CellError, match=r"(?s)no feature view.*above def busy"):
        parse_cell("def busy(flights):\n    return flights\n")
    with pytest.raises(CellError, match="no feature view"):
        parse_cell("")


def test_two_views_in_a_cell_are_named() -> None:
    with pytest.raises(CellError, match=r"2 feature views: 'busy', 'late'"):
        parse_cell(VIEW + VIEW.replace("busy", "late"))


@pytest.mark.parametrize("inside", ["if True:\n", "def make():\n", "class Views:\n"])
def test_a_nested_view_is_refused(inside: str) -> None:
    indented = "".join(f"    {line}\n" for line in VIEW.splitlines())
    with pytest.raises(CellError, match="'busy' is not at the top level"):
        parse_cell(inside + indented)


@pytest.mark.parametrize(
    ("text", "what"), [("async def busy(flights): ...", "async function busy"), ("class Busy: ...", "class Busy")]
)
def test_an_async_function_or_class_is_no_view(text: str, what: str) -> None:
    with pytest.raises(CellError, match=f"not the {what}"):
        parse_cell(f'@feature_view(event_time="at")\n{text}\n')


@pytest.mark.parametrize("name", ["Busy", "_busy", "büsy", "b" * 64, "__init__", "test_busy", "conftest"])
def test_a_name_that_could_not_be_a_file_is_refused(name: str) -> None:
    with pytest.raises(CellError, match="name") as caught:
        parse_cell(VIEW.replace("busy", name))
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["../busy", "--force", "class", "a/b", "a b", "a.b"])
def test_a_name_that_is_a_path_an_option_or_a_keyword_is_no_python(name: str) -> None:
    with pytest.raises(CellError, match="not valid Python"):
        parse_cell(VIEW.replace("busy", name))


def test_a_megabyte_is_too_much() -> None:
    with pytest.raises(CellError, match=r"1,024 KB; a definition has at most 512 KB"):
        parse_cell("#" * (1024 * 1024))
    assert parse_cell(VIEW + "#" * (MAX_BYTES - len(VIEW))).view == "busy"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("X = 1\nY = '\0'\n" + VIEW, "Line 2 of the cell has a NUL"),
        ("X = 1\nY = '\ud800'\n" + VIEW, "Line 2 of the cell has a character that UTF-8 cannot encode"),
        ("# coding: latin-1\n" + VIEW, "declares the encoding latin-1"),
        ("x = " + "-" * 200_000 + "1\n" + VIEW, "Python cannot read the cell|not valid Python"),
        ("x = " + "(" * 5000 + ")" * 5000 + "\n" + VIEW, "Python cannot read the cell|not valid Python"),
    ],
    ids=["nul", "surrogate", "encoding", "deep", "nested"],
)
def test_text_that_cannot_be_stored_or_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(CellError, match=message) as caught:
        parse_cell(text)
    assert caught.value.remedy


def test_a_doubtful_escape_is_left_to_the_linter() -> None:
    assert parse_cell("X = '\\d'\n" + VIEW).view == "busy"


def test_nothing_is_run() -> None:
    assert parse_cell("raise SystemExit\n" + VIEW).view == "busy"
