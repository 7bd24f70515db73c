"""`check_types`: calls and values in a definition that cannot be right, found by pyrefly from annotations alone."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from pathlib import Path, PurePosixPath

import msgspec
from platformdirs import user_cache_path

from workbench.checks.definition.tools import Finding, program, run
from workbench.define import imported_modules, library_versions
from workbench.errors import DefinitionError, ProjectError
from workbench.files import replace_atomically
from workbench.memory import scratch_folder
from workbench.source_tree import FOLDER, files_of

SCHEME = "types/1"
"""Raised when more is found than was, so that what passed is checked again."""

_KNOWN_BY_VERSION = {"numpy", "pandera", "polars", "workbench", FOLDER, *sys.stdlib_module_names}
"""What a definition imports that its version tells apart, or its own text; a user's library may change without."""

KINDS = frozenset(
    {
        *("bad-argument-count", "bad-argument-type", "bad-assignment", "bad-function-definition", "bad-index"),
        *("bad-keyword-argument", "bad-return", "bad-typed-dict", "bad-typed-dict-key", "bad-unpacking"),
        *("missing-argument", "missing-attribute", "missing-import", "missing-module-attribute", "missing-source"),
        *("no-matching-overload", "not-a-type", "not-callable", "not-iterable", "parse-error", "unexpected-keyword"),
        *("unexpected-positional-argument", "unknown-name", "unsupported-operation", "unbound-name"),
    }
)
"""Kinds of errors with which a definition fails, or computes something else than is meant, once the line runs.

How annotations are written is no such thing: a column may be annotated ``pl.Enum(["a", "b"])``.
"""

_SETTINGS = """\
preset = "default"
use-ignore-files = false
project-excludes = []
disable-project-excludes-heuristics = true
disable-search-path-heuristics = true
skip-interpreter-query = true
"""


class _Error(msgspec.Struct):
    line: int
    path: str
    name: str
    description: str
    severity: str = "error"


class _Said(msgspec.Struct):
    errors: list[_Error]


_Texts = tuple[tuple[str, bytes], ...]
"""Files of ``features/`` with what they say."""


def check_types(sources: Mapping[str, bytes], definitions: Iterable[Sequence[str]]) -> list[Finding]:
    """Return the type errors in some definitions of ``features/``, each of one or several files.

    Libraries are those of this Python. No configuration of the user's counts; a ``# type: ignore`` in the text does,
    since whoever reads the definition sees it. A definition that passed is checked again when a file changes that it
    imports, not when another one does.
    """
    pyrefly = program("pyrefly")
    read = {paths: _read_by(paths, sources) for paths in map(tuple, definitions)}
    notes = {paths: _note_of(texts, paths) for paths, texts in read.items()}
    asked = [paths for paths, note in notes.items() if note is None or not note.exists()]
    if not asked:
        return []
    texts = dict(chain.from_iterable(read[paths] for paths in asked))
    found = _found(pyrefly, tuple(sorted(texts.items())), tuple(dict.fromkeys(chain.from_iterable(asked))))
    wrong = {finding.path for finding in found}
    for paths in asked:
        note = notes[paths]
        if note is not None and wrong.isdisjoint(f"{FOLDER}/{path}" for path in paths):
            with suppress(OSError):  # then it is checked again
                replace_atomically(note, "")
    return list(found)


def _read_by(paths: Sequence[str], sources: Mapping[str, bytes]) -> _Texts:
    """Return the files that decide what is found in some: what they import, or all where that cannot be told."""
    try:
        read = {"__init__.py", *chain.from_iterable(files_of(path, sources) for path in paths)} & {*sources}
    except DefinitionError:
        read = {*sources}
    modules = chain.from_iterable(imported_modules(sources[path]) for path in read)
    if FOLDER in {name.partition(".")[0] for name in modules}:
        read = {*sources}
    return tuple((path, sources[path]) for path in sorted(read))


def _note_of(sources: _Texts, paths: tuple[str, ...]) -> Path | None:
    """Return the file that says that a text passed, for all projects of this user; None where that may change."""
    modules = frozenset[str]().union(*(imported_modules(content) for _, content in sources))
    if not {name.partition(".")[0] for name in modules} <= _KNOWN_BY_VERSION:
        return None
    versions = library_versions({*modules, "feature-workbench", "numpy", "pyrefly"})
    asked = (SCHEME, sources, paths, sys.platform, versions)
    return user_cache_path("workbench") / "typed" / hashlib.sha256(repr(asked).encode()).hexdigest()


@lru_cache(maxsize=256)
def _found(pyrefly: str, sources: _Texts, paths: tuple[str, ...]) -> tuple[Finding, ...]:
    """Return the type errors; the same text is asked about once a process, whose libraries stay as they are."""
    with scratch_folder("types") as made:
        folder = made.resolve()
        for path, content in sources:
            file = folder / "features" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        settings = folder / "settings.toml"
        settings.write_text(_SETTINGS)
        libraries = [part for place in _libraries() for part in ("--site-packages-path", place)]
        said = run(
            [
                *(pyrefly, "check", "--config", str(settings), "--output-format", "json", "--summary", "none"),
                *("--progress-bar", "no", "--color", "never", "--python-platform", sys.platform),
                *("--python-version", f"{sys.version_info.major}.{sys.version_info.minor}"),
                *("--search-path", str(folder), *libraries, "--relative-to", str(folder)),
                *(str(folder / "features" / path) for path in paths),
            ],
            folder=folder,
        )
    return tuple(_findings(said))


def _libraries() -> list[str]:
    """Return the folders that this Python imports libraries from, ours among them."""
    own = str(Path(__file__).resolve().parents[3])
    places = [
        place for place in sys.path if place.endswith(("site-packages", "dist-packages")) and Path(place).is_dir()
    ]
    return list(dict.fromkeys([*places, own]))


def _findings(said: str) -> list[Finding]:
    try:
        errors = msgspec.json.decode(said, type=_Said).errors
    except msgspec.DecodeError as error:
        raise ProjectError(
            f"What pyrefly says cannot be read: {error}.", remedy="Install the version that feature-workbench asks for."
        ) from None
    return [
        Finding(str(PurePosixPath(one.path.replace("\\", "/"))), one.line, one.name, " ".join(one.description.split()))
        for one in errors
        if one.severity == "error" and one.name in KINDS
    ]
