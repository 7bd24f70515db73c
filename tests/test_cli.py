"""The command line: the same verbs, exit codes, JSON, and errors without our frames."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App

import workbench as wb
from tests.conftest import EVENT_VIEW
from workbench.cli import Overview, main, options
from workbench.cli.call import bind
from workbench.cli.derive import command
from workbench.cli.parsers import WITH_PROJECT, WITHOUT_PROJECT, parser
from workbench.errors import UsageError
from workbench.git.command import Git
from workbench.project import Project, Verb


@pytest.fixture
def inside(project_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory is the small project, which holds the view's text in a file."""
    monkeypatch.chdir(project_root)
    (project_root / "spend.txt").write_text(EVENT_VIEW)
    return project_root


def said(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main.main([*words, "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_the_loop_from_a_terminal(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "branch", "exp/a", "--objective", "Spend", "--tag", "team=shop")["current"] == "exp/a"
    defined = said(capsys, "define", "spend.txt", "--no-log")
    assert (defined["view"], defined["branch"], defined["passed"]) == ("spend", "exp/a", True)
    assert said(capsys, "status")["branch"] == "exp/a", "the next command goes on where the last one switched to"
    assert said(capsys, "compute", "--no-log")["views"][0]["reused"]
    assert said(capsys, "check", "spend")["passed"]
    assert said(capsys, "compare")["runs"] == []


@pytest.mark.parametrize("words", [["--help"], ["branch"], ["status"]])
def test_looking_loads_no_library_for_data(inside: Path, words: list[str]) -> None:
    code = "import contextlib, io\nfrom workbench.cli.main import main\n"
    code += f"with contextlib.redirect_stdout(io.StringIO()):\n    assert main({words!r}) == 0\n"
    assert heavy_imports(code) == []


def test_a_rollback_loads_no_library_for_data_before_it_reads_any() -> None:
    assert heavy_imports("import workbench.promote.rollback, workbench.promote.publish\n") == []


def heavy_imports(code: str) -> list[str]:
    heavy = "polars", "numpy", "pandera", "pandas", "duckdb", "deltalake", "pyarrow", "http.client"
    code += f"import sys\nprint(*[name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_status_asks_git_once_what_is_checked_out(inside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    run = Git.run

    def noted(self: Git, *words: str, **options: Any) -> Any:
        asked.append(words[0])
        return run(self, *words, **options)

    monkeypatch.setattr(Git, "run", noted)
    assert main.main(["status"]) == 0
    assert asked.count("symbolic-ref") == 1


def test_what_a_person_reads_has_the_card(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["branch", "exp/a"])
    assert main.main(["define", "spend.txt", "--no-log"]) == 0
    shown = capsys.readouterr().out
    assert "spend" in shown
    assert "200 rows" in shown
    assert "contract" in shown


def test_a_broken_contract_is_exit_code_1_with_its_rows(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["branch", "exp/a"])
    Path("spend.txt").write_text(EVENT_VIEW.replace("ge=0)", "ge=5)"))
    assert main.main(["define", "spend.txt", "--no-log"]) == 1
    assert "u0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["branhc"], 2, "branch"),
        (["branch", "exp/a", "--objektive", "x"], 2, "--objective"),
        (["branch", "exp/a", "--tag", "team"], 2, "key=value"),
        (["define", "no-such-file.py"], 2, "no-such-file.py"),
        (["compute", "nothing"], 1, "nothing"),
        (["branch", "--", "-rf"], 1, "not a valid branch name"),
        (["branch", "exp/a", "--start=--output=/tmp/x"], 1, "--output"),
    ],
)
def test_an_error_is_short_and_names_what_was_meant(
    inside: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, says: str
) -> None:
    assert main.main(words) == code
    shown = capsys.readouterr().err
    assert says in shown
    assert "Traceback" not in shown


def test_an_error_as_json(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["compute", "nothing", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"] == "FeatureNotFound"


def test_outside_a_project_the_error_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.main(["status"]) == 1
    assert "workbench init" in capsys.readouterr().err


def test_init_makes_a_project_and_overwrites_nothing(
    tmp_path: Path, identity: None, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".gitignore").write_text("secret.txt\n")
    assert main.main(["init", str(tmp_path), "--name", "shop"]) == 0
    first = (tmp_path / "workbench.toml").read_text()
    assert 'name = "shop"' in first
    assert (tmp_path / ".gitignore").read_text().splitlines() == ["secret.txt", ".workbench/"]
    assert {"features", "registry", "notebooks"} <= {path.name for path in tmp_path.iterdir()}
    assert main.main(["init", str(tmp_path), "--name", "other"]) == 0
    assert (tmp_path / "workbench.toml").read_text() == first


@pytest.mark.parametrize("verb", [*WITH_PROJECT, *WITHOUT_PROJECT])
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    for option in options({**WITH_PROJECT, **WITHOUT_PROJECT}[verb]):
        assert option in shown


@pytest.mark.journey
def test_an_interrupt_ends_with_130_and_leaves_nothing(inside: Path) -> None:
    main.main(["branch", "exp/a"])
    slow = EVENT_VIEW.replace("    return", "    import time\n    time.sleep(600)\n    return")
    Path("spend.txt").write_text(slow)
    program = [sys.executable, "-c", "import sys; from workbench.cli.main import main; sys.exit(main())"]
    process = subprocess.Popen([*program, "define", "spend.txt", "--no-log"], stderr=subprocess.PIPE, text=True)
    while not list(inside.glob(".workbench/definitions/*")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "No partial results were kept" in err
    assert not list(inside.glob(".workbench/views/*/data.parquet"))


def test_a_method_that_is_marked_as_a_verb_is_a_command(inside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def paint(
        self: Project, view: str, *, colours: Mapping[str, str] | None = None, coats: int = 1, dry: bool = False
    ) -> tuple[object, ...]:
        return view, colours, coats, dry

    monkeypatch.setattr(Project, "paint", paint, raising=False)
    app = App(name="trial")
    app.command(command("paint", Verb()), name="paint")
    with closing(wb.open(inside)) as project:
        plain = bind(app, ["paint", "spend"]).run(project=project)
        full = bind(app, ["paint", "spend", "--colour", "sky=blue", "--coats", "2", "--dry"]).run(project=project)
        with pytest.raises(UsageError) as caught:
            bind(app, ["paint", "spend", "--colour", "blue"]).run(project=project)
    assert (plain, full) == (("spend", None, 1, False), ("spend", {"sky": "blue"}, 2, True))
    assert "--colour name=value" in caught.value.remedy


def test_json_is_taken_wherever_it_stands_but_not_after_two_dashes() -> None:
    app = parser("workbench")
    assert bind(app, ["--json", "status"]).as_json
    assert bind(app, ["status", "--json"]).as_json
    assert not bind(app, ["branch", "--", "--json"]).as_json


def test_words_that_bind_to_nothing_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match="--help"):
        bind(parser("workbench"), ["why-changed"])
    with pytest.raises(UsageError, match=r"in quotes, as in sql"):
        bind(parser("workbench"), ["sql", "select", "1"])


def test_the_overview_has_every_verb_once() -> None:
    groups = Overview().to_dict()
    words = [word for group in groups.values() if isinstance(group, dict) for word in group]
    assert sorted(words) == sorted({**WITHOUT_PROJECT, **WITH_PROJECT})
