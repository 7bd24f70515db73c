"""The reference in ``notebooks/reference.md``, generated from the code: verbs, settings, Python API, errors.

``python -m tests.reference`` writes it anew.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
import types
from collections.abc import Iterator
from datetime import time
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from docstring_parser import Docstring, DocstringStyle, parse

import workbench
from workbench import config, errors
from workbench.cli.parsers import WITH_PROJECT, WITHOUT_PROJECT, cell_parser, parser
from workbench.settings import Settings, default_of, fields

PATH = Path(__file__).parents[1] / "notebooks" / "reference.md"
NOT_OURS = {"UTC"}
"""Public names whose docstring is a library's."""

HEAD = """\
# Reference

Generated from the code by `.venv/bin/python -m tests.reference`: edit the docstrings, not this file.
The [README](../README.md) and the notebooks beside this file show how the parts go together.

- [Verbs](#verbs): the command line and `%feature`
- [Settings](#settings): `workbench.toml`
- [Python](#python): `import workbench as wb`
- [Errors and warnings](#errors-and-warnings)
"""


def reference() -> str:
    """Return the whole reference as Markdown."""
    parts = [HEAD, *_verbs(), *_settings(), *_python(), *_errors()]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _verbs() -> Iterator[str]:
    yield """\
## Verbs

Each verb is a command, `workbench VERB`, and a line in a notebook, `%feature VERB`. Every verb takes `--help`,
`--all` (show what the report folds or cuts), `--json` (the result as JSON) and `--no-sign` (sign nothing that need not
be signed). The exit code is 0; 1 if the verb or a check failed; 2 if the words were wrong; 130 if it was interrupted.
Give an option that *may be repeated* once for each value.
"""
    app = parser("workbench")
    for word in {**WITHOUT_PROJECT, **WITH_PROJECT}:
        yield _verb(word, f"workbench {word}", app[word], app[word].help)
    cell = cell_parser()
    yield _verb("%%feature", "%%feature", cell, cell.help)


def _verb(title: str, words: str, app: Any, text: str) -> str:
    usage, rows = [words], []
    for argument in app.assemble_argument_collection():
        if not argument.show:
            continue
        field, name = argument.field_info, argument.names[0]
        default = field.default
        if field.kind is not field.KEYWORD_ONLY:
            metavar = name.removeprefix("--").upper()
            several = field.kind is field.VAR_POSITIONAL or "list[" in str(argument.hint)
            shown = metavar + ("..." if several else "")
            usage.append(shown if argument.required else f"[{shown}]")
            name = metavar
        elif default is True:
            name = " / ".join(argument.names)
        elif argument.hint is not bool:
            name = f"{name} {_metavar(argument.hint)}"
        what = _cell(argument.parameter.help or _parameter(app, argument))
        note = " Required." if argument.required and name.startswith("-") else ""
        if default is True:
            note = f"{note} Default: `{argument.names[0]}`."
        elif isinstance(default, str | Path) and str(default) != ".":
            note = f"{note} Default: `{default}`."
        rows.append(f"| `{name}` | {what}{note} |")
    keywords = [row for row in rows if row.startswith("| `--")]
    if keywords:
        usage.append("[OPTIONS]")
    lines = [
        f"### {_code(title)}",
        "",
        "```",
        " ".join(usage),
        "```",
        "",
        _prose(_numpy(text).description or ""),
    ]
    if rows:
        lines += ["", "| argument or option | what it is |", "| --- | --- |", *rows]
    return "\n".join(lines)


def _metavar(hint: Any) -> str:
    """Return what stands for the value of an option of the type `hint`."""
    kinds = {"int": "N", "float": "X", "Path": "FILE", "str": "TEXT"}
    return next((word for kind, word in kinds.items() if kind in str(hint)), "VALUE")


def _parameter(app: Any, argument: Any) -> str:
    """Return what the verb's docstring says of one of its parameters."""
    documented = _numpy(inspect.getdoc(app.default_command) or "").params
    name = argument.field_info.names[0].removeprefix("--").replace("-", "_").lower()
    return next((one.description or "" for one in documented if one.arg_name.lower() == name), "")


