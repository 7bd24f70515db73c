"""Which files of ``features/`` a definition consists of: its own, those it imports, and the data that these declare."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import TYPE_CHECKING

from workbench.errors import DefinitionError
from workbench.source_tree.data_files import declared_paths
from workbench.source_tree.tree import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def files_of(path: str, sources: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return the files that loading `path` reads, itself first, all relative to ``features/``."""
    found: dict[str, None] = {}
    waiting = [path]
    while waiting:
        here = waiting.pop(0)
        if here in found:
            continue
        found[here] = None
        waiting += [name for name in _imported(here, sources) if name not in found]
    return tuple(found)


def data_of(path: str, sources: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return the data files that the files of a definition declare, relative to ``features/``."""
    return tuple(dict.fromkeys(name for each in files_of(path, sources) for name in declared_paths(sources[each])))


def parts_of(path: str, sources: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return all files that loading and running `path` reads: what `files_of` and `data_of` return."""
    return (*files_of(path, sources), *data_of(path, sources))


def texts_of(path: str, sources: Mapping[str, bytes]) -> dict[str, str]:
    """Return what loading `path` reads as text, by path from the project's root, its own first.

    A definition that is no Python, or imports such, comes alone: it is compared as it stands.
    """
    try:
        paths = files_of(path, sources)
    except DefinitionError:
        paths = (path,)
    return {f"{FOLDER}/{each}": sources[each].decode(errors="replace") for each in paths}


def paths_of(path: str, sources: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return all paths that decide what loading and running `path` reads, those at which there is no file too.

    A path that ends with a slash is that of a folder.
    """
    found = dict.fromkeys(("__init__.py", *data_of(path, sources)))
    for each in files_of(path, sources):
        found[each] = None
        found |= dict.fromkeys(name for parts in _module_parts(each, sources) for name in _module_paths(parts))
    return tuple(found)


def _imported(path: str, sources: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the files that `path` imports relatively, with the packages that they are in."""
    for parts in _module_parts(path, sources):
        yield from (name for name in _module_paths(parts) if name in sources)


def _module_parts(path: str, sources: Mapping[str, bytes]) -> Iterator[list[str]]:
    """Yield what `path` imports relatively, or may: `from .a import b` reads a module, or a package's module."""
    try:
        imports = _relative_imports(sources[path])
    except (SyntaxError, ValueError) as error:
        raise DefinitionError(
            f"features/{path} is not valid Python: {error}.", remedy="Correct it on the branch."
        ) from None
    for level, module, names in imports:
        above = path.split("/")[:-level]
        base = [*above, *(module.split(".") if module else [])]
        yield base
        yield from ([*base, name] for name in names)


@lru_cache(maxsize=2_000)  # each reading of a branch asks this of every file several times
def _relative_imports(source: bytes) -> tuple[tuple[int, str | None, tuple[str, ...]], ...]:
    """Return level, module and names of a module's relative imports."""
    return tuple(
        (node.level, node.module, tuple(alias.name for alias in node.names))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.level
    )


def _module_paths(parts: list[str]) -> Iterator[str]:
    """Yield where a module may be, and the packages that it is in."""
    yield from ("/".join([*parts[:depth], "__init__.py"]) for depth in range(len(parts)))
    name = "/".join(parts)
    yield from (f"{name}.py", f"{name}/__init__.py", f"{name}/")
