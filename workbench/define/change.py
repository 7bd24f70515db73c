"""Why a view changed: from two records of its code and inputs to lines that name what moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from workbench.define.part import Part
from workbench.define.syntaxdiff import differences

_RECORD = 1
_SHORT = 4


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that moved.

    Attributes
    ----------
    kind
        ``code``, ``helper``, ``class``, ``constant``, ``closure``, ``parameter``, ``setting``, ``source``.
    name
        What moved: ``delay_mean()``, ``WINDOW``, ``flights``.
    detail
        How: ``7 -> 14 (line 12)``.
    """

    kind: str
    name: str
    detail: str

    def __str__(self) -> str:
        start = f"in {self.name}" if self.kind == "code" else f"{self.kind} {self.name}"
        return f"{start}: {self.detail}"


@dataclass(frozen=True, slots=True)
class CodeRecord:
    """What a view was made from, to be stored and compared later.

    Attributes
    ----------
    view
        Its name.
    root
        The key of its function among the parts.
    parts
        Everything that its code reaches, with text.
    settings
        What its decorator says about its values, and its parameters.
    inputs
        The digest of each input's data, by name.
    """

    view: str
    root: str
    parts: Mapping[str, Part]
    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)

    def with_inputs(self, inputs: Mapping[str, str]) -> CodeRecord:
        """Return the record with the digests of the inputs' data."""
        return replace(self, inputs=dict(inputs))

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON-ready values."""
        return {
            "record": _RECORD,
            "view": self.view,
            "root": self.root,
            "parts": {key: asdict(part) for key, part in sorted(self.parts.items())},
            "settings": dict(self.settings),
            "inputs": dict(sorted(self.inputs.items())),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CodeRecord:
        """Return the record that `to_dict` turned into `values`."""
        return cls(
            view=values["view"],
            root=values["root"],
            parts={key: Part(**part) for key, part in values["parts"].items()},
            settings=values.get("settings", {}),
            inputs=values.get("inputs", {}),
        )


def explain_change(old: CodeRecord, new: CodeRecord) -> list[Change]:
    """Name what moved between two records of a view.

    Parameters
    ----------
    old, new
        Records of the same view.

    Returns
    -------
    list of Change
        The view's own code first, then helpers, constants, parameters, settings and input data; empty where
        nothing moved. ``str(change)`` is a line for people.
    """
    changes = [*_code(old, new), *_settings(old, new), *_inputs(old, new)]
    return list(dict.fromkeys(changes))


def _code(old: CodeRecord, new: CodeRecord) -> Iterator[Change]:
    if old.root != new.root:
        yield Change("code", f"{old.root}()", f"the function is now called {new.root}()")
    before, after = _paired(old), _paired(new)
    for key in sorted({*before, *after}, key=lambda key: (key != "", key)):
        one, two = before.get(key), after.get(key)
        if one is None and two is not None:
            yield Change(_kind(two, key), two.name, f"is new{_value(two)}")
        elif two is None and one is not None:
            yield Change(_kind(one, key), one.name, f"is no longer used{_value(one)}")
        elif one is not None and two is not None and one.hash != two.hash:
            yield from _part(one, two, key, before, after)


def _paired(record: CodeRecord) -> dict[str, Part]:
    """Return the parts by key; the view's own function under the empty key, whatever it is called."""
    return {"" if key == record.root else key: part for key, part in record.parts.items()}


def _kind(part: Part, key: str) -> str:
    if part.kind == "function":
        return "helper" if key else "code"
    return part.kind


def _value(part: Part) -> str:
    return "" if part.kind in ("function", "class") else f": {part.text}"


def _part(one: Part, two: Part, key: str, before: Mapping[str, Part], after: Mapping[str, Part]) -> Iterator[Change]:
    kind = _kind(two, key)
    if two.kind not in ("function", "class") or one.kind != two.kind:
        same = one.text == two.text
        yield Change(kind, two.name, f"{one.text}: its value changed" if same else f"{one.text} -> {two.text}")
        return
    found = differences(one.text, two.text, line=two.line)
    for difference in found:
        yield Change(kind, two.name, f"changed: {difference}" if kind == "helper" else difference)
    if not found:
        # the text says the same, so a default, a base or something that it names is another object now
        yield from _unseen(kind, two, before, after)


def _unseen(kind: str, part: Part, before: Mapping[str, Part], after: Mapping[str, Part]) -> Iterator[Change]:
    moved = [key for key in {*before, *after} if before.get(key) is None or after.get(key) is None]
    if not moved:
        yield Change(kind, part.name, "what one of its names or defaults stands for changed")


def _settings(old: CodeRecord, new: CodeRecord) -> Iterator[Change]:
    for name in sorted({*old.settings, *new.settings} - {"parameters"}):
        one, two = old.settings.get(name), new.settings.get(name)
        if one != two or type(one) is not type(two):
            before, after = (value if isinstance(value, str) else _shown(value) for value in (one, two))
            yield Change("setting", name, f"{before} -> {after}")
    defaults, others = old.settings.get("parameters", {}), new.settings.get("parameters", {})
    for name in sorted({*defaults, *others}):
        in_code = f"parameter {name}"
        if in_code in old.parts or in_code in new.parts:
            one_part, two_part = old.parts.get(in_code), new.parts.get(in_code)
            if (one_part and one_part.hash) != (two_part and two_part.hash):
                continue  # named with the code
        if repr(defaults.get(name)) != repr(others.get(name)):
            yield Change("parameter", name, f"{_shown(defaults.get(name))} -> {_shown(others.get(name))}")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict) and "value" in value:
        return str(value["value"])
    return "none" if value is None else repr(value)


def _inputs(old: CodeRecord, new: CodeRecord) -> Iterator[Change]:
    if not old.inputs or not new.inputs:
        return
    for name in sorted({*old.inputs, *new.inputs}):
        one, two = old.inputs.get(name), new.inputs.get(name)
        if one is None:
            yield Change("source", name, "is a new input")
        elif two is None:
            yield Change("source", name, "is no longer an input")
        elif one != two:
            yield Change("source", name, f"data changed (digest {_digest(one, two)})")


def _digest(one: str, two: str) -> str:
    """Return both digests as short as they still differ."""
    length = _SHORT
    while one[:length] == two[:length]:
        length += 1
    short = [digest if len(digest) <= length else f"{digest[:length]}.." for digest in (one, two)]
    return " -> ".join(short)
