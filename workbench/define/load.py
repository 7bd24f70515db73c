"""`load_tree`: the definitions of any branch or commit, imported from its git tree."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType

from workbench.define.featureset import FeatureSet
from workbench.define.frames import definition_failed, user_frames
from workbench.define.graph import topological
from workbench.define.importer import decoded, install, installed_files, run_package
from workbench.define.tree import FOLDER, Repository, TreeFiles, package_name, read_tree
from workbench.define.view import FeatureView
from workbench.errors import DefinitionError, FeatureNotFound, InvalidName, UnknownInput


def load_tree(
    repository: Repository, commit_or_tree: str, *, cache: Path, only: str | Iterable[str] | None = None
) -> Definitions:
    """Return the definitions below ``features/`` in a commit or root tree.

    The tree is imported once a process under a package name of its own: loading it again is free, and any
    number of trees can be loaded side by side. A file is imported when something in it is first asked for.

    Parameters
    ----------
    repository
        Where the commit is.
    commit_or_tree
        Its full id.
    cache
        Folder for the files, so that tracebacks and editors show real lines.
    only
        Load only these views and what they need.

    Raises
    ------
    ProjectError
        The cache cannot be written.
    DefinitionError
        With `only`: such a view, or one that it uses, does not load.
    FeatureNotFound
        With `only`: there is no such view.
    """
    tree = repository.subtree(commit_or_tree, FOLDER)
    package = package_name(cache, tree)
    files = installed_files(package)
    if files is None:
        files = install(package, read_tree(repository, commit_or_tree, tree=tree, cache=cache))
    definitions = Definitions(package, files)
    if only is None:
        return definitions
    wanted = [only] if isinstance(only, str) else list(only)
    needed = topological(wanted, definitions.views_used)
    return Definitions(package, files, stems=needed)


class Definitions:
    """The feature views and feature sets of one tree.

    Attributes
    ----------
    tree
        The git id of ``features/``.
    package
        The name its modules are imported under.
    files
        The files' content, and where they stand in the cache.
    """

    def __init__(self, package: str, files: TreeFiles, *, stems: Sequence[str] | None = None) -> None:
        self.package = package
        self.files = files
        self.tree = files.tree
        self._stems = tuple(files.stems() if stems is None else stems)

    def __repr__(self) -> str:
        return f"<Definitions {self.tree[:10]}: {', '.join(self._stems) or 'none'}>"

    @property
    def views(self) -> Mapping[str, FeatureView]:
        """Return every view that loads, by name."""
        return self._scan[0]

    @property
    def feature_sets(self) -> Mapping[str, FeatureSet]:
        """Return every feature set of the files that load, by name."""
        return self._scan[1]

    @cached_property
    def set_files(self) -> Mapping[str, str]:
        """Return the file (without ``.py``) of every feature set; only files that speak of sets are loaded."""
        found: dict[str, str] = {}
        for stem in self._stems:
            if b"feature_set" not in self.files.sources[f"{stem}.py"]:
                continue
            try:
                names = self._sets_in(stem, {})
            except DefinitionError:
                continue  # `broken` says why
            for name in names:
                found.setdefault(name, stem)
        return found

    def feature_set(self, name: str) -> FeatureSet:
        """Return the feature set `name`; loads its file alone.

        Raises
        ------
        FeatureNotFound
            There is no such set.
        """
        if name not in self.set_files:
            raise FeatureNotFound.named(name, self.set_files)
        return self._sets_in(self.set_files[name], {})[name]

    @property
    def broken(self) -> Mapping[str, DefinitionError]:
        """Return why a file does not load, by its name without ``.py``."""
        return self._scan[2]

    def view(self, name: str) -> FeatureView:
        """Return the view `name`; imports its file alone.

        Raises
        ------
        FeatureNotFound
            There is no such view.
        DefinitionError
            Its file does not load.
        """
        view = self._view_in(name) if name in self._stems else None
        if view is None:
            raise self._not_found(name)
        return view

    def order(self, names: Iterable[str], sources: Collection[str]) -> list[str]:
        """Return `names` and the views they use, each once and after what it uses.

        Parameters
        ----------
        names
            Views to compute.
        sources
            The names of the project's sources.

        Raises
        ------
        DefinitionCycle
            Views that use each other in a circle.
        UnknownInput
            A parameter that names neither a source nor a view.
        DefinitionError
            A view that has a source's name, or does not load.
        FeatureNotFound
            There is no such view.
        """
        return topological(names, lambda name: self._inputs(name, sources))

    def upstream(self, name: str) -> tuple[str, ...]:
        """Return the views that `name` uses, directly or not, each after what it uses itself."""
        return tuple(topological([name], self.views_used)[:-1])

    def downstream(self, name: str) -> tuple[str, ...]:
        """Return the views that use `name`, directly or not, each after what it uses; broken ones are left out."""
        found = {name}
        while more := {user for user, view in self.views.items() if user not in found and found & {*view.inputs}}:
            found |= more
        return tuple(user for user in topological(sorted(found), self._loadable_used) if user in found - {name})

    def views_used(self, name: str) -> list[str]:
        """Return the views that `name` uses directly; its other inputs are sources, as far as can be told."""
        return [used for used in self.view(name).inputs if self._is_view(used)]

    def module_file(self, view: str) -> Path:
        """Return where the file of `view` stands in the cache."""
        self._known(view)
        return self.files.folder / f"{view}.py"

    def source_text(self, view: str) -> str:
        """Return the text of the file of `view`, as it is in git."""
        self._known(view)
        return decoded(self.files.sources[f"{view}.py"], f"{FOLDER}/{view}.py")

    def tree_of(self, module: str | ModuleType) -> ast.Module:
        """Return the syntax tree of a module of this package.

        Parameters
        ----------
        module
            The module, or its name with or without the package's.

        Raises
        ------
        FeatureNotFound
            Not a module of this package.
        """
        name = module.__name__ if isinstance(module, ModuleType) else module
        below = "" if name == self.package else name.removeprefix(f"{self.package}.").replace(".", "/")
        for path in (f"{below}.py", f"{below}/__init__.py".removeprefix("/")):
            if path in self.files.sources:
                return ast.parse(decoded(self.files.sources[path], f"{FOLDER}/{path}"), str(self.files.folder / path))
        raise FeatureNotFound.named(name, (path.removesuffix(".py") for path in self.files.sources))

    def _inputs(self, name: str, sources: Collection[str]) -> Iterator[str]:
        view = self.view(name)
        self._refuse_shadow(name, sources)
        for used in view.inputs:
            if used in sources:
                self._refuse_shadow(used, sources)
            elif self._is_view(used):
                yield used
            else:
                raise UnknownInput.of(name, used, [*sources, *(known for known in self.views if known != name)])

    def _refuse_shadow(self, name: str, sources: Collection[str]) -> None:
        if name in sources and self._is_view(name, broken=False):
            raise DefinitionError(
                f"{FOLDER}/{name}.py defines a view with the name of the source {name!r}.",
                remedy="Rename the view, or the source in workbench.toml: an input is found by its name alone.",
            )

    def _is_view(self, name: str, *, broken: bool | None = None) -> bool:
        """Say whether `name` is a view; for a file that does not load, say `broken`, or raise where that is None."""
        try:
            return name in self._stems and self._view_in(name) is not None
        except DefinitionError:
            if broken is None:
                raise
            return broken

    def _loadable_used(self, name: str) -> list[str]:
        return [used for used in self.views[name].inputs if used in self.views]

    @cached_property
    def _scan(self) -> tuple[dict[str, FeatureView], dict[str, FeatureSet], dict[str, DefinitionError]]:
        views: dict[str, FeatureView] = {}
        sets: dict[str, FeatureSet] = {}
        broken: dict[str, DefinitionError] = {}
        for stem in self._stems:
            try:
                view = self._view_in(stem)
                found = self._sets_in(stem, sets)
            except DefinitionError as error:
                broken[stem] = error
                continue
            sets |= found
            if view is not None:
                views[stem] = view
        return views, sets, broken

    def _sets_in(self, stem: str, before: Mapping[str, FeatureSet]) -> dict[str, FeatureSet]:
        """Return the feature sets in a file; one that it imported from another file is the same object."""
        found: dict[str, FeatureSet] = {}
        for value in vars(self._module(stem)).values():
            if not isinstance(value, FeatureSet):
                continue
            other = found.get(value.name, before.get(value.name, value))
            if other is not value:
                raise DefinitionError(
                    f"{FOLDER}/{stem}.py defines the feature set {value.name!r} a second time.", remedy="Rename one."
                )
            found[value.name] = value
        return found

    def _view_in(self, stem: str) -> FeatureView | None:
        """Return the view that a file defines; None for a file without one."""
        module = self._module(stem)
        values = [value for value in vars(module).values() if isinstance(value, FeatureView)]
        own = {id(value): value for value in values if value.function.__module__ == module.__name__}
        names = [view.name for view in own.values()]
        if names and names != [stem]:
            raise DefinitionError(
                f"{FOLDER}/{stem}.py defines {' and '.join(repr(name) for name in names)}.",
                remedy=f"One file a view, under its name: {', '.join(f'{FOLDER}/{name}.py' for name in names)}.",
            )
        return next(iter(own.values()), None)

    def _module(self, stem: str) -> ModuleType:
        """Import a file; whatever its code raises becomes a DefinitionError with the user's own lines."""
        try:
            run_package(self.package)
            return import_module(f"{self.package}.{stem}")
        except (DefinitionError, InvalidName) as error:
            raise self._explained(error, stem) from error.__cause__
        except (Exception, SystemExit) as error:
            raise definition_failed(f"{FOLDER}/{stem}.py does not load", error, self) from error

    def _explained(self, error: DefinitionError | InvalidName, stem: str) -> DefinitionError:
        lines = [*error.lines, *([] if error.lines else user_frames(error, self))]
        kind = type(error) if isinstance(error, DefinitionError) else DefinitionError
        explained = kind(error.message, remedy=error.remedy, lines=lines or [f"{FOLDER}/{stem}.py"])
        return explained.with_traceback(error.__traceback__)

    def _known(self, view: str) -> None:
        if view not in self._stems:
            raise self._not_found(view)

    def _not_found(self, name: str) -> FeatureNotFound:
        below = [path for path in self.files.sources if path.endswith(f"/{name}.py")]
        if below:
            return FeatureNotFound(
                f"There is no view {name!r}.",
                remedy=f"Move {FOLDER}/{below[0]} to {FOLDER}/{name}.py: views live there.",
            )
        return FeatureNotFound.named(name, self.views)
