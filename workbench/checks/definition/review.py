"""`Review`: what the linter and the type checker find in several definitions, each asked once about all their files."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from workbench.checks.definition.lint import lint
from workbench.checks.definition.type_check import check_types
from workbench.errors import DefinitionError
from workbench.source_tree import FOLDER, files_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from workbench.checks.definition.tools import Finding


class Review:
    """The mistakes in the files of some views; a file that several views import is read once.

    Parameters
    ----------
    sources
        The files of the tree of definitions, relative to ``features/``.
    views
        The views whose files are read.
    """

    def __init__(self, sources: Mapping[str, bytes], views: Iterable[str]) -> None:
        self._sources = sources
        self._views = tuple(views)

    def lint(self, view: str) -> list[Finding]:
        """Return the mistakes that the linter finds in the files of `view`."""
        paths = files_of(f"{view}.py", self._sources)
        for path in paths:
            _text(self._sources[path])
        return _of(paths, self._linted)

    def types(self, view: str) -> list[Finding]:
        """Return the type errors in the files of `view`."""
        return _of(files_of(f"{view}.py", self._sources), self._checked)

    @cached_property
    def _files(self) -> list[tuple[str, ...]]:
        """The files of each view."""
        found = []
        for view in self._views:
            with suppress(DefinitionError):  # raised for the view that it is about
                found.append(files_of(f"{view}.py", self._sources))
        return found

    @cached_property
    def _linted(self) -> list[Finding]:
        texts = {}
        for path in dict.fromkeys(chain.from_iterable(self._files)):
            with suppress(UnicodeDecodeError):  # as above
                texts[f"{FOLDER}/{path}"] = _text(self._sources[path])
        return lint(texts)

    @cached_property
    def _checked(self) -> list[Finding]:
        return check_types(self._sources, self._files)


def _text(source: bytes) -> str:
    return source.decode("utf-8-sig")


def _of(paths: Sequence[str], findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings in `paths`, in the order of these."""
    places = {f"{FOLDER}/{path}": place for place, path in enumerate(paths)}
    return sorted((one for one in findings if one.path in places), key=lambda one: places[one.path])
