"""Fingerprints: what a view's values depend on, as hashes.

The code hash covers the function and everything first-party that it reaches; the view id adds parameters and the
digests of the inputs' data. What does not decide values (owner, tags, limits of use) has a hash of its own.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType, MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from workbench.fingerprint.address import SCHEME
from workbench.fingerprint.closure import reach
from workbench.fingerprint.encoding import digest
from workbench.fingerprint.explain import CodeRecord
from workbench.fingerprint.first_party import Home
from workbench.fingerprint.node import CodePart, refusal
from workbench.fingerprint.objects import ObjectForms
from workbench.fingerprint.source_code import SourceCodes, plain_functions
from workbench.fingerprint.values import Opaque, display_value

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = ["Fingerprint", "check_hash", "code_hash", "metadata_hash", "parameters_of"]


class Definition(Protocol):
    """What a fingerprint is taken of: the parts of a `FeatureView` that count."""

    @property
    def name(self) -> str: ...
    @property
    def function(self) -> Callable[..., Any]: ...
    @property
    def entities(self) -> tuple[str, ...]: ...
    @property
    def event_time(self) -> str: ...
    @property
    def created(self) -> str | None: ...
    @property
    def parameters(self) -> Mapping[str, Any]: ...
    @property
    def files(self) -> tuple[str, ...]: ...
    @property
    def owner(self) -> str | None: ...
    @property
    def description(self) -> str | None: ...
    @property
    def scope(self) -> str: ...
    @property
    def tags(self) -> Mapping[str, str]: ...
    @property
    def ttl(self) -> timedelta | None: ...
    @property
    def lookback(self) -> timedelta | None: ...


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The identity of a view's code.

    Attributes
    ----------
    code_hash
        SHA-256, in hexadecimal; the same on every machine, interpreter and under every name of the package.
    parts
        The hash of each function, class, constant, closure value and parameter that it reaches.
    record
        The same with its text, to be stored, so that a later change can be explained.
    """

    code_hash: str
    parts: Mapping[str, str]
    record: CodeRecord


def code_hash(
    view: Definition,
    *,
    first_party: Callable[[str], bool] | None = None,
    sources: SourceCodes | None = None,
    offset: int = 0,
) -> Fingerprint:
    """Return the fingerprint of a view's code."""
    function = view.function
    if not isinstance(function, FunctionType):
        raise refusal(view.name, "is not a plain Python function", "Write it with `def`.")
    home = Home.of(function.__globals__, first_party)
    unknown = [name for name in view.files if name not in home.data]
    if unknown:
        what = f"declares the file {unknown[0]}, which is not in the features/ of a project"
        raise refusal(view.name, what, "Define it in a %%feature cell, or as a file of features/.")
    root, parts = reach(function, home=home, sources=sources or SourceCodes(), parameters=view.parameters, shift=offset)
    for name, blob in home.data.items():
        parts[f"file {name}"] = CodePart("file", name, digest(("file", name, blob)), blob[:10])
    hashes = {key: part.hash for key, part in sorted(parts.items())}
    kinds = tuple([(key, parts[key].kind, value) for key, value in hashes.items()])
    return Fingerprint(
        code_hash=digest(("code", SCHEME, root, kinds)),
        parts=MappingProxyType(hashes),
        record=CodeRecord(view=view.name, root=root, parts=parts, settings=json.loads(parameters_of(view))),
    )


def check_hash(function: FunctionType, model: type, *, sources: SourceCodes | None = None, offset: int = 0) -> str:
    """Return the hash of a check that the user wrote in a model, and of all that it reaches.

    What a check asks of its model, as by ``cls.limit()``, cannot be told from its text: where it uses the model, all
    that the model and its bases hold beside columns counts.
    """
    home = Home.of(function.__globals__, None)
    sources = sources or SourceCodes()
    held = _model_members(model, home) if _uses_first(function, sources) else {}
    root, parts = reach(function, home=home, sources=sources, parameters=held, shift=offset)
    return digest(("check", SCHEME, root, tuple([(key, part.kind, part.hash) for key, part in sorted(parts.items())])))


def parameters_of(view: Definition) -> str:
    """Return what the decorator and the signature say about a view's values, as canonical JSON.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> parameters_of(SimpleNamespace(name="v", entities=("a",), event_time="t", created=None, parameters={"days": 7}))
    '{"created":null,"entities":["a"],"event_time":"t","parameters":{"days":7}}'
    """
    said = {
        "created": view.created,
        "entities": list(view.entities),
        "event_time": view.event_time,
        "parameters": {name: _json(view, name, value) for name, value in view.parameters.items()},
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def metadata_hash(view: Definition) -> str:
    """Return the hash of what never makes a view be computed again: owner, tags, description, limits of use."""
    form = (
        *("metadata", SCHEME, view.owner, view.description or "", view.scope),
        tuple(sorted(view.tags.items())),
        *(
            None if length is None else (length.days, length.seconds, length.microseconds)
            for length in (view.ttl, view.lookback)
        ),
    )
    return digest(form)


def _uses_first(function: FunctionType, sources: SourceCodes) -> bool:
    """Return whether a function uses its first parameter, or may, where its text is not known."""
    try:
        node = sources.of(function.__code__, function.__globals__).function(function.__code__)
    except Opaque:
        return True
    first = [*node.args.posonlyargs, *node.args.args][:1]
    names = {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}
    return not first or first[0].arg in names


def _model_members(model: type, home: Home) -> dict[str, object]:
    """Return the functions and the private values of a model's classes that are the user's own."""
    found: dict[str, object] = {}
    for kind in (kind for kind in model.__mro__ if home.owns(kind.__module__)):
        for name, value in vars(kind).items():
            functions = plain_functions(value)
            is_config = name == "Config" and home.owns(value.__module__)  # pandera makes one where there is none
            if functions or is_config or (name.startswith("_") and not name.startswith("__")):
                found.setdefault(f"{kind.__qualname__}.{name}", functions or value)
    return found


def _json(view: Definition, name: str, value: Any) -> object:
    """Return a parameter's value for people where JSON keeps it apart from any other one, else with its digest."""
    if value is None or type(value) in (bool, int, str) or (type(value) is float and math.isfinite(value)):
        return value
    module = getattr(getattr(view, "function", None), "__globals__", {})
    try:
        form = ObjectForms(Home.of(module, None)).identity(value, name)
    except Opaque as problem:
        what = f"has the parameter {name}, whose default {problem.what}"
        raise refusal(f"{view.name}()", what, problem.remedy) from None
    return {"type": type(value).__name__, "value": display_value(value), "digest": digest(form)}
