"""A definition is observed before it is trusted: its files are imported in a worker process first.

This process imports only files that read no undeclared input and changed no process-wide state there.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from types import SimpleNamespace

from platformdirs import user_cache_path

from workbench.define.clocks import clock_reads
from workbench.define.tracebacks import HasFiles, lines_at
from workbench.errors import DefinitionError, DefinitionFailed, SharedState, UndeclaredInput
from workbench.files import replace_atomically
from workbench.source_tree import FOLDER, TreeFiles, install, parts_of, run_package
from workbench.worker import RANDOM, Seen, StateChange, Touch, Watch, pool

SCHEME = "observed/4"
"""Raised when more is observed than was, so that what passed is observed again."""

_READS = {
    "file": "reads {name!r}, which is not one of its inputs",
    "folder": "depends on {name}",
    "network": "uses the network ({name})",
    "program": "runs a program ({name})",
    "variable": "reads environment variables ({name})",
    "clock": "reads the clock ({name})",
}
_AS_SOURCE = (
    "Declare it as a source in workbench.toml and take it as a parameter, or copy it to features/ and declare it by "
    '@feature_view(..., files="lookup.json").'
)
_REMEDIES = {
    "folder": "Remove it: a definition must give the same values in any folder.",
    "network": "Fetch the data outside of the definition and declare what you saved as a source in workbench.toml.",
    "program": "Run it outside of the definition and declare what it writes as a source in workbench.toml.",
    "variable": "Make the value a keyword-only parameter of the view, so that it is part of its identity.",
    "clock": "Take the time from the data, or make the day a keyword-only parameter of the view.",
}


class Observations:
    """What is known of the files of one tree of definitions: which were observed, and had nothing against them.

    Parameters
    ----------
    package
        The name that they are imported under.
    files
        The tree's files.

    Verdicts are kept for all projects of this user, since they are named after the code that they are about and the
    versions of what it uses.
    """

    def __init__(self, package: str, files: TreeFiles) -> None:
        self.package = package
        self.files = files
        self._folder = user_cache_path("workbench") / "observed"

    def check_import(self, stem: str) -> str:
        """Observe the import of a file, unless it was observed before."""
        if self.passed(stem, "import"):
            return ""
        self._refuse_clocks(stem)
        with pool().worker() as worker:
            seen = worker.call(_import, self.package, self.files, stem, self.imported_modules(stem))
        refuse(f"{FOLDER}/{stem}.py", seen, self)
        if not seen.raised:
            self.note(stem, "import")
        return seen.raised

    def _refuse_clocks(self, stem: str) -> None:
        for path in readable_parts(stem, self.files):
            for line, words in clock_reads(self.files.sources.get(path, b"")):
                raise _undeclared_input(
                    f"{FOLDER}/{stem}.py", Touch("clock", words, str(self.files.folder / path), line), self
                )

    def passed(self, stem: str, what: str) -> bool:
        """Return whether `what` of a file was observed and had nothing against it."""
        return self._verdict(stem, what).exists()

    def note(self, stem: str, what: str) -> None:
        """Note that `what` of a file was observed and had nothing against it, where the folder may be written."""
        with suppress(OSError):
            replace_atomically(self._verdict(stem, what), "")

    def imported_modules(self, stem: str) -> frozenset[str]:
        """Return the modules of libraries that a file imports, itself or through others of the tree."""
        found: set[str] = set()
        for path in readable_parts(stem, self.files):
            found |= imported_modules(self.files.sources.get(path, b""))
        return frozenset(found)

    def _verdict(self, stem: str, what: str) -> Path:
        digest = hashlib.sha256(repr((SCHEME, what, stem, library_versions(self.imported_modules(stem)))).encode())
        for path in sorted(readable_parts(stem, self.files)):
            content = self.files.sources.get(path) or self.files.data.get(path, "").encode()
            digest.update(b"\0%b\0" % path.encode() + hashlib.sha256(content).digest())
        return self._folder / digest.hexdigest()


def readable_parts(stem: str, files: TreeFiles) -> tuple[str, ...]:
    """Return the files of a tree that the definition `stem` may read, by their paths in it: its code and its data."""
    package = ("__init__.py",) if "__init__.py" in files.sources else ()
    try:
        return tuple(dict.fromkeys([*parts_of(f"{stem}.py", files.sources), *package]))
    except DefinitionError:
        return (f"{stem}.py", *package)  # it is no Python: nothing of it runs


def readable_paths(stem: str, files: TreeFiles) -> list[str]:
    """Return where the files that the definition `stem` may read are."""
    return [str(files.folder / path) for path in readable_parts(stem, files)]


def refuse(what: str, seen: Seen, definitions: HasFiles) -> None:
    """Raise where `what`, a file or a view, read or changed something that it may not."""
    if seen.touches:
        raise _undeclared_input(what, seen.touches[0], definitions)
    if seen.changes:
        raise _shared_state_error(what, seen.changes[0])


def import_failure(what: str, raised: str) -> DefinitionFailed:
    """Return the error for `what`, which works in this process and raises something in a new one."""
    return DefinitionFailed(
        f"{what} runs here, but not in a new process: {raised}",
        remedy="It may depend on another cell of this notebook: move that code into the definition, or into a "
        "file beside it.",
    )


def _undeclared_input(what: str, touch: Touch, definitions: HasFiles) -> UndeclaredInput:
    error = UndeclaredInput(
        f"{what} {_READS[touch.kind].format(name=touch.name)}.",
        remedy=_REMEDIES.get(touch.kind, _AS_SOURCE),
        lines=lines_at(touch.file, touch.line, definitions),
    )
    error.place = (touch.file, touch.line)
    return error


def _shared_state_error(what: str, change: StateChange) -> SharedState:
    if change.kind == "namespace":
        said = f"{what} registers the Polars namespace {change.name!r} process-wide."
        remedy = "Write a function that takes the expression, and call it: gross(pl.col('x'))."
    elif change.name.startswith(RANDOM):
        said = f"{what} sets {change.name} process-wide."
        remedy = "Seed a generator of its own: numpy.random.default_rng(7), random.Random(7)."
    elif change.kind == "setting":
        said = f"{what} changes {change.name} process-wide."
        remedy = "Do not change the setting; pass the option to the call that needs it."
    else:
        said = f"{what} changes {change.name} process-wide."
        remedy = "Assign the value to a name in the definition, and use that name."
    return SharedState(said, remedy=f"{remedy} What another definition sets there would change this one's values.")


def _import(state: SimpleNamespace, package: str, files: TreeFiles, stem: str, imported: frozenset[str]) -> Seen:
    """Import a file in a worker and return what was seen."""

    def act() -> None:
        run_package(package)
        import_module(f"{package}.{stem}")

    install(package, files)
    watch = Watch.start(state, package, str(files.folder), imported=imported, readable=readable_paths(stem, files))
    return watch.run(act, random_too=True)


@cache
def imported_modules(source: bytes) -> frozenset[str]:
    """Return the modules that a file imports, but for those beside it; none where it is no Python."""
    found: set[str] = set()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return frozenset()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module)
    return frozenset(found)


def library_versions(modules: Iterable[str]) -> Mapping[str, str]:
    """Return the versions of Python and of the libraries that definitions import, by the names they are imported by."""
    packages = {name.partition(".")[0] for name in modules}
    names = sorted({"polars", "pandera", *packages} - sys.stdlib_module_names)
    return {"python": sys.version, **{name: _version(name) for name in names}}


@cache
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
