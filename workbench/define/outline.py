"""`Outline`: the names in the files of one tree, read from their syntax trees. None of their code runs."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import msgspec

from workbench.define.cell import Decorator, is_view, spellings
from workbench.define.feature_sets import FeatureSet, feature_set
from workbench.dtypes import named_dtype
from workbench.errors import WorkbenchError
from workbench.kept import made_by
from workbench.source_tree import FOLDER, KeptFacts, TreeFiles, decode_source

_NOT_COLUMNS = ("ClassVar", "typing.ClassVar")
_DEEPEST = 20
"""How many base classes and imports are followed to a view's columns."""


@dataclass(frozen=True, slots=True)
class ColumnOutline:
    """A column, as far as the text of its model says.

    Attributes
    ----------
    name
        The column.
    annotation
        What the model writes behind its name.
    dtype
        Its type by the name that a contract has for it; the annotation where it has none so simple.
    unit, description
        As `Feature` is told by constants.
    nullable
        Whether nulls are allowed.
    rules
        What else its `Feature` says, as it is written: ``ge=0``.
    """

    name: str
    annotation: str
    dtype: str
    unit: str | None = None
    description: str | None = None
    nullable: bool = False
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a view's decorator is told by constants, and what its docstring says."""

    entities: tuple[str, ...] = ()
    event_time: str | None = None
    created: str | None = None
    owner: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class ViewOutline:
    """A view, as far as its file's text says.

    Attributes
    ----------
    name
        The view.
    inputs
        The sources and views that it reads.
    features
        Its features; empty where its model is made otherwise than by a class of these files.
    columns
        Its columns, keys and times too; empty where `features` is.
    declared
        What its decorator says.
    """

    name: str
    inputs: tuple[str, ...]
    features: tuple[str, ...]
    columns: tuple[ColumnOutline, ...] = ()
    declared: Declaration = Declaration()


@dataclass(frozen=True, slots=True)
class OnDemandOutline:
    """An on-demand view, as far as its file's text says.

    Attributes
    ----------
    name
        The view.
    inputs
        The stored features that it reads, as they are written: ``view[@version][:feature]``.
    request
        The names of the request's values.
    features
        Its features; empty where its model is made otherwise than by a class of these files.
    columns
        Its columns; empty where `features` is.
    declared
        What its decorator says.
    """

    name: str
    inputs: tuple[str, ...]
    request: tuple[str, ...]
    features: tuple[str, ...]
    columns: tuple[ColumnOutline, ...] = ()
    declared: Declaration = Declaration()


@dataclass(frozen=True, slots=True)
class Outline:
    """What the files of a tree define.

    Attributes
    ----------
    views
        The views by name.
    on_demand
        The on-demand views by name.
    sets
        The feature sets that are written down as constants, by name.
    set_files
        The file (without ``.py``) of each of `sets`.
    doubtful
        Files (without ``.py``) that make a feature set in another way: only running them tells its name.
    unread
        Files (without ``.py``) that are not Python.
    repeated
        The names of feature sets that are written down more than once.
    """

    views: Mapping[str, ViewOutline] = field(default_factory=dict)
    on_demand: Mapping[str, OnDemandOutline] = field(default_factory=dict)
    sets: Mapping[str, FeatureSet] = field(default_factory=dict)
    set_files: Mapping[str, str] = field(default_factory=dict)
    doubtful: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()
    repeated: frozenset[str] = frozenset()


class FileOutline(msgspec.Struct, array_like=True):
    """What one file defines, as `Outline` has it."""

    view: ViewOutline | None = None
    on_demand: OnDemandOutline | None = None
    sets: tuple[FeatureSet, ...] = ()
    doubtful: bool = False
    unread: bool = False


def outline_of(files: TreeFiles) -> Outline:
    """Return the outline of `files`; nothing is imported, and only files that are new are read."""
    found = file_outlines(files)
    set_files: dict[str, str] = {}
    sets: dict[str, FeatureSet] = {}
    repeated = set()
    for stem, outline in found.items():
        for made in outline.sets:
            repeated |= {made.name} & sets.keys()
            sets.setdefault(made.name, made)
            set_files.setdefault(made.name, stem)
    return Outline(
        {stem: outline.view for stem, outline in found.items() if outline.view is not None},
        {stem: outline.on_demand for stem, outline in found.items() if outline.on_demand is not None},
        sets,
        set_files,
        frozenset(stem for stem, outline in found.items() if outline.doubtful),
        frozenset(stem for stem, outline in found.items() if outline.unread),
        frozenset(repeated),
    )


