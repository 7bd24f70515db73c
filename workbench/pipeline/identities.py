"""`Identities`: the ids that the views of a branch have or would get; nothing is computed for them.

What loading a definition says of it is kept, by all that it is loaded from, so that only what is new is loaded.
"""

from __future__ import annotations

import hashlib
import sys
from contextlib import suppress
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

import msgspec

from workbench.compute import StoredFacts
from workbench.define import outline_of, reraise_user_errors
from workbench.fingerprint import view_id
from workbench.kept import Kept, installed, made_by
from workbench.source_tree import FOLDER, KeptFacts, read_tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.define import Definitions, Outline
    from workbench.errors import DefinitionError
    from workbench.fingerprint import SourceCodes
    from workbench.sources import Snapshot, Source
    from workbench.workspace import Workspace

_MOST_STORED = 5_000


class LoadedFile(msgspec.Struct, array_like=True):
    """What a file of definitions says when it is loaded; of one without a stored view no `inputs`."""

    inputs: tuple[str, ...] | None = None
    code_hash: str = ""
    parameters: str = ""


class Identities:
    """The ids of the views in the tree of one commit.

    Parameters
    ----------
    workspace
        The project's workspace.
    commit
        Whose definitions; who wrote them must be trusted before anything but `outline` is asked for.
    """

    def __init__(self, workspace: Workspace, commit: str) -> None:
        repository, cache = workspace.repository, workspace.hidden
        self._workspace = workspace
        self._commit = commit
        self._files = read_tree(repository, commit, tree=repository.subtree(commit, FOLDER), cache=cache)
        made = made_by("compute", "define", "fingerprint", "source_tree", "worker")
        self._kept = KeptFacts(self._files, "loaded", LoadedFile, scheme=f"{made} {installed()}")
        self._stored = Kept(cache / "known" / "stored", StoredFacts, scheme=made, most=_MOST_STORED)
        self._found: dict[str, str | None] = {}
        self._followed: dict[str, bool] = {}
        self.snapshots: dict[str, Snapshot] = {}

    @cached_property
    def outline(self) -> Outline:
        """What the files' text says."""
        return outline_of(self._files)

    @property
    def views(self) -> tuple[str, ...]:
        """The names of the stored views that load."""
        return tuple(self._inputs)

    @cached_property
    def broken(self) -> Mapping[str, DefinitionError]:
        """Why a file does not load, by its name without ``.py``."""
        return self._new.broken if self._new is not None else {}

    def source_text(self, name: str) -> str:
        """Return the text of the file of a view."""
        return self._files.sources[f"{name}.py"].decode("utf-8-sig")

    def of(self, name: str) -> str | None:
        """Return the id that view `name` has or would get; `None` where its inputs are not computed."""
        if name not in self._found:
            self._require_inputs(name)
            self._found[name] = self._of(self._code(name))
        return self._found[name]

    def stored(self, identity: str) -> StoredFacts | None:
        """Return what is known of the rows that are stored under a view id; None where none are."""
        return self._workspace.cache.facts(identity, self._stored)

    def save(self) -> None:
        """Keep what was found out."""
        self._kept.save()
        self._stored.save()

    def _of(self, loaded: LoadedFile) -> str | None:
        digests: dict[str, str] = {}
        for read in loaded.inputs or ():
            if read in self._workspace.sources:
                digests[read] = source_digest(self._workspace.sources[read], self._snapshot(read))
                continue
            upstream = self.of(read)
            stored = None if upstream is None else self.stored(upstream)
            if stored is None:
                return None
            digests[read] = stored.digest
        return view_id(code_hash=loaded.code_hash, parameters=loaded.parameters, inputs=digests)

    def _snapshot(self, name: str) -> Snapshot:
        if name not in self.snapshots:
            source = self._workspace.sources[name]
            taken = source.snapshot()
            source.check(taken)
            self.snapshots[name] = taken
        return self.snapshots[name]

    @cached_property
    def _definitions(self) -> Definitions:
        from workbench.define import load_tree  # with all that definitions use

        workspace = self._workspace
        return load_tree(workspace.repository, self._commit, cache=workspace.hidden)

    @cached_property
    def _known(self) -> Mapping[str, LoadedFile]:
        """What is known of files without loading them; nothing where a feature set may be defined in two of them."""
        outline, texts = self.outline, self._files.sources.values()
        if outline.doubtful or outline.repeated or any(b"FeatureSet" in text for text in texts):
            return {}
        found = {stem: self._kept.get(stem) for stem in self._files.stems()}
        return {stem: loaded for stem, loaded in found.items() if loaded is not None}

    @cached_property
    def _new(self) -> Definitions | None:
        """The definitions in the other files; None where there are none."""
        others = [stem for stem in self._files.stems() if stem not in self._known]
        return self._definitions.only(others) if others else None

    @cached_property
    def _inputs(self) -> Mapping[str, tuple[str, ...]]:
        """The inputs of each stored view that loads."""
        found = {stem: loaded.inputs for stem, loaded in self._known.items() if loaded.inputs is not None}
        if self._new is not None:
            found |= {name: tuple(view.inputs) for name, view in self._new.views.items()}
            for stem in self._files.stems():
                if stem not in {*self._known, *found, *self._new.broken}:
                    self._keep(stem, LoadedFile())
        return found

    def _code(self, name: str) -> LoadedFile:
        """Return what loading the file of a view says, which is done where it is not known."""
        if name in self._known:
            return self._known[name]
        from workbench.fingerprint import code_hash, parameters_of

        with reraise_user_errors(self._definitions, {}):
            view = self._definitions.view(name)
            fingerprint = code_hash(view, sources=self._codes)
            loaded = LoadedFile(tuple(view.inputs), fingerprint.code_hash, parameters_of(view))
        self._keep(name, loaded)
        return loaded

    @cached_property
    def _codes(self) -> SourceCodes:
        from workbench.fingerprint import SourceCodes

        return SourceCodes()

    def _keep(self, stem: str, loaded: LoadedFile) -> None:
        """Keep what loading a file said, unless it uses code besides that may change without its version."""
        from workbench.fingerprint import followed_by

        observations = self._definitions.observations
        tops = {name.partition(".")[0] for name in observations.imported_modules(stem)} if observations else set()
        for top in tops - self._followed.keys():
            modules = [name for name in list(sys.modules) if name.partition(".")[0] == top]
            self._followed[top] = any(map(followed_by(self._definitions.package), modules))
        if not any(self._followed[top] for top in tops):
            self._kept.put(stem, loaded)

    def _require_inputs(self, name: str) -> None:
        """Refuse a view whose inputs, or theirs, are not there or read each other in a circle."""
        sources = self._workspace.sources
        uses: dict[str, list[str]] = {}
        waiting = [name]
        while waiting:
            each = waiting.pop()
            if each not in self._inputs or each in sources:
                break
            uses[each] = [read for read in self._inputs[each] if read not in sources]
            if any(read in sources and read in self._inputs for read in self._inputs[each]):
                break
            waiting += [read for read in uses[each] if read not in uses]
        else:
            with suppress(CycleError):
                TopologicalSorter(uses).prepare()
                return
        with reraise_user_errors(self._definitions, {}):
            self._definitions.order([name], sources.names())  # which says what is wrong


def source_digest(source: Source, snapshot: Snapshot) -> str:
    """Return the digest of what a view sees of `source`: its data, and how that is read."""
    return hashlib.sha256(f"{snapshot.digest}\n{source.reading}".encode()).hexdigest()
