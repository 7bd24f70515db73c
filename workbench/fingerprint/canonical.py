"""The canonical form of code: the parts of a syntax tree that decide what it computes.

Standard library only, and the same on every supported Python. Left out are positions, comments, docstrings, statements
without effect, unused annotations and our own decorators. Local variables are numbered by their block and
their first appearance; the spelling of parameters, nested functions and classes is kept, since callers can see it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

from workbench.fingerprint.encoding import Form, scalar
from workbench.fingerprint.scope import FUNCTIONS, Scope, Scopes, Variable, arguments

Use = Literal["ours", "plain", "reads"]
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
FRAMES = frozenset(
    {
        *("sql", "sql_expr", "SQLContext", "query", "eval", "execute", "from_query", "format_map"),
        *("evaluate", "dmatrix", "dmatrices", "from_formula"),
    }
)
"""Attributes that may look names up in their caller's frame: local names are then kept as they are."""


@dataclass(frozen=True, slots=True)
class NameReference:
    """A name that is read or bound, with the attributes taken of it: ``helpers.WINDOW.days``."""

    target: Form
    variable: Variable
    chain: tuple[str, ...]
    stored: bool
    node: ast.AST


@dataclass(frozen=True, slots=True)
class LocalImport:
    """One name of an ``import`` statement inside a function: ``from .module import name as target``."""

    target: Form
    variable: Variable
    level: int
    module: str
    name: str | None
    renamed: bool
    node: ast.AST


@dataclass(frozen=True, slots=True)
class Canonical:
    """The canonical form of a function or class, and what it takes from outside.

    Attributes
    ----------
    form
        Nested tuples.
    references
        The names it uses, in order of appearance.
    imports
        What it imports itself.
    attributes
        Every attribute's name and the node of its first use.
    origins
        For the id of each tuple in `form` that stands for a node: that node.
    """

    form: Form
    references: tuple[NameReference, ...]
    imports: tuple[LocalImport, ...]
    attributes: Mapping[str, ast.AST]
    origins: Mapping[int, ast.AST]


def _plain(_: ast.expr) -> Use:
    return "plain"


def canonical(
    node: ast.AST,
    scopes: Scopes,
    *,
    keep_names: bool = False,
    decorator: Callable[[ast.expr], Use] = _plain,
    holes: Mapping[ast.AST, str] | None = None,
) -> Canonical:
    """Return the canonical form of the function or class at `node`."""
    writer = _Writer(scopes, keep_names, decorator, holes or {}, root=node)
    form = writer.node(node)
    return Canonical(form, tuple(writer.references), tuple(writer.imports), writer.attributes, writer.origins)


