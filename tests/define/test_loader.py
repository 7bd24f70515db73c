from __future__ import annotations

import inspect
import linecache
import multiprocessing
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from workbench.define import Definitions, load_tree, parse_cell
from workbench.errors import (
    DefinitionCycle,
    DefinitionError,
    DefinitionFailed,
    FeatureNotFound,
    MissingSchema,
    ProjectError,
    UnknownInput,
    WrongReturn,
)

if TYPE_CHECKING:
    from tests.define.conftest import Git

Text = Callable[..., str]
Load = Callable[..., Definitions]


@pytest.fixture
def load(git: Git) -> Load:
    def loaded(files: dict[str, str] | None = None, *, only: Any = None, **named: str | bytes) -> Definitions:
        every = {f"{name}.py": content for name, content in {**(files or {}), **named}.items()}
        return load_tree(git, git.definitions(every), cache=git.cache, only=only)

    return loaded


def test_the_example_of_a_day_loads(load: Load, cell_text: str) -> None:
    definitions = load(carrier_delay=parse_cell(cell_text).module)
    view = definitions.view("carrier_delay")
    assert view.contract["delay_mean_7d"].unit == "minute"
    assert dict(definitions.views) == {"carrier_delay": view}
    assert definitions.broken == {}


def test_the_error_for_a_name_that_is_no_view_runs_nothing(load: Load, view_text: Text) -> None:
    definitions = load(busy=view_text("busy", "flights", top="raise SystemExit('it ran')\n"))
    with pytest.raises(FeatureNotFound, match="did you mean 'busy'"):
        definitions.view("bussy")
    assert f"{definitions.package}.busy" not in sys.modules
    other = load(delay=view_text("delay", "bussy"), busy=view_text("busy", "flights", top="1 / 0\n"))
    with pytest.raises(UnknownInput, match="did you mean 'busy'"):
        other.order(["delay"], [])


def test_trees_live_side_by_side(load: Load, view_text: Text) -> None:
    old = load(busy=view_text("busy", "flights", body="flights.head(1)"))
    new = load(busy=view_text("busy", "flights", body="flights.head(2)"))
    frame = pl.LazyFrame({"x": [1, 2, 3]})
    heights = [tree.view("busy")(frame).collect().height for tree in (old, new, old)]
    assert heights == [1, 2, 1]
    assert old.package != new.package


def test_loading_a_tree_again_is_free(git: Git, view_text: Text) -> None:
    first = git.definitions({"busy.py": view_text("busy", "flights")})
    second = git.definitions({"busy.py": view_text("busy", "flights")})
    view = load_tree(git, first, cache=git.cache).view("busy")
    before = git.blobs_read
    assert load_tree(git, second, cache=git.cache).view("busy") is view
    assert git.blobs_read == before


def test_a_new_process_reads_the_cache_and_not_git(git: Git, view_text: Text, tmp_path: Path) -> None:
    commit = git.definitions({"busy.py": view_text("busy", "flights")})
    package = load_tree(git, commit, cache=git.cache).package
    before = git.blobs_read
    del sys.modules[package]
    assert load_tree(git, commit, cache=git.cache).view("busy").name == "busy"
    assert git.blobs_read == before


def test_two_projects_with_the_same_tree_do_not_meet(git: Git, view_text: Text, tmp_path: Path) -> None:
    commit = git.definitions({"busy.py": view_text("busy", "flights")})
    here = load_tree(git, commit, cache=git.cache)
    there = load_tree(git, commit, cache=tmp_path / "other")
    assert here.view("busy") is not there.view("busy")


@pytest.mark.parametrize("edit", ["raise SystemExit", ""])
def test_editing_the_cache_changes_nothing(git: Git, view_text: Text, edit: str) -> None:
    text = view_text("busy", "flights")
    commit = git.definitions({"busy.py": text, "late.py": view_text("late", "flights")})
    definitions = load_tree(git, commit, cache=git.cache)
    file = definitions.module_file("busy")
    assert file.stat().st_mode & 0o222 == 0
    file.chmod(0o644)
    file.write_text(edit)
    assert definitions.view("busy").name == "busy"
    assert definitions.source_text("busy") == text
    del sys.modules[definitions.package]
    again = load_tree(git, commit, cache=git.cache)
    assert again.view("busy").name == "busy"
    assert file.read_text() == text
    assert file.stat().st_mode & 0o222 == 0


