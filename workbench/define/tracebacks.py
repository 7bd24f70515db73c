"""What a user sees of an exception in their own code: their lines, and none of ours."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from workbench.drivers import require_uninterrupted
from workbench.errors import DefinitionError, DefinitionFailed, UndeclaredInput, WorkbenchError, did_you_mean
from workbench.lazy import deferred
from workbench.source_tree import FOLDER, TreeFiles

if TYPE_CHECKING:
    import polars as pl
else:
    pl = deferred("polars")

_MOST = 8
_SHOWN = 160
_UNEXPECTED = re.compile(r"(\w+)\(\) got an unexpected keyword argument '(\w+)'")
_TAKEN = frozenset({"Feature", "feature_view", "on_demand", "feature_set", "windowed", "example"})
_MEANT = {
    **dict.fromkeys(("min", "minimum"), "ge"),
    **dict.fromkeys(("max", "maximum"), "le"),
    **dict.fromkeys(("entity", "key", "keys", "join_keys", "primary_key"), "entities"),
    **dict.fromkeys(("timestamp", "time", "timestamp_field", "event_timestamp"), "event_time"),
    **dict.fromkeys(("null", "nulls", "optional", "required"), "nullable"),
    **dict.fromkeys(("choices", "values", "allowed"), "isin"),
}
"""What other libraries call an argument, by what it is called here."""


class HasFiles(Protocol):
    """Definitions, as far as their files go."""

    @property
    def files(self) -> TreeFiles:
        """Return the files that were loaded."""


def user_frames(
    exception: BaseException, definitions: HasFiles | None, offsets: Mapping[str, int] | None = None
) -> list[str]:
    """Return the frames of `exception` that are in definitions, as lines to display."""
    if definitions is None:
        return []
    files, moved = definitions.files, offsets or {}
    seen: set[int] = set()
    current: BaseException | None = exception
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        blocks = [*_frames(current, files, moved), *_syntax(current, files, moved)]
        if blocks:
            dropped = len(blocks) - _MOST
            note = [f"... {dropped} more"] if dropped > 0 else []
            return note + [line for block in blocks[-_MOST:] for line in block]
        current = current.__cause__ or current.__context__
    return []


def definition_failed(
    what: str, exception: BaseException, definitions: HasFiles, offsets: Mapping[str, int] | None = None
) -> DefinitionFailed:
    """Return the error for user code that raised; the caller raises it ``from`` `exception`."""
    package = getattr(definitions, "package", FOLDER)
    said = str(exception.msg if isinstance(exception, SyntaxError) else exception).replace(package, FOLDER)
    named = type(exception).__name__ + (f": {said}" if said else "")
    remedy = _known_remedy(exception, package, definitions.files) or "Correct the line above and run its cell again."
    return DefinitionFailed(f"{what}: {named}", lines=user_frames(exception, definitions, offsets), remedy=remedy)


@contextmanager
def reraise_user_errors(definitions: HasFiles, offsets: Mapping[str, int]) -> Iterator[None]:
    """Re-raise what user code raises as `DefinitionFailed`, showing its own lines."""
    try:
        yield
    except UndeclaredInput as error:
        error.lines = tuple(lines_at(*error.place, definitions, offsets)) or error.lines
        raise
    except DefinitionError as error:
        if offsets:
            error.lines = tuple(user_frames(error, definitions, offsets)) or error.lines
        raise
    except WorkbenchError:
        raise
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # a panic of native code is no Exception
        require_uninterrupted(error)
        message = " ".join(str(error).split())
        short = message if len(message) <= 300 else message[:297] + "..."
        raise DefinitionFailed(
            f"The definition raised {type(error).__name__}: {short}",
            lines=user_frames(error, definitions, offsets),
            remedy=_known_remedy(error, getattr(definitions, "package", FOLDER), definitions.files)
            or "Correct the definition and run it again; nothing was published.",
        ) from error


def _known_remedy(exception: BaseException, package: str, files: TreeFiles) -> str | None:
    """Return the remedy of a mistake that is known; None for another one."""
    if isinstance(exception, ModuleNotFoundError) and exception.name:
        if exception.name.startswith(f"{package}."):
            path = exception.name.replace(package, FOLDER, 1).replace(".", "/")
            name = path.removeprefix(f"{FOLDER}/")
            written = f"write it by `%%feature --helper {name}`" if "/" not in name else "add and commit it"
            return f"{path}.py is not committed on this branch: {written}, then run the same again."
        return _module_remedy(exception.name.partition(".")[0], files)
    if isinstance(exception, NameError) and exception.name:
        return (
            f"A definition sees its own file, not the notebook: import or define {exception.name!r} in the cell, "
            "or make it a keyword-only parameter of the view."
        )
    if isinstance(exception, AttributeError) and exception.name and isinstance(exception.obj, pl.LazyFrame | pl.Expr):
        kind = type(exception.obj)
        known = [name for name in dir(kind) if not name.startswith("_")]
        return f"A {kind.__name__} of Polars has no {exception.name!r}: {_polars_name(exception.name, known)}"
    if isinstance(exception, TypeError) and (found := _UNEXPECTED.search(str(exception))):
        return _keyword_remedy(*found.groups())
    if isinstance(exception, TypeError) and "for |" in str(exception) and "NoneType" in str(exception):
        return (
            "Remove `| None` and write Feature(nullable=True): `|` needs Python types, and a Polars dtype is not one."
        )
    return None


_PANDAS = {
    "groupby": "group_by",
    "merge": "join",
    "sort_values": "sort",
    "assign": "with_columns",
    "fillna": "fill_null",
    "dropna": "drop_nulls",
    "isnull": "is_null",
    "isna": "is_null",
    "notnull": "is_not_null",
    "astype": "cast",
    "drop_duplicates": "unique",
    "where": "filter",
    "apply": "map_elements",
    "cumsum": "cum_sum",
}
"""What pandas calls it, and Polars otherwise."""


def _polars_name(name: str, known: Sequence[str]) -> str:
    meant = _PANDAS.get(name)
    return f"did you mean '{meant}'?" if meant in known else did_you_mean(name, known)


def _module_remedy(name: str, files: TreeFiles) -> str:
    """Return the remedy for a module that was not found; the user's own file is nothing to install."""
    if f"{name}.py" in files.sources or any(path.startswith(f"{name}/") for path in files.sources):
        return f"{FOLDER}/{name} stands beside the definition: write `from .{name} import ...`."
    if any((Path.cwd() / place).exists() for place in (f"{name}.py", name)):
        return (
            f"A definition imports only libraries and files below {FOLDER}/: write its code there by "
            f"`%%feature --helper {name}`, and `from .{name} import ...`."
        )
    return (
        f"Install {name} in this environment, then run the same again. Code of your own is written by "
        f"`%%feature --helper {name}`, and imported by `from .{name} import ...`."
    )


