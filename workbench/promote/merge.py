"""`MergedTree`: what main's definitions would be with some of a branch's views, before anything is written to main."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from workbench.config import Config
from workbench.define import load_tree
from workbench.errors import FeatureNotFound, PromotionError, WorkbenchError
from workbench.registry import Registry
from workbench.source_tree import parts_of
from workbench.sources import Sources
from workbench.store import main_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from workbench.define import Definitions
    from workbench.git import Conflict
    from workbench.workspace import Workspace

FOLDER = "features"
FROM = "Promoted-From"
"""The trailer on main that says which branch, and which commit of it, was promoted."""
SET = "Promoted-Feature-Set"
RECENT = 500
"""Commits of main that are looked through for the last promotion of a feature set."""


@dataclass(frozen=True)
class MergedTree:
    """Main's tree with the promoted definitions merged in.

    Attributes
    ----------
    main, branch, tip
        Main's commit, the branch and its commit, that this was made from.
    tree
        The root tree: main's, with the files of `paths` merged.
    views, sets, on_demand
        What is promoted: stored views, feature sets by the file that defines them, on-demand views.
    paths
        The files that were taken over, from the project's root.
    conflicts
        Files that both sides changed in the same place.
    whole
        Whether nothing of the branch's definitions is left out.
    """

    workspace: Workspace
    main: str
    branch: str
    tip: str
    tree: str
    views: tuple[str, ...]
    sets: tuple[str, ...]
    on_demand: tuple[str, ...]
    paths: tuple[str, ...]
    conflicts: tuple[Conflict, ...]
    whole: bool

    @cached_property
    def registry(self) -> Registry:
        """What is published, as main says."""
        return Registry(self.workspace.repository, self.main)

    @cached_property
    def config(self) -> Config:
        """``workbench.toml`` as it stands on main: a branch cannot change its own rules."""
        return main_config(self.workspace, self.main)

    @cached_property
    def sources(self) -> Sources:
        """The sources that main declares."""
        return Sources(self.config.sources, root=self.workspace.root, cache=self.workspace.hidden)

    @cached_property
    def definitions(self) -> Definitions:
        """The merged definitions."""
        return load_tree(self.workspace.repository, self.tree, cache=self.workspace.hidden, written=self.tip)

    @cached_property
    def before(self) -> Definitions:
        """Main's definitions."""
        return load_tree(self.workspace.repository, self.main, cache=self.workspace.hidden)

    @cached_property
    def proposed(self) -> Definitions:
        """The branch's definitions."""
        return load_tree(self.workspace.repository, self.tip, cache=self.workspace.hidden)

    def on_demand_merge_changed(self, view: str) -> bool:
        """Whether the merged definition of an on-demand view is other code than the branch's."""
        from workbench.fingerprint import SourceCodes, code_hash  # here and below: a rollback needs none of it

        sides = self.definitions, self.proposed
        merged, own = (code_hash(side.on_demand(view), sources=SourceCodes()).code_hash for side in sides)
        return merged != own

    def code_moved(self, view: str) -> bool:
        """Whether the merged definition of `view` is other code than main's."""
        return _code(self.definitions, view) != _code(self.before, view)


def _code(definitions: Definitions, view: str) -> str:
    from workbench.fingerprint import SourceCodes, code_hash

    return code_hash(definitions.view(view), sources=SourceCodes()).code_hash


def candidate(workspace: Workspace, names: Sequence[str], *, branch: str) -> MergedTree:
    """Return the candidate for promoting `names`, views and feature sets of `branch`; all that it changed if empty."""
    repository = workspace.repository
    if branch == workspace.trunk:
        raise PromotionError(
            f"{branch} is the target of promotions, not an experiment.",
            remedy="Name the experiment's branch: promote VIEW --branch exp/<name>.",
        )
    if not repository.exists(branch):
        raise PromotionError(
            f"{branch} is not a branch, so there is no experiment to promote.",
            remedy="Name it: promote VIEW --branch exp/<name>.",
        )
    main, tip = repository.resolve(workspace.trunk), repository.resolve(branch)
    repository.refuse_cut(tip, base=main)
    registry = Registry(repository, main)
    proposed = load_tree(repository, tip, cache=workspace.hidden)
    branched = repository.merge_base(main, tip)
    changed = repository.changed(branched or main, tip)
    stems = _stems(names, changed, proposed) if names else _changed_stems(changed, proposed)
    if not stems:
        raise PromotionError(
            f"{branch} changes no definition, so there is nothing to promote.",
            remedy="Define a view in a %%feature cell first.",
        )
    sources = proposed.files.sources
    paths = tuple(dict.fromkeys(f"{FOLDER}/{path}" for stem in stems for path in parts_of(f"{stem}.py", sources)))
    on_demand = tuple(stem for stem in stems if proposed.has_on_demand(stem))
    views = tuple(stem for stem in stems if stem not in on_demand and _is_view(proposed, stem))
    origins = _Origins(workspace, registry, main, tip)
    files: dict[str | None, list[str]] = {}
    for stem in stems:
        own = (f"{FOLDER}/{path}" for path in parts_of(f"{stem}.py", sources))
        files.setdefault(origins.of(stem) or branched, []).extend(own)
    tree, conflicts = main, []
    for base, parts in files.items():
        merged = repository.merge_files(tree, tip, base=base, paths=parts)
        tree = merged.tree
        conflicts += [conflict for conflict in merged.conflicts if conflict not in conflicts]
    return MergedTree(
        workspace=workspace,
        main=main,
        branch=branch,
        tip=tip,
        tree=tree,
        views=views,
        sets=tuple(stem for stem in stems if stem not in {*views, *on_demand}),
        on_demand=on_demand,
        paths=paths,
        conflicts=tuple(conflicts),
        whole=not conflicts and _covers(changed, paths),
    )