def test_a_file_lost_from_the_cache_comes_back(git: Git, view_text: Text) -> None:
    commit = git.definitions({"busy.py": view_text("busy", "flights")})
    definitions = load_tree(git, commit, cache=git.cache)
    definitions.module_file("busy").unlink()
    del sys.modules[definitions.package]
    assert load_tree(git, commit, cache=git.cache).module_file("busy").exists()


def test_a_file_added_to_the_cache_is_not_imported(git: Git, view_text: Text) -> None:
    definitions = load_tree(git, git.definitions({"busy.py": "from . import extra\n"}), cache=git.cache)
    (definitions.module_file("busy").parent / "extra.py").write_text("X = 1\n")
    with pytest.raises(DefinitionFailed, match="extra"):
        definitions.view("busy")


def test_no_bytecode_is_left_to_be_trusted(load: Load, view_text: Text) -> None:
    definitions = load(busy=view_text("busy", "flights"))
    definitions.view("busy")
    assert [path.name for path in definitions.module_file("busy").parent.iterdir()] == ["busy.py"]


def _load_in_child(root: str, commit: str, start: Any) -> None:
    from tests.define.conftest import Git

    git = Git.open(Path(root))
    start.wait()
    assert load_tree(git, commit, cache=Path(root) / ".workbench").view("busy").name == "busy"
    git.close()


@pytest.mark.journey
def test_kernels_may_write_the_same_tree_at_once(git: Git, view_text: Text) -> None:
    files = {f"helper_{place}.py": f"X = {place}\n" for place in range(40)}
    commit = git.definitions({**files, "busy.py": view_text("busy", "flights")})
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    children = [context.Process(target=_load_in_child, args=(str(git.root), commit, start)) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]
    (folder,) = (git.cache / "definitions").iterdir()
    assert len(list(folder.iterdir())) == 41