def _settings() -> Iterator[str]:
    yield """\
## Settings

They are in `workbench.toml` at the project's root. An unknown key is an error that names the closest known one. The
policy is read from the file as it stands on `main`: a branch cannot change its own rules.
[A project](project.md) has an example of each.
"""
    for field in fields(config.Config):
        section = settings_model(field.type)
        assert section is not None
        yield from _section("sources.<name>" if field.name == "sources" else field.name, section)


def _section(place: str, model: type[Settings], *, several: bool = False) -> Iterator[str]:
    rows, inner = [], []
    docs = setting_docs(model)
    for field in fields(model):
        name, below = field.name, settings_model(field.type)
        if below is not None:
            inner.append((f"{place}.{name}", below, get_origin(field.type) is tuple))
        if below is not None:
            kind, default = "see below", ""
        else:
            kind = _kind(field.type)
            default = "required" if field.required else _toml(default_of(field))
        rows.append(f"| `{name}` | {kind} | {default} | {_cell(docs[name])} |")
    text = _prose(re.sub(r"^``\[+[^`]+``:? *", "", inspect.getdoc(model) or ""))
    heading = f"[[{place}]]" if several else f"[{place}]"
    table = ["| key | type | default | what it is |", "| --- | --- | --- | --- |", *rows]
    yield "\n".join([f"### `{heading}`", "", text[:1].upper() + text[1:], "", *table])
    for where, below, repeated in inner:
        yield from _section(where, below, several=repeated)


def setting_docs(model: type[Settings]) -> dict[str, str]:
    """Return the docstring below each setting of `model`."""
    body = ast.parse(inspect.getsource(model)).body[0].body  # type: ignore[attr-defined]  # it is a class
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


def settings_model(annotation: Any) -> type[Settings] | None:
    """Return the settings' model that a field holds: one, several, or one for each name."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return annotation
    return next(filter(None, map(settings_model, get_args(annotation))), None)


def _kind(annotation: Any) -> str:
    """Return what TOML value a field takes."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(inner[0])
    if origin is Literal:
        return ", ".join(f"`{json.dumps(one)}`" for one in inner)
    if origin is tuple:
        return f"list of {_kind(inner[0])}"
    if origin in {Union, types.UnionType}:
        return " or ".join(_kind(one) for one in inner if one is not type(None))
    if origin is dict:
        return f"table of {_kind(inner[1])}"
    names = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
    return names.get(annotation.__name__, str(annotation.__name__))


def _toml(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, time):
        return f"`{value.isoformat()}`"
    return f"`{json.dumps(value)}`"


def _python() -> Iterator[str]:
    yield """\
## Python

`import workbench as wb`. What methods return can be shown in a notebook and a terminal, and has `.to_dict()`; frames
are Polars frames.
"""
    for name in sorted(workbench.__all__, key=str.casefold):
        value = getattr(workbench, name)
        if isinstance(value, type) and issubclass(value, Exception):
            continue  # with the errors and warnings
        yield f"### {_code(f'wb.{name}')}"
        if name in NOT_OURS:
            yield f"{_code(name)} is `{value!r}`: the dtype of a column of moments, in a `FeatureModel`."
            continue
        yield _documented(value, name)
        if isinstance(value, type):
            for member, what in _members(value):
                yield f"#### {_code(f'{name}.{member}')}"
                yield _documented(what, f".{member}")


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """Return the public methods and properties of a class of ours, in the order of its text, inherited ones last."""
    ours = [base for base in kind.__mro__ if base.__module__.startswith("workbench.")]
    found = {name: value for base in reversed(ours) for name, value in vars(base).items()}
    order = dict.fromkeys(name for base in ours for name in vars(base))
    for name in order:
        value = found[name]
        what = getattr(kind, name) if isinstance(value, classmethod | staticmethod) else value
        is_member = _is_function(what) or isinstance(what, property | cached_property)
        if is_member and not name.startswith("_") and inspect.getdoc(what):
            yield name, what


def _is_function(value: Any) -> bool:
    return inspect.isfunction(value) or inspect.ismethod(value)