def file_outlines(files: TreeFiles) -> dict[str, FileOutline]:
    """Return the outline of each file that may hold definitions, by its name without ``.py``."""
    modules = _Modules(files)
    kept = KeptFacts(files, "outlines", FileOutline, scheme=made_by("define", "source_tree"))
    found = {}
    for stem in files.stems():
        known = kept.get(stem)
        found[stem] = _file_outline(modules, stem, files.sources[f"{stem}.py"]) if known is None else known
        if known is None:
            kept.put(stem, found[stem])
    kept.save()
    return found


def _file_outline(modules: _Modules, stem: str, source: bytes) -> FileOutline:
    tree = modules.tree(f"{stem}.py")
    if tree is None:
        return FileOutline(unread=True)
    outline = FileOutline()  # what the source does not name at all need not be looked for in its tree
    view = _view_in(tree, stem) if b"feature_view" in source else None
    if view is not None:
        declared, columns = _declared(view), modules.columns(view, f"{stem}.py")
        outline.view = ViewOutline(stem, _inputs(view), _features(columns, declared), columns, declared)
    requested = _view_in(tree, stem, "on_demand") if b"on_demand" in source else None
    if requested is not None:
        declared, columns = _declared(requested), modules.columns(requested, f"{stem}.py")
        inputs, request = _written(requested, "inputs"), _written(requested, "request")
        outline.on_demand = OnDemandOutline(stem, inputs, request, _features(columns, declared), columns, declared)
    sets = list(_sets_in(tree)) if b"feature_set" in source else []
    outline.sets = tuple(made for made in sets if made is not None)
    outline.doubtful = None in sets
    return outline


def _view_in(tree: ast.Module, stem: str, decorator: Decorator = "feature_view") -> ast.FunctionDef | None:
    called = set(spellings(tree, decorator))
    for statement in _statements(tree.body):
        if isinstance(statement, ast.Assign) and _makes_view(statement.value, {*called, decorator}):
            called |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
    functions = [each for each in _statements(tree.body) if isinstance(each, ast.FunctionDef)]
    found = [each for each in functions if is_view(each, called, decorator)]
    return next((each for each in found if each.name == stem), None)


def _makes_view(value: ast.expr, called: set[str]) -> bool:
    """Whether `value` is a decorator to be used by name: ``feature_view(...)``, or a partial of it."""
    if not isinstance(value, ast.Call):
        return False
    return any(_dotted_name(name) in called for name in (value.func, *value.args))


def _dotted_name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run at import, those in conditions, ``try`` and ``with`` too."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With | ast.For | ast.While):
            for name in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, name, []))
            for handler in getattr(statement, "handlers", []):
                yield from _statements(handler.body)


def _inputs(function: ast.FunctionDef) -> tuple[str, ...]:
    return tuple(argument.arg for argument in [*function.args.posonlyargs, *function.args.args])


def _written(function: ast.FunctionDef, option: str) -> tuple[str, ...]:
    """Return the texts that the decorator's `option` is written with: of a mapping to texts these, else its keys."""
    for decorator in function.decorator_list:
        for word in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if word.arg != option:
                continue
            written: list[ast.expr | None] = []
            if isinstance(word.value, ast.Dict):
                written = [*(word.value.values if option == "inputs" else word.value.keys)]
            elif isinstance(word.value, ast.List | ast.Tuple):
                written = [*word.value.elts]
            return tuple(
                each.value for each in written if isinstance(each, ast.Constant) and isinstance(each.value, str)
            )
    return ()


