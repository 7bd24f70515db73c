"""The rooms stand in one line, and a room imports only from rooms to its left."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import workbench

ROOMS = [
    ["errors"],
    ["config"],
    ["branches", "sources"],
    ["define"],
    ["compute"],
    ["check"],
    ["registry", "lake"],
    ["compare"],
    ["track"],
    ["widgets"],
    ["loop"],
    ["serve"],
    ["promote"],
    ["project"],
    ["demo"],
    ["verbs"],
    ["words", "completion", "live", "explore"],
    ["cli", "magics"],
]
POSITION = {room: place for place, rooms in enumerate(ROOMS) for room in rooms}
PACKAGE = Path(workbench.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem != "__init__")
FRONT_ENDS = {"IPython", "ipywidgets", "tornado", "starlette", "fastapi"}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found += (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "workbench" else [node.module]
            )
    return found


def test_every_module_belongs_to_a_room() -> None:
    assert {room_of(path) for path in MODULES} <= set(POSITION)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_from_rooms_to_its_left(path: Path) -> None:
    here = room_of(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "workbench" or len(parts) < 2:
            continue
        other = parts[1]
        assert other == here or POSITION[other] < POSITION[here], f"{here} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_front_ends_and_mlflow_stay_in_their_rooms(path: Path) -> None:
    tops = {name.split(".")[0] for name in imports(path)}
    if POSITION[room_of(path)] < POSITION["words"]:
        assert not tops & FRONT_ENDS
    if room_of(path) != "track":
        assert "mlflow" not in tops


def test_no_room_lists_a_public_name_it_does_not_have() -> None:
    for init in sorted(PACKAGE.glob("*/__init__.py")):
        name = f"workbench.{init.parent.name}"
        module = __import__(name, fromlist=["__all__"])
        missing = [public for public in module.__all__ if not hasattr(module, public)]
        assert not missing, f"{name}: {missing}"
