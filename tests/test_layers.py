"""The rooms stand in one line; a room imports only from those to its left, by their front door, and not in circles."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import workbench

ROOMS = [
    ["lazy", "redaction", "shares"],
    ["errors"],
    ["times"],
    ["dtypes", "measures", "memory"],
    ["records", "settings"],
    ["config", "drivers", "equality", "files", "worker"],
    ["kept"],
    ["git", "sources", "point_in_time"],
    ["source_tree"],
    ["fingerprint"],
    ["define"],
    ["compute"],
    ["checks"],
    ["registry", "lake"],
    ["profile"],
    ["diff"],
    ["drift"],
    ["tracking"],
    ["render"],
    ["workspace"],
    ["pipeline"],
    ["experiments"],
    ["lineage"],
    ["store"],
    ["online", "protocol"],
    ["skew"],
    ["server", "client"],
    ["comparison"],
    ["reproduce", "catalog", "sql"],
    ["promote"],
    ["project"],
    ["demo"],
    ["cli"],
    ["notebook"],
    ["lab"],
]
POSITION = {room: place for place, rooms in enumerate(ROOMS) for room in rooms}
PACKAGE = Path(workbench.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem != "__init__")
FRONT_ENDS = {"IPython", "ipywidgets", "tornado", "starlette", "uvicorn", "fastapi"}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules_of(room: str) -> list[Path]:
    found = [path for path in MODULES if room_of(path) == room]
    assert found, room
    return found


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    """Return the dotted name of a module."""
    return ".".join(("workbench", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


NAMES = {name_of(path) for path in MODULES}


@cache
def exported(package: str) -> set[str]:
    """Return the names in a package's ``__all__``: a function may be called as the module that it is in."""
    tree = tree_of(PACKAGE.parent / package.replace(".", "/") / "__init__.py")
    lists = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    return {name for each in lists for name in ast.literal_eval(each)}


MODULE_NAMES = NAMES - {
    f"{package}.{name}"
    for package in NAMES
    if (PACKAGE.parent / package.replace(".", "/")).is_dir()
    for name in exported(package)
}


@cache
def importable(package: str) -> set[str]:
    """Return what can be imported from a package: what it exports, and its modules."""
    return exported(package) | {name.rpartition(".")[2] for name in NAMES if name.startswith(f"{package}.")}


@cache
def imports_of(path: Path) -> list[ast.Import | ast.ImportFrom]:
    return [node for node in ast.walk(tree_of(path)) if isinstance(node, (ast.Import, ast.ImportFrom))]


@cache
def imports(path: Path) -> list[str]:
    """Return what a module imports, at any place and for types too: the module, or the name that a package exports."""
    found = []
    for node in imports_of(path):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif node.level == 0 and node.module:
            named = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [name if node.module == "workbench" or name in MODULE_NAMES else node.module for name in named]
    return found


def test_every_module_belongs_to_a_room() -> None:
    assert {room_of(path) for path in MODULES} == set(POSITION)


@pytest.mark.parametrize("room", sorted(POSITION))
def test_a_room_imports_only_from_rooms_to_its_left_and_through_their_front_door(room: str) -> None:
    for path in modules_of(room):
        for name in imports(path):
            parts = name.split(".")
            if parts[0] != "workbench" or len(parts) < 2 or parts[1] == room:
                continue
            assert POSITION[parts[1]] < POSITION[room], f"{path} imports {name}"
            assert len(parts) == 2, (
                f"{path}: {name} is inside of another room: import what workbench.{parts[1]} exports"
            )


@pytest.mark.parametrize("room", sorted(POSITION))
def test_what_is_imported_from_a_package_is_there(room: str) -> None:
    """A type checker does not see it: packages load their names when they are used."""
    for path in modules_of(room):
        for node in imports_of(path):
            if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").startswith("workbench."):
                module = str(node.module)
                if (PACKAGE.parent / module.replace(".", "/")).is_dir():
                    assert {alias.name for alias in node.names} <= importable(module), f"{path}, line {node.lineno}"


@pytest.mark.parametrize("room", sorted(POSITION))
def test_modules_of_a_room_do_not_import_each_other_in_circles(room: str) -> None:
    inside: dict[str, set[str]] = defaultdict(set)
    for path in modules_of(room):
        if path.stem != "__init__":
            inside[name_of(path)] |= {name for name in imports(path) if name.startswith(f"workbench.{room}.")}
    try:
        TopologicalSorter(inside).prepare()
    except CycleError as error:
        pytest.fail(f"{' -> '.join(error.args[1])}")


@pytest.mark.parametrize("room", sorted(POSITION))
def test_front_ends_and_mlflow_stay_in_their_rooms(room: str) -> None:
    tops = {name.split(".")[0]: path for path in modules_of(room) for name in imports(path)}
    outside = FRONT_ENDS if POSITION[room] < POSITION["cli"] and room != "server" else set()
    if room != "tracking":
        outside = {*outside, "mlflow"}
    assert {top: path for top, path in tops.items() if top in outside} == {}


def test_no_room_lists_a_public_name_it_does_not_have() -> None:
    for init in sorted(PACKAGE.glob("*/__init__.py")):
        name = f"workbench.{init.parent.name}"
        module = __import__(name, fromlist=["__all__"])
        missing = [public for public in module.__all__ if not hasattr(module, public)]
        assert not missing, f"{name}: {missing}"


def test_the_lake_and_the_online_store_are_written_by_promotions_and_loads_alone() -> None:
    calls = defaultdict(set)
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                calls[called].add(str(path.relative_to(PACKAGE)))
    assert calls["writing"] == {"online/load.py"}
    assert calls["load_online"] == {"online/store.py", "project/project.py", "cli/commands.py"}
    for name in ("follow_main", "LakeWriter"):
        assert {file.partition("/")[0] for file in calls[name]} == {"promote"}