def _stems(names: Iterable[str], changed: Mapping[str, str], proposed: Definitions) -> tuple[str, ...]:
    """Return the files, by name, of the views and feature sets `names`."""
    stems = tuple(proposed.files.stems())
    sets = proposed.set_files
    found = []
    for name in dict.fromkeys(names):
        if "@" in name or ":" in name:
            raise PromotionError(
                f"{name!r} is promoted with all of its features.",
                remedy=f"Write {name.partition(':')[0].partition('@')[0]}.",
            )
        if changed.get(f"{FOLDER}/{name}.py") == "deleted":
            raise PromotionError(
                f"The branch deletes {name!r}; promoting does not remove versions.",
                remedy=f"Use `deprecate {name}`, then `retire {name}`.",
            )
        stem = name if name in stems else sets.get(name)
        if stem is None:
            raise FeatureNotFound.named(name, [*stems, *sets])
        found.append(stem)
    return tuple(dict.fromkeys(found))


def _changed_stems(changed: Mapping[str, str], proposed: Definitions) -> tuple[str, ...]:
    """Return the definitions that the branch changed itself, or whose helpers or data files it changed."""
    touched = {path.removeprefix(f"{FOLDER}/") for path, kind in changed.items() if kind != "deleted"}
    sources = proposed.files.sources
    stems = [stem for stem in proposed.files.stems() if touched & set(parts_of(f"{stem}.py", sources))]
    sets = proposed.set_files.values()
    return tuple(stem for stem in stems if proposed.has_on_demand(stem) or _is_view(proposed, stem) or stem in sets)


def _is_view(definitions: Definitions, stem: str) -> bool:
    try:
        definitions.view(stem)
    except FeatureNotFound:
        return False
    return True


class _Origins:
    """The commits below `tip` that main's definitions came from: what both sides changed since is merged."""

    def __init__(self, workspace: Workspace, registry: Registry, main: str, tip: str) -> None:
        self._repository, self._registry, self._main, self._tip = workspace.repository, registry, main, tip
        self._known: dict[str, bool] = {}

    def of(self, stem: str) -> str | None:
        """Return the commit that main's `stem` came from; after a rollback that is the one that serves again."""
        return next((commit for commit in self._commits(stem) if self._contains(commit)), None)

    def _commits(self, stem: str) -> Iterator[str]:
        """Yield where main may have `stem` from, newest first."""
        if stem in self._registry.on_demand_views:
            yield from (version.commit for version in reversed(self._registry.on_demand(stem).versions))
        elif stem in self._registry:
            record = self._registry.record(stem)
            if record.serving is not None:
                yield record.serving.commit
            newest_first = sorted(record.versions, key=lambda one: one.published_at, reverse=True)
            yield from (version.commit for version in newest_first)
        else:
            yield from self._sets.get(stem, ())

    @cached_property
    def _sets(self) -> dict[str, list[str]]:
        """The commits from which each feature set was promoted, newest first."""
        found: dict[str, list[str]] = {}
        for commit in self._repository.first_parents(self._main, limit=RECENT):
            origins = [value.rpartition(" ")[2] for key, value in commit.trailers if key == FROM]
            for stem in (value for key, value in commit.trailers if key == SET):
                found.setdefault(stem, []).extend(origins)
        return found

    def _contains(self, commit: str) -> bool:
        if commit not in self._known:
            self._known[commit] = False
            with suppress(WorkbenchError):  # a commit that is gone, as after a rebase
                self._known[commit] = self._repository.contains(self._tip, commit)
        return self._known[commit]


def _covers(changed: Mapping[str, str], paths: Sequence[str]) -> bool:
    """Whether `paths` hold every Python file that the branch changed."""
    return all(path in paths for path in changed if PurePosixPath(path).suffix == ".py")
