"""Which variable a name means: Python's scoping rules over a syntax tree, the same on every interpreter.

Standard library only. Follows the language reference, section 4.2 (naming and binding); the tests compare it with
the interpreter's own ``symtable``.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["module", "function", "class", "comprehension", "type"]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(slots=True, eq=False)
class Scope:
    """One block of names.

    Attributes
    ----------
    bound
        The names that the block binds, and how many times.
    fixed
        Those whose spelling can be seen from outside: parameters, and the names of ``def`` and ``class``.
    """

    kind: Kind
    parent: Scope | None
    private: str = ""
    bound: Counter[str] = field(default_factory=Counter)
    fixed: set[str] = field(default_factory=set)
    global_names: set[str] = field(default_factory=set)
    outer_names: set[str] = field(default_factory=set)

    def mangle(self, name: str) -> str:
        """Return `name` as the compiler stores it: ``__x`` in class ``A`` is ``_A__x``."""
        if not self.private or not name.startswith("__") or name.endswith("__"):
            return name
        return f"_{self.private}{name}"

    def variable(self, name: str) -> Variable:
        """Return the variable that `name` means in this block."""
        name = self.mangle(name)
        if name in self.global_names:
            return Variable(None, name)
        if self._owns(name):
            return Variable(None if self.kind == "module" else self, name)
        return Variable(self._owner(name), name)

    def _owns(self, name: str) -> bool:
        return name in self.bound and name not in self.outer_names

    def _owner(self, name: str) -> Scope | None:
        inner, scope = self, self.parent
        while scope is not None and scope.kind != "module":
            if scope.kind == "class":
                visible = inner.kind == "type" and scope._owns(name)  # annotation scopes see their class
                if visible or name == "__class__":
                    return scope
            elif name in scope.global_names:
                return None
            elif scope._owns(name):
                return scope
            inner, scope = scope, scope.parent
        return None


@dataclass(frozen=True, slots=True)
class Variable:
    """A name and the block that owns it; no block for a global (or builtin) one."""

    scope: Scope | None
    name: str


@dataclass(frozen=True, slots=True)
class Scopes:
    """The blocks of one module.

    Attributes
    ----------
    where
        For each node that reads or binds a name: the block it does so in.
    opened
        For each function, class, comprehension: the block of its body.
    typed
        For each node with type parameters: the block that holds them.
    parents
        For each function and class: the block around it.
    """

    where: dict[ast.AST, Scope]
    opened: dict[ast.AST, Scope]
    typed: dict[ast.AST, Scope]
    parents: dict[ast.AST, Scope]

    @classmethod
    def of(cls, tree: ast.Module) -> Scopes:
        """Return the blocks of `tree`."""
        scopes = cls({}, {}, {}, {})
        _NameVisitor(scopes, Scope("module", None)).read(tree.body)
        return scopes


class _NameVisitor(ast.NodeVisitor):
    """Walk a tree once, and note for each name the block it belongs to."""

    def __init__(self, scopes: Scopes, scope: Scope) -> None:
        self._scopes = scopes
        self._scope = scope

    def read(self, nodes: Sequence[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node)

    def _bind(self, node: ast.AST, name: str, *, scope: Scope | None = None, fixed: bool = False) -> None:
        scope = scope or self._scope
        self._scopes.where[node] = scope
        mangled = scope.mangle(name)
        scope.bound[mangled] += 1
        if fixed:
            scope.fixed.add(mangled)

    @contextmanager
    def _inside(self, kind: Kind, *, private: str | None = None) -> Iterator[Scope]:
        outer = self._scope
        self._scope = Scope(kind, outer, outer.private if private is None else private)
        try:
            yield self._scope
        finally:
            self._scope = outer

    @contextmanager
    def _type_parameters(self, node: ast.AST) -> Iterator[None]:
        parameters = getattr(node, "type_params", [])  # Python 3.12 has them
        if not parameters and type(node).__name__ != "TypeAlias":
            yield
            return
        with self._inside("type") as scope:
            self._scopes.typed[node] = scope
            for parameter in parameters:
                self._bind(parameter, parameter.name, fixed=True)
                self.generic_visit(parameter)
            yield

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._scopes.where[node] = self._scope
        else:
            self._bind(node, node.id)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        scope = self._scope
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        self._bind(node.target, node.target.id, scope=scope)
        self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name) and not node.simple and node.value is None:
            self._scopes.where[node.target] = self._scope  # ``(x): int`` binds nothing
        else:
            self.visit(node.target)
        self.read([node.annotation, node.value])

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._bind(node, node.name, fixed=True)
        self._scopes.parents[node] = self._scope
        self.read([*node.decorator_list, *node.args.defaults, *node.args.kw_defaults])
        with self._type_parameters(node):
            self.read([*(argument.annotation for argument in arguments(node.args)), node.returns])
            self._body(node, node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._scopes.parents[node] = self._scope
        self.read([*node.args.defaults, *node.args.kw_defaults])
        self._body(node, [node.body])

    def _body(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, body: Sequence[ast.AST]) -> None:
        with self._inside("function") as scope:
            self._scopes.opened[node] = scope
            for argument in arguments(node.args):
                self._bind(argument, argument.arg, fixed=True)
            self.read(body)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._bind(node, node.name, fixed=True)
        self._scopes.parents[node] = self._scope
        self.read(node.decorator_list)
        with self._type_parameters(node):
            self.read([*node.bases, *node.keywords])
            with self._inside("class", private=node.name.lstrip("_")) as scope:
                self._scopes.opened[node] = scope
                self.read(node.body)

    def visit_TypeAlias(self, node: ast.AST) -> None:
        self.visit(node.name)  # type: ignore[attr-defined]  # a node of Python 3.12
        with self._type_parameters(node):
            self.visit(node.value)  # type: ignore[attr-defined]  # a node of Python 3.12

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        first = node.generators[0]
        self.visit(first.iter)  # the outermost iterable is evaluated outside
        with self._inside("comprehension") as scope:
            self._scopes.opened[node] = scope
            self.read([first.target, *first.ifs, *node.generators[1:]])
            self.read([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815  # the visitor's names

    def visit_Global(self, node: ast.Global) -> None:
        self._scopes.where[node] = self._scope
        self._scope.global_names.update(map(self._scope.mangle, node.names))

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self._scope.outer_names.update(map(self._scope.mangle, node.names))

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self._bind(alias, alias.asname or alias.name.partition(".")[0])

    visit_Import = visit_ImportFrom = _import  # noqa: N815  # the visitor's names

    def _named(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar | ast.MatchMapping) -> None:
        name = node.rest if isinstance(node, ast.MatchMapping) else node.name
        if name is not None:
            self._bind(node, name)
        self.generic_visit(node)

    visit_ExceptHandler = visit_MatchAs = visit_MatchStar = visit_MatchMapping = _named  # noqa: N815  # the visitor's names


def arguments(node: ast.arguments) -> list[ast.arg]:
    """Return all parameters of a function, in the order of its signature."""
    stars = [argument for argument in (node.vararg, node.kwarg) if argument is not None]
    return [*node.posonlyargs, *node.args, *node.kwonlyargs, *stars]
