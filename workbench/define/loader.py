"""`load_tree`: the definitions of any branch or commit, imported from its git tree, each after those it uses."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from types import ModuleType

from workbench.define.feature_sets import FeatureSet
from workbench.define.observation import Observations, import_failure
from workbench.define.on_demand_view import OnDemandView
from workbench.define.outline import Outline, outline_of
from workbench.define.tracebacks import definition_failed, user_frames
from workbench.define.view import FeatureView
from workbench.errors import DefinitionCycle, DefinitionError, FeatureNotFound, InvalidName, UnknownInput
from workbench.source_tree import (
    FOLDER,
    DefinitionRepository,
    TreeFiles,
    data_files,
    decode_source,
    files_of,
    install,
    installed_files,
    package_name,
    read_tree,
    run_package,
)


def topological(names: Iterable[str], uses: Callable[[str], Iterable[str]]) -> list[str]:
    """Return `names` and all that they use, directly or not, each once and after what it uses.

    Examples
    --------
    >>> uses = {"late": ["delay", "weather"], "delay": ["weather"], "weather": []}
    >>> topological(["late"], uses.__getitem__)
    ['weather', 'delay', 'late']
    """
    done: dict[str, None] = {}
    for name in names:
        _visit(name, uses, done)
    return list(done)


def _visit(start: str, uses: Callable[[str], Iterable[str]], done: dict[str, None]) -> None:
    """Go depth first, with a stack of our own: a long chain of views is no reason to fail."""
    if start in done:
        return
    path = {start: iter(uses(start))}
    while path:
        name, rest = next(reversed(path.items()))
        following = next((used for used in rest if used not in done), None)
        if following is None:
            del path[name]
            done[name] = None
        elif following in path:
            circle = list(path)
            raise _circular([*circle[circle.index(following) :], following])
        else:
            path[following] = iter(uses(following))


def load_tree(
    repository: DefinitionRepository,
    commit_or_tree: str,
    *,
    cache: Path,
    only: str | Iterable[str] | None = None,
    written: str | None = None,
) -> Definitions:
    """Return the definitions below ``features/`` in a commit or root tree.

    The tree is imported once a process under a package name of its own: loading it again is free, and any
    number of trees can be loaded side by side. A file is imported when something in it is first asked for.
    """
    tree = repository.subtree(commit_or_tree, FOLDER)
    package = package_name(cache, tree)
    files = installed_files(package)
    if files is None:
        files = install(package, read_tree(repository, commit_or_tree, tree=tree, cache=cache))
    definitions = Definitions(
        package,
        files,
        observations=Observations(package, files),
        allow=partial(repository.refuse_untrusted, written or commit_or_tree),
    )
    if only is None:
        return definitions
    wanted = [only] if isinstance(only, str) else list(only)
    return definitions.only(topological(wanted, definitions.views_used))


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
    observations
        What must have nothing against a file before it is imported; None in a worker, where that is found out.
    allow
        Called before a file is looked at by running it, here or in a worker; raises where none may run.
    """

    def __init__(
        self,
        package: str,
        files: TreeFiles,
        *,
        stems: Sequence[str] | None = None,
        observations: Observations | None = None,
        allow: Callable[[], None] | None = None,
    ) -> None:
        self.package = package
        self.observations = observations
        self._allow = allow
        self.files = files
        self.tree = files.tree
        self._stems = tuple(files.stems() if stems is None else stems)
        self._defined: dict[str, tuple[ModuleType, FeatureView | OnDemandView | None]] = {}

    def __repr__(self) -> str:
        return f"<Definitions {self.tree[:10]}: {', '.join(self._stems) or 'none'}>"

    def only(self, stems: Sequence[str]) -> Definitions:
        """Return the same definitions without those of other files."""
        return Definitions(self.package, self.files, stems=stems, observations=self.observations, allow=self._allow)

    @cached_property
    def outline(self) -> Outline:
        """Return the names in the files, without running any of them."""
        return outline_of(self.files)

    @property
    def views(self) -> Mapping[str, FeatureView]:
        """Return every view that loads, by name; runs every file. `outline` has their names."""
        return self._scan[0]

    @property
    def feature_sets(self) -> Mapping[str, FeatureSet]:
        """Return every feature set by name; only files that do not write theirs down as constants run."""
        return {name: self.feature_set(name) for name in self.set_files}

    @cached_property
    def set_files(self) -> Mapping[str, str]:
        """Return the file (without ``.py``) of every feature set; files run as for `feature_sets`."""
        outline = self.outline
        found = {name: stem for name, stem in outline.set_files.items() if stem in self._stems}
        for stem in self._stems:
            if stem not in outline.doubtful:
                continue
            try:
                names = self._sets_in(stem, {})
            except DefinitionError:
                continue  # `broken` says why
            for name in names:
                found.setdefault(name, stem)
        return found

    def feature_set(self, name: str) -> FeatureSet:
        """Return the feature set `name`; its file runs where its text does not say all."""
        if name not in self.set_files:
            raise FeatureNotFound.named(name, self.set_files)
        stem = self.set_files[name]
        if self.outline.set_files.get(name) == stem:
            return self.outline.sets[name]
        return self._sets_in(stem, {})[name]

    @property
    def broken(self) -> Mapping[str, DefinitionError]:
        """Return why a file does not load, by its name without ``.py``."""
        return self._scan[2]

    def view(self, name: str) -> FeatureView:
        """Return the view `name`; imports its file alone."""
        view = self._view_in(name) if name in self._stems else None
        if view is None:
            raise self._not_found(name)
        return view

    def on_demand(self, name: str) -> OnDemandView:
        """Return the on-demand view `name`; imports its file alone."""
        view = self._defined_in(name) if name in self._stems else None
        if not isinstance(view, OnDemandView):
            raise FeatureNotFound.named(name, self.outline.on_demand)
        return view

    def has_on_demand(self, name: str) -> bool:
        """Return whether the text of a file says that it defines an on-demand view `name`; runs nothing."""
        return name in self._stems and name in self.outline.on_demand

    @property
    def on_demand_views(self) -> tuple[str, ...]:
        """The names of the on-demand views, as the files' texts say; runs nothing."""
        return tuple(name for name in self._stems if name in self.outline.on_demand)

    def has_view(self, name: str) -> bool:
        """Return whether there is a view `name`, even a broken one; runs its file only if the text is unclear."""
        if name not in self._stems or name in self.outline.on_demand:
            return False
        return name in self.outline.views or name in self.outline.unread or self._is_view(name, broken=True)

    def order(self, names: Iterable[str], sources: Collection[str]) -> list[str]:
        """Return `names` and the views they use, each once and after what it uses."""
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

    def module(self, name: str) -> ModuleType:
        """Return the module in a file, given without ``.py``; imports it."""
        return self._module(name)

    def module_file(self, view: str) -> Path:
        """Return where the file of `view` stands in the cache."""
        self._require_view(view)
        return self.files.folder / f"{view}.py"

    def source_text(self, view: str) -> str:
        """Return the text of the file of `view`, as it is in git."""
        self._require_view(view)
        return decode_source(self.files.sources[f"{view}.py"], f"{FOLDER}/{view}.py")

    def tree_of(self, module: str | ModuleType) -> ast.Module:
        """Return the syntax tree of a module of this package."""
        name = module.__name__ if isinstance(module, ModuleType) else module
        below = "" if name == self.package else name.removeprefix(f"{self.package}.").replace(".", "/")
        for path in (f"{below}.py", f"{below}/__init__.py".removeprefix("/")):
            if path in self.files.sources:
                return ast.parse(
                    decode_source(self.files.sources[path], f"{FOLDER}/{path}"), str(self.files.folder / path)
                )
        raise FeatureNotFound.named(name, (path.removesuffix(".py") for path in self.files.sources))

    def _inputs(self, name: str, sources: Collection[str]) -> Iterator[str]:
        view = self.view(name)
        self._refuse_shadow(name, sources)
        for used in view.inputs:
            if used in sources:
                self._refuse_shadow(used, sources)
            elif self._is_view(used):
                yield used
            elif self.has_on_demand(used):
                raise DefinitionError(
                    f"View {name!r} reads {used!r}, which is computed on demand and has no rows.",
                    remedy="A stored view reads sources and stored views: compute it from these.",
                )
            else:
                raise UnknownInput.of(name, used, [*sources, *(known for known in self.outline.views if known != name)])

    def _refuse_shadow(self, name: str, sources: Collection[str]) -> None:
        if name in sources and self._is_view(name, broken=False):
            raise DefinitionError(
                f"{FOLDER}/{name}.py defines a view with the name of the source {name!r}.",
                remedy="Rename the view, or the source in workbench.toml: an input is looked up by its name.",
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
        """Return the stored view that a file defines; None for a file without one."""
        view = self._defined_in(stem)
        return view if isinstance(view, FeatureView) else None

    def _defined_in(self, stem: str) -> FeatureView | OnDemandView | None:
        """Return the view, stored or on demand, that a file defines; None for a file without one."""
        module = self._module(stem)
        known = self._defined.get(stem)
        if known is None or known[0] is not module:
            known = self._defined[stem] = module, self._own_view(stem, module)
        return known[1]

    def _own_view(self, stem: str, module: ModuleType) -> FeatureView | OnDemandView | None:
        values = [value for value in vars(module).values() if isinstance(value, FeatureView | OnDemandView)]
        own = {id(value): value for value in values if value.function.__module__ == module.__name__}
        for view in own.values():
            if not set(view.files) <= set(data_files.declared_paths(self.files.sources[f"{stem}.py"])):
                raise data_files.computed(view.name)
        names = [view.name for view in own.values()]
        if names and names != [stem]:
            raise DefinitionError(
                f"{FOLDER}/{stem}.py defines {' and '.join(repr(name) for name in names)}.",
                remedy="Keep each view in a file of its own name: "
                f"{', '.join(f'{FOLDER}/{name}.py' for name in names)}.",
            )
        return next(iter(own.values()), None)

    def _module(self, stem: str) -> ModuleType:
        """Import a file; whatever its code raises becomes a DefinitionError with the user's own lines."""
        if self._allow is not None:
            self._allow()
        name = f"{self.package}.{stem}"
        raised = ""
        if name not in sys.modules:
            self._require_data(stem)
        if self.observations is not None and name not in sys.modules:
            raised = self.observations.check_import(stem)
        try:
            run_package(self.package)
            module = import_module(name)
        except (DefinitionError, InvalidName) as error:
            raise self._explain(error, stem) from error.__cause__
        except (Exception, SystemExit) as error:
            raise definition_failed(f"{FOLDER}/{stem}.py does not load", error, self) from error
        if raised:
            del sys.modules[name]
            raise import_failure(f"{FOLDER}/{stem}.py", raised)
        return module

    def _require_data(self, stem: str) -> None:
        """Raise where a data file that the file `stem` declares, or one that it imports, is not there."""
        try:
            paths = files_of(f"{stem}.py", self.files.sources)
        except DefinitionError:
            return  # it is no Python, which importing it says with the line
        try:
            names = [name for path in paths for name in data_files.declared_paths(self.files.sources[path])]
        except DefinitionError as error:
            raise self._explain(error, stem) from None
        for name in names:
            if name not in self.files.data:
                raise self._explain(self.files.problems.get(name) or data_files.missing(name), stem)

    def _explain(self, error: DefinitionError | InvalidName, stem: str) -> DefinitionError:
        lines = [*error.lines, *([] if error.lines else user_frames(error, self))]
        kind = type(error) if isinstance(error, DefinitionError) else DefinitionError
        explained = kind(error.message, remedy=error.remedy, lines=lines or [f"{FOLDER}/{stem}.py"])
        return explained.with_traceback(error.__traceback__)

    def _require_view(self, view: str) -> None:
        if view not in self._stems:
            raise self._not_found(view)

    def _not_found(self, name: str) -> FeatureNotFound:
        if self.has_on_demand(name):
            return FeatureNotFound(
                f"{name!r} is an on-demand view: it has no stored rows.",
                remedy="Read it by training_set or get_feature, which pass it the values of the request.",
            )
        below = [path for path in self.files.sources if path.endswith(f"/{name}.py")]
        if below:
            return FeatureNotFound(
                f"There is no view {name!r}.",
                remedy=f"Move {FOLDER}/{below[0]} to {FOLDER}/{name}.py: a view is loaded from the file of its name.",
            )
        return FeatureNotFound.named(name, (view for view in self.outline.views if view in self._stems))


def _circular(views: Sequence[str]) -> DefinitionCycle:
    """Return the error for the circle `views`, the first repeated at the end."""
    return DefinitionCycle(
        f"These views use each other in a circle: {' -> '.join(views)}.",
        remedy="Remove one of these parameters, or move the shared part into a third view.",
    )
