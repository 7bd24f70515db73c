"""``import workbench``: its names, and what it must not load."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import workbench as wb

HEAVY = (
    "pandera",
    "pandas",
    "mlflow",
    "altair",
    "duckdb",
    "deltalake",
    "git",
    "IPython",
    "ipywidgets",
    "pint",
    "cyclopts",
)


def loaded(code: str) -> set[str]:
    program = f"{code}\nimport sys, json; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("name", wb.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(wb, name)
    assert value is not None
    assert name in dir(wb)
    if callable(value) and name != "UTC":
        assert value.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        wb.nothing  # noqa: B018 - asked for its error


def test_import_loads_nothing_heavy() -> None:
    assert not loaded("import workbench") & {*HEAVY, "polars"}


def test_opening_a_project_loads_neither_mlflow_nor_a_front_end() -> None:
    found = loaded("import workbench.project, workbench.pipeline, workbench.cli.parsers")
    assert not found & {"mlflow", "altair", "IPython", "ipywidgets", "tornado"}


def test_the_store_loads_rooms_of_other_questions_when_they_are_asked() -> None:
    program = "import sys, workbench.project.feature_store; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    rooms = {name.split(".")[1] for name in done.stdout.split() if name.startswith("workbench.")}
    assert {"store", "project"} <= rooms
    assert not rooms & {"catalog", "checks", "online", "profile", "sql"}