def _sets_in(tree: ast.Module) -> Iterator[FeatureSet | None]:
    """Yield each feature set that is made at the top level; None for one that only running the file would tell."""
    called = {"feature_set"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            called |= {item.asname for item in node.names if item.name == "feature_set" and item.asname}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _dotted_name(node.func) in called:
            try:
                words = [ast.literal_eval(argument) for argument in node.args]
                options = {word.arg or "": ast.literal_eval(word.value) for word in node.keywords}
                yield feature_set(*words, **options)
            except (WorkbenchError, ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                yield None


class _Modules:
    """The syntax trees of the files, each parsed once."""

    def __init__(self, files: TreeFiles) -> None:
        self._files = files
        self._trees: dict[str, ast.Module | None] = {}

    def tree(self, path: str) -> ast.Module | None:
        """Return the syntax tree of a file; None where it is not there or not Python."""
        if path not in self._trees:
            self._trees[path] = self._parse(path)
        return self._trees[path]

    def columns(self, function: ast.FunctionDef, path: str) -> tuple[ColumnOutline, ...]:
        """Return the columns of the model in the view's return annotation."""
        annotation = function.returns
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            try:
                annotation = ast.parse(annotation.value, mode="eval").body
            except (SyntaxError, ValueError, MemoryError, RecursionError):
                return ()
        if not isinstance(annotation, ast.Subscript):
            return ()
        return tuple(self._columns(_dotted_name(annotation.slice), path, _DEEPEST).values())

    def _columns(self, name: str | None, path: str, deepest: int) -> dict[str, ColumnOutline]:
        """Return the columns of the class that is called `name` in a file, those of its bases first."""
        tree = self.tree(path)
        if name is None or tree is None or deepest == 0:
            return {}
        found: dict[str, ColumnOutline] = {}
        for statement in _statements(tree.body):
            if isinstance(statement, ast.ClassDef) and statement.name == name:
                found = {}
                for base in statement.bases:
                    found |= self._columns(_dotted_name(base), path, deepest - 1)
                found |= {column.name: column for column in columns_of(statement)}
            elif isinstance(statement, ast.ImportFrom):
                for item in statement.names:
                    if (item.asname or item.name) == name:
                        other = self._imported_file(statement, path)
                        found = self._columns(item.name, other, deepest - 1) if other else {}
        return found

    def _imported_file(self, statement: ast.ImportFrom, path: str) -> str | None:
        """Return the file that a relative import reads; None for any other."""
        if not statement.level:
            return None
        above = path.split("/")[: -statement.level]
        below = "/".join([*above, *(statement.module or "").split(".")]).strip("/")
        return next((each for each in (f"{below}.py", f"{below}/__init__.py") if each in self._files.sources), None)

    def _parse(self, path: str) -> ast.Module | None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # doubtful escapes and the like are the linter's to tell
                return ast.parse(decode_source(self._files.sources[path], f"{FOLDER}/{path}"))
        except (WorkbenchError, LookupError, SyntaxError, ValueError, MemoryError, RecursionError):
            return None


def columns_of(model: ast.ClassDef) -> Iterator[ColumnOutline]:
    """Yield the columns that the class statement of a model itself declares."""
    for statement in model.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name, kind = statement.target.id, ast.unparse(statement.annotation)
            if not name.startswith("_") and kind.partition("[")[0] not in _NOT_COLUMNS:
                yield _column(name, kind, statement.value)


def _column(name: str, kind: str, value: ast.expr | None) -> ColumnOutline:
    said = {word.arg: word.value for word in value.keywords if word.arg} if isinstance(value, ast.Call) else {}
    plain = kind.removesuffix(" | None").removeprefix("None | ")
    nullable = said.pop("nullable", None)
    unit, description = _constant(said.pop("unit", None)), _constant(said.pop("description", None))
    return ColumnOutline(
        name,
        kind,
        named_dtype(plain) or plain,
        unit,
        description,
        nullable=plain != kind or (isinstance(nullable, ast.Constant) and nullable.value is True),
        rules=tuple(f"{option}={ast.unparse(each)}" for option, each in said.items()),
    )


def _constant(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _declared(function: ast.FunctionDef) -> Declaration:
    said: dict[str, ast.expr] = {}
    for decorator in function.decorator_list:
        for word in decorator.keywords if isinstance(decorator, ast.Call) else ():
            said[word.arg or ""] = word.value
    entities = said.get("entities")
    listed = entities.elts if isinstance(entities, ast.List | ast.Tuple) else [entities]
    return Declaration(
        entities=tuple(name for each in listed if (name := _constant(each)) is not None),
        event_time=_constant(said.get("event_time")),
        created=_constant(said.get("created")),
        owner=_constant(said.get("owner")),
        description=_constant(said.get("description")) or ast.get_docstring(function) or "",
    )


def _features(columns: tuple[ColumnOutline, ...], declared: Declaration) -> tuple[str, ...]:
    """Return the names of the columns that are neither keys nor times."""
    own = {*declared.entities, declared.event_time, declared.created}
    return tuple(column.name for column in columns if column.name not in own)