@dataclass(slots=True)
class _Writer:
    """Writes one form; numbers blocks and variables as they come."""

    scopes: Scopes
    keep_names: bool
    decorator: Callable[[ast.expr], Use]
    holes: Mapping[ast.AST, str]
    root: ast.AST
    references: list[NameReference] = field(default_factory=list)
    imports: list[LocalImport] = field(default_factory=list)
    attributes: dict[str, ast.AST] = field(default_factory=dict)
    origins: dict[int, ast.AST] = field(default_factory=dict)
    _blocks: dict[Scope, int] = field(default_factory=dict)
    _numbers: dict[tuple[Scope, str], int] = field(default_factory=dict)
    _owned: dict[Scope | None, int] = field(default_factory=dict)

    def node(self, node: ast.AST) -> Form:
        """Return the form of `node`."""
        write = _SPECIAL.get(type(node), _Writer._general)
        form = write(self, node)
        self.origins[id(form)] = node
        return form

    def nodes(self, nodes: Sequence[ast.AST | None]) -> Form:
        return tuple([None if node is None else self.node(node) for node in nodes])

    def _general(self, node: ast.AST) -> Form:
        """Return the form of a node by its fields; absent and empty ones are left out."""
        form: list[Any] = [type(node).__name__]
        opened = self.scopes.opened.get(node) or self.scopes.typed.get(node)
        if opened is not None:
            form += ["block", self._open(opened)]
        for name in node._fields:
            value = getattr(node, name, None)
            if name in SKIPPED or value is None or value == []:
                continue
            if isinstance(value, ast.AST):
                value = self.node(value)
            elif isinstance(value, list):
                value = self._list(value)
            form += [name, value]
        return tuple(form)

    def _list(self, values: list[Any]) -> Form:
        if values and isinstance(values[0], ast.stmt):
            return self._body(values)
        return tuple([self.node(value) if isinstance(value, ast.AST) else value for value in values])

    def _body(self, statements: Sequence[ast.stmt]) -> Form:
        return self.nodes([statement for statement in statements if not _idle(statement)])

    def _open(self, scope: Scope) -> int:
        return self._blocks.setdefault(scope, len(self._blocks))

    def _target(self, node: ast.AST, name: str) -> tuple[Form, Variable]:
        """Return the form of the variable that `name` means at `node`."""
        variable = self.scopes.where[node].variable(name)
        scope, name = variable.scope, variable.name
        if scope is None:
            return ("global", name), variable
        block = self._blocks.get(scope)
        if block is None:
            return ("free", name if self.keep_names or scope.kind == "class" else self._number(scope, name)), variable
        if scope.kind == "class":
            return ("class", block, name), variable
        if self.keep_names or name in scope.fixed or scope.kind == "type":
            return ("named", block, name), variable
        return ("local", block, self._number(scope, name)), variable

    def _number(self, scope: Scope, name: str) -> int:
        if (scope, name) not in self._numbers:
            # variables of blocks around the root are told apart by one common count
            owner = scope if scope in self._blocks else None
            self._numbers[scope, name] = self._owned[owner] = self._owned.get(owner, -1) + 1
        return self._numbers[scope, name]

    def _refer(self, node: ast.AST, name: str, chain: tuple[str, ...] = (), *, stored: bool) -> Form:
        target, variable = self._target(node, name)
        self.references.append(NameReference(target, variable, chain, stored, node))
        if variable.scope is not None and variable.scope.kind == "class" and not stored:
            # the body of a class looks among the globals for what it has not bound yet
            outer = Variable(None, variable.name)
            self.references.append(NameReference(("global", variable.name), outer, chain, stored, node))
        return target

    def _name(self, node: ast.Name) -> Form:
        return ("Name", self._refer(node, node.id, stored=not isinstance(node.ctx, ast.Load)))

    def _attribute(self, node: ast.Attribute) -> Form:
        self.attributes.setdefault(node.attr, node)
        chain: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            chain.insert(0, inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name):
            return ("Attribute", self.node(node.value), node.attr)
        for attribute in chain:
            self.attributes.setdefault(attribute, node)
        stored = not isinstance(node.ctx, ast.Load)
        form: Form = ("Name", self._refer(inner, inner.id, tuple(chain), stored=stored))
        self.origins[id(form)] = inner
        for attribute in chain:
            form = ("Attribute", form, attribute)
        return form

    def _function(self, node: FunctionNode) -> Form:
        if node in self.holes:
            return ("Method", self.holes[node])
        is_root = node is self.root
        form: list[Any] = [type(node).__name__]
        reads = False
        if not isinstance(node, ast.Lambda):
            # the root's own object tells what decorators inside a function made of it
            counted = not is_root or self.scopes.parents[node].kind == "module"
            uses = [(self.decorator(expression), expression) for expression in node.decorator_list]
            reads = any(use == "reads" for use, _ in uses)
            kept = [expression for use, expression in uses if use != "ours"]
            form += ["name", node.name if is_root else self._refer(node, node.name, stored=True)]
            form += ["decorators", self.nodes(kept) if counted else len(kept)]
        typed = self.scopes.typed.get(node)
        if typed is not None:
            form += ["types", self._open(typed), self.nodes(node.type_params)]  # type: ignore[union-attr]
        defaults = () if is_root else (self.nodes(node.args.defaults), self.nodes(node.args.kw_defaults))
        form += ["defaults", defaults, "block", self._open(self.scopes.opened[node])]
        form += ["parameters", self._parameters(node.args, reads=reads)]
        if not isinstance(node, ast.Lambda) and node.returns is not None and (reads or _acts(node.returns)):
            form += ["returns", self.node(node.returns)]
        form += ["body", self.node(node.body) if isinstance(node, ast.Lambda) else self._body(node.body)]
        return tuple(form)

    def _parameters(self, node: ast.arguments, *, reads: bool) -> Form:
        starred = [argument.arg if argument else None for argument in (node.vararg, node.kwarg)]
        groups = [
            tuple([argument.arg for argument in group]) for group in (node.posonlyargs, node.args, node.kwonlyargs)
        ]
        annotated = [
            (argument.arg, self.node(argument.annotation))
            for argument in arguments(node)
            if argument.annotation is not None and (reads or _acts(argument.annotation))
        ]
        return (*groups, *starred, tuple(annotated))

    def _class(self, node: ast.ClassDef) -> Form:
        is_root = node is self.root
        kept = [expression for expression in node.decorator_list if self.decorator(expression) != "ours"]
        form: list[Any] = ["ClassDef", "name", node.name if is_root else self._refer(node, node.name, stored=True)]
        form += ["decorators", self.nodes(kept)]
        typed = self.scopes.typed.get(node)
        if typed is not None:
            form += ["types", self._open(typed), self.nodes(node.type_params)]  # type: ignore[attr-defined]
        form += ["bases", self.nodes(node.bases), "keywords", self.nodes(node.keywords)]
        form += ["block", self._open(self.scopes.opened[node]), "body", self._body(node.body)]
        return tuple(form)

    def _annotated(self, node: ast.AnnAssign) -> Form:
        """Return ``x: int = 1`` as ``x = 1``, except in a class, whose annotations are its fields."""
        if self._in_class(node) or _acts(node.annotation):
            return self._general(node)
        if node.value is None:
            return ("Declared", () if isinstance(node.target, ast.Name) else self.node(node.target))
        return ("Assign", "targets", (self.node(node.target),), "value", self.node(node.value))

    def _in_class(self, node: ast.AnnAssign) -> bool:
        return isinstance(node.target, ast.Name) and self.scopes.where[node.target].kind == "class"

    def _import(self, node: ast.Import | ast.ImportFrom) -> Form:
        level = node.level if isinstance(node, ast.ImportFrom) else 0
        form: list[Any] = [type(node).__name__]
        for alias in node.names:
            target, variable = self._target(alias, alias.asname or alias.name.partition(".")[0])
            module, name = (alias.name, None) if isinstance(node, ast.Import) else (node.module or "", alias.name)
            renamed = alias.asname is not None
            self.imports.append(LocalImport(target, variable, level, module, name, renamed, node))
            form.append((level, module, name, isinstance(node, ast.Import) and renamed, target))
        return tuple(form)

    def _named(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar | ast.MatchMapping) -> Form:
        """Return a node that binds a plain string."""
        attribute = "rest" if isinstance(node, ast.MatchMapping) else "name"
        bound = getattr(node, attribute)
        form: list[Any] = [type(node).__name__, "bound", bound and self._refer(node, bound, stored=True)]
        for name in node._fields:
            value = getattr(node, name, None)
            if name != attribute and value is not None and value != []:
                form += [name, self._list(value) if isinstance(value, list) else self.node(value)]
        return tuple(form)

    def _text(self, node: ast.JoinedStr) -> Form:
        """Return an f-string as its pieces: interpreters cut the text between them differently."""
        pieces: list[Form] = []
        for is_text, values in groupby(node.values, lambda value: isinstance(value, ast.Constant)):
            if is_text:
                text = "".join(str(value.value) for value in values if isinstance(value, ast.Constant))
                pieces += [("Constant", scalar(text))] if text else []
            else:
                pieces += [self.node(value) for value in values]
        return ("JoinedStr", *pieces)

    def _formatted(self, node: ast.FormattedValue) -> Form:
        spec = None if node.format_spec is None else self.node(node.format_spec)
        return ("FormattedValue", self.node(node.value), node.conversion, None if spec == ("JoinedStr",) else spec)

    def _constant(self, node: ast.Constant) -> Form:
        return ("Constant", scalar(node.value))


_SPECIAL: dict[type[ast.AST], Callable[[_Writer, Any], Form]] = {
    ast.Name: _Writer._name,
    ast.Attribute: _Writer._attribute,
    **dict.fromkeys(FUNCTIONS, _Writer._function),
    ast.ClassDef: _Writer._class,
    ast.AnnAssign: _Writer._annotated,
    **dict.fromkeys((ast.Import, ast.ImportFrom), _Writer._import),
    **dict.fromkeys((ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping), _Writer._named),
    ast.JoinedStr: _Writer._text,
    ast.FormattedValue: _Writer._formatted,
    ast.Constant: _Writer._constant,
}


def _idle(statement: ast.stmt) -> bool:
    """Return whether `statement` does nothing at run time: a docstring, ``pass``, ``...``, a declaration of scope."""
    match statement:
        case ast.Expr(value=ast.Constant()) | ast.Pass() | ast.Global() | ast.Nonlocal():
            return True
        case _:
            return False


def _acts(annotation: ast.expr) -> bool:
    """Return whether evaluating `annotation` binds a name or suspends the function around it."""
    acting = (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)
    return any(isinstance(node, acting) for node in ast.walk(annotation))