def test_threads_get_the_same_views(git: Git, view_text: Text) -> None:
    commit = git.definitions({"busy.py": view_text("busy", "flights")})
    start, found = threading.Barrier(4), []

    def work() -> None:
        start.wait()
        found.append(load_tree(git, commit, cache=git.cache).view("busy"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len({id(view) for view in found}) == 1


def test_a_commit_without_definitions_is_empty(git: Git) -> None:
    empty = subprocess.run(
        ["git", "-C", git.root, "hash-object", "-t", "tree", "-w", "--stdin"],
        check=True,
        capture_output=True,
        input=b"",
    )
    definitions = load_tree(git, empty.stdout.decode().strip(), cache=git.cache)
    assert (definitions.views, definitions.broken, definitions.tree) == ({}, {}, "empty")
    with pytest.raises(FeatureNotFound):
        definitions.view("busy")


def test_helpers_are_imported_relatively(load: Load, view_text: Text) -> None:
    maths = "import polars as pl\n\n\ndef twice(x: pl.LazyFrame) -> pl.LazyFrame:\n    return pl.concat([x, x])\n"
    definitions = load(
        {"lib/maths": maths},
        busy=view_text("busy", "flights", body="double(flights)", top="from .helpers import double\n"),
        helpers="from .lib.maths import twice as double\n",
    )
    assert definitions.view("busy")(pl.LazyFrame({"x": [1]})).collect().height == 2
    assert list(definitions.views) == ["busy"]


def test_the_folder_may_be_a_package(load: Load, view_text: Text) -> None:
    definitions = load(
        {"__init__": "LIMIT = 1\n"},
        busy=view_text("busy", "flights", body="flights.head(LIMIT)", top="from . import LIMIT\n"),
    )
    assert definitions.view("busy")(pl.LazyFrame({"x": [1, 2]})).collect().height == 1


@pytest.mark.parametrize(
    "line", ["import features.helpers", "from features.helpers import x", "from features import helpers"]
)
def test_an_absolute_import_of_the_folder_is_refused(load: Load, view_text: Text, line: str) -> None:
    definitions = load(busy=view_text("busy", "flights", top=line + "\n"), helpers="x = 1\n")
    with pytest.raises(
        DefinitionError, match=r"(?s)features/busy.py imports 'features.* absolutely in line 1.*from \."
    ):
        definitions.view("busy")


def test_a_view_may_share_anothers_model(load: Load, view_text: Text) -> None:
    late = view_text("late", "busy", top="from .busy import busy as other\n")
    definitions = load(busy=view_text("busy", "flights"), late=late)
    assert sorted(definitions.views) == ["busy", "late"]


def test_tests_among_the_definitions_are_not_imported(load: Load, view_text: Text) -> None:
    definitions = load(busy=view_text("busy", "flights"), test_busy="raise SystemExit\n", conftest="raise SystemExit\n")
    assert (list(definitions.views), definitions.broken) == (["busy"], {})


def test_data_files_are_left_out(git: Git, view_text: Text) -> None:
    commit = git.definitions({"busy.py": view_text("busy", "flights"), "rates.json": "{}", "not-a-module.py": "x"})
    definitions = load_tree(git, commit, cache=git.cache)
    assert sorted(definitions.files.sources) == ["busy.py"]


BROKEN = {
    "syntax": "def busy(:\n",
    "raises": "X = {}['a']\n",
    "exits": "raise SystemExit(3)\n",
    "unit": "from workbench import Feature\n\nX = Feature(unit='minutez')\n",
    "missing": "from .nowhere import x\n",
    "uninstalled": "import no_such_library\n",
    "notebook": "X = LIMIT + 1\n",
    "keyword": "from workbench import Feature\n\nX = Feature(min=0)\n",
    "misspelt": "from workbench import feature_view\n\nX = feature_view(lokback='1d')\n",
    "others": "import polars as pl\n\nX = pl.col('x').alias(nam='y')\n",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_does_not_take_the_others_down(load: Load, view_text: Text, kind: str) -> None:
    definitions = load(busy=view_text("busy", "flights"), bad=BROKEN[kind])
    assert list(definitions.views) == ["busy"]
    assert list(definitions.broken) == ["bad"]
    with pytest.raises(type(definitions.broken["bad"])):
        definitions.view("bad")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("syntax", r"(?s)bad\.py does not load: SyntaxError.*features/bad\.py, line 1\n    def busy\(:\n +\^"),
        ("raises", r"(?s)KeyError: 'a'\nfeatures/bad\.py, line 1\n    X = \{\}\['a'\]\n        \^"),
        ("exits", "SystemExit: 3"),
        ("unit", r"(?s)minutez.*features/bad\.py, line 3.*did you mean 'minute'"),
        (
            "missing",
            r"(?s)No module named 'features\.nowhere'.*features/nowhere\.py is not committed on this branch: write",
        ),
        ("uninstalled", "Install no_such_library"),
        ("notebook", "sees its own file, not the notebook: import or define 'LIMIT' in the cell"),
        ("keyword", "Feature does not take 'min': did you mean 'ge'"),
        ("misspelt", "feature_view does not take 'lokback': did you mean 'lookback'"),
        ("others", "Correct the line above"),
    ],
)
def test_a_broken_file_shows_the_users_lines_and_a_remedy(load: Load, kind: str, message: str) -> None:
    definitions = load(bad=BROKEN[kind])
    with pytest.raises(DefinitionError, match=message) as caught:
        definitions.view("bad")
    assert definitions.package not in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("place", ["beside the definition", "beside the notebook"])
def test_a_file_of_the_users_own_is_nothing_to_install(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if place == "beside the definition":
        definitions, said = load(bad="from rates import euro\n", rates="euro = 1.0\n"), "write `from .rates import"
    else:
        (tmp_path / "rates.py").write_text("euro = 1.0\n")
        definitions, said = load(bad="from rates import euro\n"), "%%feature --helper rates"
    with pytest.raises(DefinitionError) as caught:
        definitions.view("bad")
    assert said in str(caught.value)
    assert "Install" not in str(caught.value)


def test_an_interrupt_is_not_swallowed(load: Load) -> None:
    with pytest.raises(KeyboardInterrupt):
        load(bad="raise KeyboardInterrupt\n").view("bad")


def test_a_repaired_environment_is_noticed(
    git: Git, view_text: Text, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git.definitions({"busy.py": view_text("busy", "flights", top="import just_installed as _\n")})
    assert list(load_tree(git, commit, cache=git.cache).broken) == ["busy"]
    installed = tmp_path_factory.mktemp("installed")
    (installed / "just_installed.py").touch()
    monkeypatch.syspath_prepend(installed)
    assert list(load_tree(git, commit, cache=git.cache).views) == ["busy"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"X = 1\nY = '\xe9'\n", r"features/bad\.py is not UTF-8 in line 2"),
        (b"# -*- coding: latin-1 -*-\nX = 1\n", "declares the encoding latin-1"),
        (b"X = '\0'\n", "null"),
    ],
)
def test_a_file_that_is_not_utf8_is_refused(load: Load, content: bytes, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        load(bad=content).view("bad")


def test_a_byte_order_mark_is_no_mistake(load: Load, view_text: Text) -> None:
    assert load(busy=b"\xef\xbb\xbf" + view_text("busy", "flights").encode()).view("busy").name == "busy"


def test_one_file_holds_one_view_of_its_name(load: Load, view_text: Text) -> None:
    definitions = load(
        busy=view_text("late", "flights"), two=view_text("two", "flights") + view_text("three", "flights")
    )
    with pytest.raises(DefinitionError, match=r"(?s)features/busy\.py defines 'late'.*features/late\.py"):
        definitions.view("busy")
    with pytest.raises(DefinitionError, match="defines 'two' and 'three'"):
        definitions.view("two")


def test_a_view_in_a_subfolder_is_told_where_to_go(load: Load, view_text: Text) -> None:
    with pytest.raises(FeatureNotFound, match=r"Move features/lib/busy\.py to features/busy\.py"):
        load({"lib/busy": view_text("busy", "flights")}).view("busy")


def test_an_unknown_view_is_an_error_with_a_suggestion(load: Load, view_text: Text) -> None:
    definitions = load(busy=view_text("busy", "flights"), helpers="X = 1\n")
    with pytest.raises(FeatureNotFound, match="did you mean 'busy'"):
        definitions.view("bussy")
    with pytest.raises(FeatureNotFound, match="helpers"):
        definitions.view("helpers")
    with pytest.raises(FeatureNotFound):
        definitions.module_file("nothing")


def test_feature_sets_are_found(load: Load) -> None:
    text = "from workbench import feature_set\n\nLATE = feature_set('late', ['busy:value'])\n"
    definitions = load(sets=text, other="from .sets import LATE\n")
    assert list(definitions.feature_sets) == ["late"]
    twice = load(sets=text, tests=text)
    assert "second time" in str(twice.broken["tests"])


def test_views_are_ordered_upstream_first(load: Load, view_text: Text) -> None:
    definitions = load(
        late=view_text("late", "busy", "windy", "flights"),
        busy=view_text("busy", "flights"),
        windy=view_text("windy", "weather", "busy"),
        alone=view_text("alone", "weather"),
    )
    sources = {"flights", "weather"}
    assert definitions.order(["late"], sources) == ["busy", "windy", "late"]
    assert definitions.order(["alone", "busy"], sources) == ["alone", "busy"]
    assert definitions.upstream("late") == ("busy", "windy")
    assert definitions.downstream("busy") == ("windy", "late")
    assert definitions.downstream("alone") == definitions.upstream("alone") == ()


def test_a_circle_of_views_is_named(load: Load, view_text: Text) -> None:
    definitions = load(a=view_text("a", "b"), b=view_text("b", "a"))
    with pytest.raises(DefinitionCycle, match="a -> b -> a"):
        definitions.order(["a"], {"flights"})


@pytest.mark.parametrize(("parameter", "meant"), [("flihgts", "flights"), ("bussy", "busy")])
def test_an_unknown_parameter_names_the_closest_source_or_view(
    load: Load, view_text: Text, parameter: str, meant: str
) -> None:
    definitions = load(busy=view_text("busy", "flights"), late=view_text("late", parameter))
    with pytest.raises(UnknownInput, match=f"(?s)'late' asks for '{parameter}'.*did you mean '{meant}'"):
        definitions.order(["late"], {"flights"})


def test_a_parameter_that_names_a_helper_is_unknown(load: Load, view_text: Text) -> None:
    definitions = load(late=view_text("late", "helpers"), helpers="X = 1\n")
    with pytest.raises(UnknownInput):
        definitions.order(["late"], {"flights"})


def test_a_broken_upstream_view_is_what_is_reported(load: Load, view_text: Text) -> None:
    definitions = load(late=view_text("late", "bad"), bad="X = 1 / 0\n")
    with pytest.raises(DefinitionFailed, match=r"features/bad\.py does not load: ZeroDivisionError"):
        definitions.order(["late"], {"flights"})


def test_a_view_may_not_have_a_sources_name(load: Load, view_text: Text) -> None:
    definitions = load(flights=view_text("flights", "raw"), late=view_text("late", "flights"))
    for name in ("flights", "late"):
        with pytest.raises(DefinitionError, match=r"features/flights\.py defines a view with the name of the source"):
            definitions.order([name], {"flights", "raw"})


def test_a_helper_may_have_a_sources_name(load: Load, view_text: Text) -> None:
    definitions = load(flights="X = 1\n", weather="broken(\n", late=view_text("late", "flights", "weather"))
    assert definitions.order(["late"], {"flights", "weather"}) == ["late"]


def test_a_missing_schema_and_a_wrong_annotation_are_their_own_errors(load: Load, view_text: Text) -> None:
    schemaless = view_text("busy", "flights").replace("-> LazyFrame[Model]", "-> pl.LazyFrame")
    wrong = view_text("late", "flights").replace("-> LazyFrame[Model]", "-> Model")
    definitions = load(busy=schemaless, late=wrong)
    assert {name: type(error) for name, error in definitions.broken.items()} == {
        "busy": MissingSchema,
        "late": WrongReturn,
    }
    assert any("features/busy.py, line 11" in line for line in definitions.broken["busy"].lines)


def test_only_loads_a_view_and_what_it_needs(load: Load, view_text: Text) -> None:
    files = {
        "busy": view_text("busy", "flights"),
        "late": view_text("late", "busy", "flights"),
        "other": "import sys\n\nsys.exit('imported')\n",
    }
    definitions = load(files, only="late")
    assert list(definitions.views) == ["busy", "late"]
    assert definitions.broken == {}
    assert f"{definitions.package}.other" not in sys.modules
    with pytest.raises(FeatureNotFound):
        load(files, only="nothing")
    with pytest.raises(DefinitionFailed):
        load(files, only="other")


def test_tracebacks_and_inspect_show_real_lines(load: Load, view_text: Text) -> None:
    definitions = load(busy=view_text("busy", "flights", body="flights.nothing"))
    view = definitions.view("busy")
    with pytest.raises(AttributeError) as caught:
        view(pl.LazyFrame())
    (frame,) = [frame for frame in caught.traceback if str(frame.path) == str(definitions.module_file("busy"))]
    linecache.checkcache()
    assert linecache.getline(str(frame.path), frame.lineno + 1) == "    return flights.nothing\n"
    assert inspect.getsource(view.function).startswith("@feature_view(")


def test_syntax_trees_are_those_of_git(load: Load, view_text: Text) -> None:
    definitions = load({"lib/maths": "X = 1\n", "lib/__init__": "Y = 2\n"}, busy=view_text("busy", "flights"))
    package = definitions.package
    assert {type(definitions.tree_of(name)).__name__ for name in ("busy", "lib.maths", "lib", f"{package}.busy")} == {
        "Module"
    }
    module = sys.modules[definitions.view("busy").function.__module__]
    assert definitions.tree_of(module).body[-1].lineno == 12
    with pytest.raises(FeatureNotFound):
        definitions.tree_of("nothing")


def test_a_cache_that_cannot_be_written_is_explained(git: Git, view_text: Text, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ProjectError, match="Cannot write") as caught:
        load_tree(git, git.definitions({"busy.py": view_text("busy", "flights")}), cache=blocked)
    assert caught.value.remedy
