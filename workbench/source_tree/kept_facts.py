"""`KeptFacts`: what was found out about definitions, by the files that each is loaded from."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from workbench.errors import DefinitionError
from workbench.kept import Kept
from workbench.source_tree.definition_files import paths_of
from workbench.source_tree.tree import TreeFiles

T = TypeVar("T")
_VARIANTS = 4
"""Of how many trees facts about one text are kept, which differ in what it imports."""
_SPARE = 500


class _Facts(msgspec.Struct, Generic[T], array_like=True):
    """What was found out, and the git ids of all that it was found out from; None for a path without a file."""

    loaded: dict[str, str | None]
    value: T


class KeptFacts(Generic[T]):
    """Facts of one kind about the definitions of a tree.

    Parameters
    ----------
    files
        The tree's files.
    name
        What the kind of facts is called on disk.
    kind, scheme
        As of `Kept`.
    """

    def __init__(self, files: TreeFiles, name: str, kind: type[T], *, scheme: str) -> None:
        path = None if files.kept is None else files.kept / name
        most = _SPARE + 3 * len(files.sources)
        self._files = files
        self._kept: Kept[list[_Facts[T]]] = Kept(path, list[_Facts[kind]], scheme=scheme, most=most)  # type: ignore[valid-type]  # as there
        folders = {path[: end + 1] for path in files.blobs for end, sign in enumerate(path) if sign == "/"}
        self._ids: dict[str, str | None] = {**files.blobs, **dict.fromkeys(folders, "folder")}

    def get(self, stem: str) -> T | None:
        """Return what is known of the file `stem`, if all that it is loaded from is as it was."""
        for facts in self._kept.get(self._key(stem)) or ():
            if all(self._ids.get(path) == known for path, known in facts.loaded.items()):
                return facts.value
        return None

    def put(self, stem: str, value: T) -> None:
        """Remember what was found out about a file; nothing of one that is not Python, or imports such."""
        if f"{stem}.py" not in self._ids:
            return
        try:
            paths = paths_of(f"{stem}.py", self._files.sources)
        except DefinitionError:
            return
        facts = _Facts({path: self._ids.get(path) for path in paths}, value)
        self._kept.put(self._key(stem), [facts, *(self._kept.get(self._key(stem)) or ())][:_VARIANTS])

    def save(self) -> None:
        """Write what is new."""
        self._kept.save()

    def _key(self, stem: str) -> str:
        return f"{stem} {self._ids.get(f'{stem}.py')}"