def _keyword_remedy(function: str, keyword: str) -> str | None:
    """Return which argument of one of our functions was meant."""
    if function not in _TAKEN:
        return None
    known = inspect.signature(getattr(import_module("workbench"), function)).parameters
    meant = _MEANT.get(keyword)
    hint = f"did you mean '{meant}'?" if meant in known else did_you_mean(keyword, known)
    return f"{function} does not take {keyword!r}: {hint}"


def lines_at(filename: str, number: int, definitions: HasFiles, offsets: Mapping[str, int] | None = None) -> list[str]:
    """Return a line of a definition as `user_frames` shows it; nothing where the file is not a definition's."""
    path = definitions.files.relative(filename)
    if path is None:
        return []
    return [_place(path, number, offsets or {}), *_source(definitions.files, path, number, None, None)]


def _frames(exception: BaseException, files: TreeFiles, moved: Mapping[str, int]) -> Iterator[list[str]]:
    for frame in traceback.extract_tb(exception.__traceback__):
        path = files.relative(frame.filename)
        if path is None or frame.lineno is None:
            continue
        inside = "" if frame.name == "<module>" else f", in {frame.name}"
        end = frame.end_colno if frame.end_lineno == frame.lineno else None
        yield [_place(path, frame.lineno, moved) + inside, *_source(files, path, frame.lineno, frame.colno, end)]


def _syntax(exception: BaseException, files: TreeFiles, moved: Mapping[str, int]) -> Iterator[list[str]]:
    """Yield the place of a syntax error: a file that does not compile has no frame of its own."""
    if isinstance(exception, SyntaxError) and exception.filename and exception.lineno:
        path = files.relative(exception.filename)
        if path is not None:
            line = _line(files, path, exception.lineno)
            column = len(line[: max((exception.offset or 1) - 1, 0)].encode())
            yield [
                _place(path, exception.lineno, moved),
                *_source(files, path, exception.lineno, column, column + 1),
            ]


def _place(path: str, line: int, moved: Mapping[str, int]) -> str:
    offset = moved.get(path.removesuffix(".py"))
    if offset is None:
        return f"{FOLDER}/{path}, line {line}"
    return f"cell, line {max(line - offset, 1)}"


def _line(files: TreeFiles, path: str, line: int) -> str:
    lines = files.sources[path].decode("utf-8", "replace").splitlines()
    return lines[line - 1] if line <= len(lines) else ""


def _source(files: TreeFiles, path: str, number: int, start: int | None, end: int | None) -> list[str]:
    """Return the source line, and carets below what Python was evaluating; columns count bytes of UTF-8."""
    line = _line(files, path, number)
    text = line.strip()
    if not text:
        return []
    shown = ["    " + text[:_SHOWN]]
    indent = len(line) - len(line.lstrip())
    if start is None:
        return shown
    encoded = line.encode()
    first = len(encoded[:start].decode("utf-8", "replace")) - indent
    last = len(text) if end is None else len(encoded[:end].decode("utf-8", "replace")) - indent
    whole = first <= 0 and last >= len(text)
    if not whole and 0 <= first < min(last, _SHOWN):
        shown.append("    " + " " * first + "^" * (min(last, _SHOWN) - first))
    return shown
