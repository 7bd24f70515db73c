"""Data files beside the definitions: which ones a file of definitions declares by ``@feature_view(files=...)``.

They are read off its text, so that they are known before anything runs.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import PurePosixPath
from typing import Any

from workbench.errors import DefinitionError

MOST_BYTES = 50 * 1024 * 1024
"""How large a data file may be."""
_LFS = b"version https://git-lfs.github.com/spec/"
_IDIOM = 'Write files="lookup.json" or files=["a.json", "b.csv"], with paths relative to features/.'
_AS_SOURCE = "Declare it as a source in workbench.toml and take it as a parameter."


def file_names(value: Any) -> tuple[str, ...]:
    """Return the paths that `value`, the decorator's ``files``, declares, relative to ``features/``."""
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise DefinitionError(f"files={value!r} does not name files.", remedy=_IDIOM)
    for name in names:
        _check(name)
    return tuple(dict.fromkeys(names))


@cache
def declared_paths(source: bytes) -> tuple[str, ...]:
    """Return the paths that a file of definitions declares; none where it is no Python."""
    if b"files" not in source:
        return ()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    found = [
        (node, keyword.value)
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        for call in node.decorator_list
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "files"
    ]
    return tuple(dict.fromkeys(name for node, value in found for name in _written(node.name, value)))


def written_names(source: bytes) -> tuple[str, ...]:
    """Return what `declared_paths` does; nothing if the declaration is wrong, which loading the file reports."""
    try:
        return declared_paths(source)
    except DefinitionError:
        return ()


def problem(name: str, content: bytes) -> DefinitionError | None:
    """Return why `content` cannot be a data file; None where it can."""
    if len(content) > MOST_BYTES:
        return too_large(f"features/{name}", len(content))
    if content.startswith(_LFS):
        return DefinitionError(f"features/{name} is kept by Git LFS, so its content is not in git.", remedy=_AS_SOURCE)
    return None


def too_large(path: str, size: int) -> DefinitionError:
    """Return the error for a file of `size` bytes."""
    shown = f"{size / 1024**2:,.0f} MB"
    return DefinitionError(
        f"{path} holds {shown}; a declared file has at most {MOST_BYTES // 1024**2} MB.", remedy=_AS_SOURCE
    )


def missing(name: str) -> DefinitionError:
    """Return the error for a file that is not there."""
    within = name.removeprefix("features/")
    remedy = (
        f"Save it there: a file that is new in the working tree is committed with the cell. Else on the branch: "
        f"git add features/{name} && git commit."
        if within == name
        else f'Write the path relative to features/: files="{within}".'
    )
    return DefinitionError(f"The branch does not have a regular file features/{name}.", remedy=remedy)


def is_folder(name: str) -> DefinitionError:
    """Return the error for a folder in a file's place."""
    return DefinitionError(
        f"features/{name} is a folder, not a file.", remedy=f'List its files: files=["{name}/...", ...].'
    )


def _written(view: str, value: ast.expr) -> tuple[str, ...]:
    try:
        return file_names(ast.literal_eval(value))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise computed(view) from None


def computed(view: str) -> DefinitionError:
    """Return the error for files that stand nowhere as they are."""
    return DefinitionError(
        f"View {view!r} computes the names of its files.", remedy=f"Write the names as literals. {_IDIOM}"
    )


def _check(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or name[1:2] == ":":
        raise DefinitionError(
            f"The file {name!r} is not inside features/.",
            remedy=f"Copy it to features/ and write its path from there. {_AS_SOURCE}",
        )
    if str(path) != name or name == "." or "\0" in name:
        raise DefinitionError(f"files={name!r} is not the path of a file.", remedy=_IDIOM)
    if path.suffix == ".py":
        raise DefinitionError(
            f"files={name!r} is a module, not data.", remedy=f"Import it: from .{path.stem} import ..."
        )