def _documented(value: Any, name: str) -> str:
    docs = _numpy(inspect.getdoc(value) or "")
    lines: list[str] = []
    if _is_function(value):
        lines += ["```python", _signature(name, value), "```", ""]
    lines += [_prose(docs.description or ""), ""]
    attributes = [one for one in docs.params if one.args[0] == "attribute"]
    given = [one for one in docs.params if one not in attributes]
    for title, entries in (("Parameters", given), ("Attributes", attributes)):
        if entries:
            lines += [f"*{title}*", "", *(_entry(one.arg_name, one.description) for one in entries), ""]
    for one in docs.many_returns:
        kind = f"`{one.type_name}`" if one.type_name else ""
        lines += [f"*Returns* {': '.join(filter(None, [kind, _inline(one.description or '')]))}", ""]
    if docs.raises:
        lines += ["*Raises*", "", *(_entry(one.type_name or "", one.description) for one in docs.raises), ""]
    shown = [part for one in docs.examples for part in (one.snippet, one.description) if part]
    if any(part.startswith(">>>") for part in shown):
        lines += ["```pycon", *shown, "```", ""]
    elif shown:
        lines += [f"For example {', '.join(map(_inline, shown))}.", ""]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def _signature(name: str, value: Any) -> str:
    """Return the signature as its author wrote it, with a parameter a line where it is long."""
    found = inspect.signature(value)
    words, starred = [], False
    for one in found.parameters.values():
        if one.name in {"self", "cls"}:
            continue
        if one.kind is one.KEYWORD_ONLY and not starred:
            words.append("*")
        starred = starred or one.kind in {one.KEYWORD_ONLY, one.VAR_POSITIONAL}
        text = _STARS.get(one.kind, "") + one.name
        text += f": {_annotation(one.annotation)}" if one.annotation is not one.empty else ""
        words.append(text + (f" = {_default(one.default)}" if one.default is not one.empty else ""))
    returned = f" -> {_annotation(found.return_annotation)}" if found.return_annotation is not found.empty else ""
    whole = f"{name}({', '.join(words)}){returned}"
    return whole if len(whole) <= 100 else "\n".join([f"{name}(", *(f"    {word}," for word in words), f"){returned}"])


_STARS: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def _annotation(value: Any) -> str:
    return value if isinstance(value, str) else getattr(value, "__name__", str(value))


def _default(value: Any) -> str:
    """Return a default as a reader writes it; an object that only says where it is in memory is an omission."""
    return "..." if "object at 0x" in repr(value) else repr(value)


def _entry(name: str, text: str | None) -> str:
    return f"- `{name}`: {_inline(text or '')}" if text else f"- `{name}`"


def _errors() -> Iterator[str]:
    yield """\
## Errors and warnings

Every error is a `wb.WorkbenchError`; the others are in `workbench.errors`. An error has `message` (what is wrong),
`remedy` (what to do), `lines` (details) and `to_dict()`, which `--json` prints.
"""
    yield "\n".join(_tree(errors.WorkbenchError, 0))
    warned = [getattr(workbench, name) for name in sorted(workbench.__all__) if name.endswith("Warning")]
    yield "\n".join(f"- `wb.{kind.__name__}`: {_summary(kind)}" for kind in warned)


def error_kinds() -> list[type[errors.WorkbenchError]]:
    """Return the public errors, in the order of the file."""
    return [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.WorkbenchError)]


def _tree(kind: type[errors.WorkbenchError], depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}- `{kind.__name__}`: {_summary(kind)}"
    for one in error_kinds():
        if kind in one.__bases__:
            yield from _tree(one, depth + 1)


def _summary(kind: type) -> str:
    return _inline((inspect.getdoc(kind) or "").partition("\n\n")[0])


def _numpy(text: str) -> Docstring:
    return parse(text, style=DocstringStyle.NUMPYDOC)


def _prose(text: str) -> str:
    """Return prose as Markdown: its paragraphs apart, and blocks of code as such."""
    found = []
    for part in text.strip().split("\n\n"):
        if all(line.startswith("    ") for line in part.splitlines()):
            found.append(f"```python\n{textwrap.dedent(part)}\n```")
        elif part.strip() != "::":
            found.append(_inline(part))
    return "\n\n".join(found)


def _cell(text: str) -> str:
    """Return a docstring as the cell of a table."""
    return _inline(text).replace("|", "\\|")


def _inline(text: str) -> str:
    """Return a paragraph of a docstring on one line, with code as Markdown marks it."""
    return re.sub(r"``(.+?)``", r"`\1`", " ".join(text.split()))


def _code(name: str) -> str:
    return f"`{name}`"


if __name__ == "__main__":
    PATH.write_text(reference(), encoding="utf-8")
