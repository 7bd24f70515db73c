"""Fingerprints: what a view's values depend on, as hashes.

The code hash covers the function and everything first-party that it reaches; the view id adds parameters and the
digests of the inputs' data. What does not decide values (owner, tags, limits of use) has a hash of its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType, MappingProxyType
from typing import TYPE_CHECKING, Any

from workbench.define.byvalue import Opaque, shown
from workbench.define.change import Change, CodeRecord, explain_change
from workbench.define.form import digest
from workbench.define.home import Home
from workbench.define.objects import Objects
from workbench.define.part import refusal
from workbench.define.reach import reach
from workbench.define.sourcecode import SourceCodes

if TYPE_CHECKING:
    from workbench.define.view import FeatureView

__all__ = [
    "Change",
    "CodeRecord",
    "Fingerprint",
    "code_hash",
    "explain_change",
    "metadata_hash",
    "parameters_of",
    "view_id",
]

SCHEME = 1
"""Version of everything that is hashed here: raised when the same code is to have another hash."""


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
    view: FeatureView,
    *,
    first_party: Callable[[str], bool] | None = None,
    sources: SourceCodes | None = None,
    offset: int = 0,
) -> Fingerprint:
    """Return the fingerprint of a view's code.

    Parameters
    ----------
    view
        The view; its function's text must be there: in a file, or in a notebook's cell.
    first_party
        Tells by a module's name whether its code is followed. By default that is the view's top-level package and
        whatever lies outside of the interpreter's library folders; libraries are known by name alone.
    sources
        Files read before, for the fingerprints of several views of one tree.
    offset
        How many lines the view's module is ahead of the cell that the user wrote.

    Returns
    -------
    Fingerprint
        The code hash, and what it is made of.

    Raises
    ------
    NotFingerprintable
        The code reaches something whose identity cannot be known: naming it, its line, and the remedy.
    """
    function = view.function
    if not isinstance(function, FunctionType):
        raise refusal(view.name, "is no plain Python function", "Write it with `def`.")
    home = Home.of(function.__globals__, first_party)
    root, parts = reach(function, home=home, sources=sources or SourceCodes(), parameters=view.parameters, shift=offset)
    hashes = {key: part.hash for key, part in sorted(parts.items())}
    kinds = tuple([(key, parts[key].kind, value) for key, value in hashes.items()])
    return Fingerprint(
        code_hash=digest(("code", SCHEME, root, kinds)),
        parts=MappingProxyType(hashes),
        record=CodeRecord(view=view.name, root=root, parts=parts, settings=json.loads(parameters_of(view))),
    )


def parameters_of(view: FeatureView) -> str:
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


def metadata_hash(view: FeatureView) -> str:
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


def view_id(*, code_hash: str, parameters: str, inputs: Mapping[str, str]) -> str:
    """Return the address of a computed view.

    Parameters
    ----------
    code_hash
        Of the view's `Fingerprint`.
    parameters
        What `parameters_of` returns.
    inputs
        The digest of each input's data, by the input's name.

    Returns
    -------
    str
        SHA-256, in hexadecimal.

    Examples
    --------
    >>> one = view_id(code_hash="c", parameters="{}", inputs={"flights": "a", "weather": "b"})
    >>> one == view_id(code_hash="c", parameters="{}", inputs={"weather": "b", "flights": "a"})
    True
    """
    return digest(("view", SCHEME, code_hash, parameters, tuple(sorted(inputs.items()))))


def _json(view: FeatureView, name: str, value: Any) -> object:
    """Return a parameter's value for people where JSON keeps it apart from any other one, else with its digest."""
    if value is None or type(value) in (bool, int, str) or (type(value) is float and math.isfinite(value)):
        return value
    module = getattr(getattr(view, "function", None), "__globals__", {})
    try:
        form = Objects(Home.of(module, None)).identity(value, name)
    except Opaque as problem:
        what = f"has the parameter {name}, whose default {problem.what}"
        raise refusal(f"{view.name}()", what, problem.remedy) from None
    return {"type": type(value).__name__, "value": shown(value), "digest": digest(form)}
