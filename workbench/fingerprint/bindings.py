"""What the names in a function or class mean, by the objects that they name."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from workbench.fingerprint.canonical import Canonical, LocalImport, NameReference
from workbench.fingerprint.encoding import Form, digest, encode
from workbench.fingerprint.first_party import OURS
from workbench.fingerprint.node import CodePart, PartKind, Place
from workbench.fingerprint.objects import MISSING, ObjectForms, builtin
from workbench.fingerprint.values import Opaque, display_value

_PLACES = frozenset({"__file__", "__path__", "__spec__", "__loader__", "__cached__", "__package__", "__builtins__"})
_WORD = re.compile(r"[^\W\d]\w*")
_TABLES = frozenset({"polars", "pandas", "pyarrow"})
_WHERE = ("depends on the file's location", "Write the value out as a constant.")


@dataclass(slots=True)
class Bindings:
    """The meaning of the names of one function or class.

    Attributes
    ----------
    place
        The function or class.
    objects
        Says what objects are.
    constants
        The constants met, by key.
    """

    place: Place
    objects: ObjectForms
    constants: dict[str, CodePart]
    _found: dict[tuple[Form, tuple[str, ...]], Form] = field(default_factory=dict)
    _modules: dict[Form, types.ModuleType | str] = field(default_factory=dict)

    def forms(self, written: Canonical, *, by_text: bool) -> Form:
        """Return the form of each external name, in order of appearance."""
        for imported in written.imports:
            self._check("imports", imported.name or imported.module, imported.node, self._take_import, imported)
        for reference in written.references:
            name = ".".join((reference.variable.name, *reference.chain))
            self._check("uses", name, reference.node, self._refer, reference)
        if "__class__" in self.place.cells:  # what a bare ``super()`` means
            self._check("uses", "super", self.place.node, self._take_class, self.place.cells["__class__"])
        for name in self._named_in_text() if by_text else ():
            self._check("may read by its name", name, self.place.node, self._take_named, name)
        return tuple([(target, chain, form) for (target, chain), form in self._found.items()])

    def _check(self, verb: str, name: str, node: Any, take: Callable[[Any], None], item: object) -> None:
        try:
            take(item)
        except Opaque as problem:
            raise self.place.refusal(node, f"{verb} {name}, which {problem.what}", problem.remedy) from None

    def _named_in_text(self) -> list[str]:
        """Return the globals that are tables, or a word of a text in the function, except modules."""
        constants = [node.value for node in ast.walk(self.place.node) if isinstance(node, ast.Constant)]
        words = {word for value in constants if isinstance(value, str) for word in _WORD.findall(value)}
        return [
            name
            for name, value in sorted(self.place.module.items())
            if not name.startswith("__")
            and not isinstance(value, types.ModuleType)
            and (name in words or (_library(value) in _TABLES and hasattr(type(value), "columns")))
        ]

    def _take_class(self, kind: object) -> None:
        self._found[("class cell",), ()] = self.objects.identity(kind, "__class__")

    def _take_named(self, name: str) -> None:
        module = str(self.place.module.get("__name__"))
        self._found[("text", name), ()] = self._global_constant(self.place.module[name], module, name)

    def _refer(self, reference: NameReference) -> None:
        value = self._value(reference)
        if value is not None:
            self._follow(reference, value[0])

    def _value(self, reference: NameReference) -> tuple[Any] | None:
        """Return what a reference names, None where its syntax says all or its meaning is noted already."""
        target, name = reference.target, reference.variable.name
        match target[0]:
            case "global":
                return self._global(reference)
            case "free" if name in self.place.cells:
                if reference.stored:
                    raise Opaque("is changed for later calls", "Return values instead of changing what is shared.")
                return (self.place.cells[name],)
            case "free":
                scope = reference.variable.scope
                if scope is None or scope.kind != "class":
                    raise Opaque("belongs to the function around it", "Define it at the top level of the file.")
            case _ if target in self._modules:
                return (self._modules[target],)
        return None

    def _global(self, reference: NameReference) -> tuple[Any] | None:
        name = reference.variable.name
        if reference.stored:
            raise Opaque("is changed while it runs", "Return values instead of changing what is shared.")
        if name not in self.place.module:
            self._found[reference.target, ()] = builtin(name, self.objects.home)
            return None
        if name == "__file__" and self.objects.home.data:
            module = self.objects.home.relative(str(self.place.module["__name__"]))
            self._found[reference.target, ()] = ("module file", module)
            return None  # to find the declared files beside it
        if name in _PLACES:
            raise Opaque(*_WHERE)
        value = self.place.module[name]
        if name == "__name__":
            self._found[reference.target, ()] = ("module name", self.objects.home.relative(str(value)))
            return None
        return (value,)

    def _follow(self, reference: NameReference, value: Any) -> None:
        """Note what `value` is; of a module of the user's own: what the attribute taken of it is."""
        target, chain = reference.target, reference.chain
        if isinstance(value, str) and target in self._modules:
            self.objects.home.check_member(value, chain)  # a library imported inside the function
            return
        used, owner, name = 0, str(self.place.module.get("__name__")), reference.variable.name
        while isinstance(value, types.ModuleType) and self.objects.home.owns(value.__name__):
            if used == len(chain) or reference.stored:
                raise Opaque("is a whole module of your own", f"Import the names that you need: {name}.<name>.")
            owner, name = value.__name__, chain[used]
            if name in _PLACES or name == "__name__":
                raise Opaque(*_WHERE)
            value = getattr(value, name, MISSING)
            used += 1
        key = (target, chain[:used])
        if isinstance(value, types.ModuleType):
            self._found.setdefault(key, ("module", value.__name__))
            self._library_member(value, chain[used:], (target, chain))
        elif value is MISSING:
            self._found[key] = ("undefined",)
        elif key not in self._found:
            if target[0] == "free" and not used:
                self._found[key] = self._constant(value, name, "closure", f"{self.place.key} closure {target[1]}")
            else:
                self._found[key] = self._global_constant(value, owner, name)

    def _library_member(self, module: types.ModuleType, chain: tuple[str, ...], key: Any) -> None:
        """Refuse what a library's module must not be asked for; note the version of a function of ours."""
        self.objects.home.check_member(module.__name__, chain)
        value: Any = module
        for name in chain if module.__name__.partition(".")[0] == OURS else ():
            value = getattr(value, name, None)
            if isinstance(value, types.FunctionType):
                self._found[key] = self.objects.identity(value, name)
                return

    def _global_constant(self, value: object, module: str, name: str) -> Form:
        label = self.objects.label(module, name)
        return self._constant(value, label, "constant", f"constant {label}")

    def _constant(self, value: object, name: str, kind: PartKind, key: str) -> Form:
        """Return what `value` is; a plain value becomes a part, so that a change of it can be named."""
        data = self.objects.home.data_path(value)
        if data is not None:
            return ("file", data)
        form = self.objects.identity(value, name)
        if form[0] in ("part", "library", "view", "module", "cached", "made by", "method"):
            return form
        folder = self.objects.home.folder
        if folder and len(folder) > 1 and folder.encode() in encode(form):
            raise Opaque(*_WHERE)
        self.constants[key] = CodePart(kind, name, digest(form), display_value(value))
        return ("part", key)

    def _take_import(self, imported: LocalImport) -> None:
        """Note what an ``import`` inside the function brings."""
        scope = imported.variable.scope
        if scope is None:
            raise Opaque("becomes a global while it runs", "Import it at the top of the file.")
        module = self._absolute(imported)
        own = imported.level > 0 or self.objects.home.owns(module)
        name = imported.name
        if not own and module.partition(".")[0] != OURS:
            self.objects.home.check_member(module, () if name is None else (name,))
            if name is None:
                self._module(imported, module if imported.renamed else module.partition(".")[0])
            return
        value = _import_module(module, imported)
        if isinstance(value, types.ModuleType):
            self._module(imported, value)
        else:
            key = (("import", imported.level, imported.module, name), ())
            self._found[key] = ("undefined",) if value is MISSING else self._global_constant(value, module, name or "")

    def _module(self, imported: LocalImport, module: types.ModuleType | str) -> None:
        scope = imported.variable.scope
        own = isinstance(module, types.ModuleType)
        if own and scope is not None and scope.bound[imported.variable.name] > 1:
            raise Opaque("has the same name as another import", "Give each import a name of its own.")
        self._modules[imported.target] = module

    def _absolute(self, imported: LocalImport) -> str:
        if not imported.level:
            return imported.module
        name = str(self.place.module.get("__name__"))
        package = self.place.module.get("__package__") or name.rpartition(".")[0]
        try:
            return importlib.util.resolve_name("." * imported.level + imported.module, str(package))
        except ImportError:
            raise Opaque("is outside any package", "Import it by its full name.") from None


def _library(value: object) -> str:
    return type(value).__module__.partition(".")[0]


def _import_module(module: str, imported: LocalImport) -> Any:
    """Return what an ``import`` of first-party code gives; what cannot be imported is missing."""
    try:
        found = importlib.import_module(module)
        if imported.name is None:
            return found if imported.renamed else importlib.import_module(module.partition(".")[0])
        if not hasattr(found, imported.name) and hasattr(found, "__path__"):
            return importlib.import_module(f"{module}.{imported.name}")
        return getattr(found, imported.name, MISSING)
    except ImportError:
        return MISSING
