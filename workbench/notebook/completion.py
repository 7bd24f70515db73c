"""What may stand where somebody types, in ``%feature`` lines and ``%%feature`` cells: project facts in, candidates out.

Nothing is run and nothing is computed. The kernel and the panel's language service share these functions.
"""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

if TYPE_CHECKING:
    from workbench.project import KnownNames

CandidateKind = Literal[
    "verb",
    "option",
    "choice",
    "branch",
    "view",
    "feature",
    "feature set",
    "version",
    "key",
    "value",
    "source",
    "column",
    "release",
    "experiment",
    "run",
    "training set",
    "file",
    "name",
]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that may stand where the cursor is.

    Attributes
    ----------
    text
        The whole word that it makes of the one being typed.
    kind
        What it is.
    detail
        What is known of it, in a few words.
    """

    text: str
    kind: CandidateKind
    detail: str = ""


MOST = 100
"""How many candidates are given at most."""

Role = Literal[
    "branch", "side", "view", "reference", "published", "version", "table", "kind", "entity", "file", "release", "run",
    "accept", "column", "member",
]  # fmt: skip

ROLES: Mapping[str, Role] = {
    "branch": "branch",
    "start": "branch",
    "against": "branch",
    "left": "side",
    "right": "side",
    "reference": "side",
    "current": "side",
    "what": "side",
    "view": "view",
    "views": "view",
    "ref": "reference",
    "feature": "reference",
    "successor": "reference",
    "search": "view",
    "entity": "entity",
    "of": "table",
    "kind": "kind",
    "to": "version",
    "release": "release",
    "accept": "accept",
    "by": "column",
    "path": "file",
    "dir": "file",
    "file": "file",
    "from_": "file",
    "spine_file": "file",
    "plan": "file",
    "out": "file",
    "log": "file",
    "store": "file",
}
"""What a parameter of a verb stands for, by its name."""

OF_VERBS: Mapping[tuple[str, str], Role] = {
    ("branch", "name"): "branch",
    ("release", "name"): "release",
    ("reproduce", "what"): "run",
    ("remove", "view"): "member",
    ("why-changed", "view"): "member",
    ("compute", "ref"): "member",
    ("check", "ref"): "member",
    ("rollback", "view"): "published",
    ("materialize", "views"): "published",
    ("deprecate", "ref"): "version",
    ("retire", "ref"): "version",
    ("withdraw", "ref"): "version",
    ("online", "store"): "file",
}
"""The same, where it is particular to one verb."""


@dataclass(frozen=True, slots=True)
class _Here:
    """What stands before the cursor: the whole words behind the verb, and what of the next one is typed."""

    words: tuple[str, ...]
    token: str
    known: KnownNames

    def view(self) -> str | None:
        """Return the first word that names a view."""
        plain = (word.partition(":")[0].partition("@")[0] for word in self.words if not word.startswith("-"))
        return next((word for word in plain if word in self.known.views), None)


def line_candidates(words: Sequence[str], token: str, known: KnownNames, *, folder: Path) -> list[Candidate]:
    """Return what may stand where `token` is being typed on a line of ``%feature``, after `words`.

    Parameters
    ----------
    words
        The whole words after ``%feature``.
    token
        What of the next word stands before the cursor.
    known
        What can be named in the project.
    folder
        Where paths start.
    """
    from workbench.cli import WITH_PROJECT, WITHOUT_PROJECT, summary

    verbs = {**WITHOUT_PROJECT, **WITH_PROJECT}
    if not words:
        told = (Candidate(word, "verb", summary(verb).partition(" --")[0]) for word, verb in verbs.items())
        return _begun(told, token)
    if words[0] not in verbs:
        return []
    return _after_verb(verbs[words[0]], words[0], words[1:], token, known, folder)


def option_candidates(words: Sequence[str], token: str, known: KnownNames, *, folder: Path) -> list[Candidate]:
    """Return what may stand where `token` is being typed on the first line of a ``%%feature`` cell."""
    from workbench.cli import cell

    return _after_verb(cell, "define", words, token, known, folder)


def _after_verb(
    command: Callable[..., Any], verb: str, words: Sequence[str], token: str, known: KnownNames, folder: Path
) -> list[Candidate]:
    parameters = _options(command)
    if words and words[-1] in parameters:
        parameter = parameters[words[-1]]
        if not _is_flag(parameter):
            return _of(parameter, verb, words[:-1], token, known, folder)
    flags = [word for word in words if word.startswith("--")]
    options = [
        Candidate(option, "option", _said(command, parameter.name))
        for option, parameter in parameters.items()
        if option not in flags or "list[" in str(parameter.annotation)
    ]
    more = [
        Candidate("--all", "option"),
        Candidate("--json", "option"),
        Candidate("--no-sign", "option"),
        Candidate("--help", "option"),
    ]
    if token.startswith("-"):
        return _begun([*options, *more], token)
    place = _place(words, parameters)
    positional = _positional(command)
    if positional:
        parameter = positional[min(place, len(positional) - 1)]
        if (
            place < len(positional)
            or parameter.kind is parameter.VAR_POSITIONAL
            or "list[" in str(parameter.annotation)
        ):
            found = _of(parameter, verb, words, token, known, folder)
            if found or token:
                return found
    return options


def _place(words: Sequence[str], parameters: Mapping[str, inspect.Parameter]) -> int:
    """Return how many words stand for themselves: neither options nor their values."""
    count, is_value = 0, False
    for word in words:
        if is_value:
            is_value = False
        elif word.startswith("--"):
            is_value = word in parameters and not _is_flag(parameters[word])
        else:
            count += 1
    return count


@cache
def _signature(command: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(command, eval_str=True)


def _options(command: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a command by the options that give them."""
    from workbench.cli import options

    named = [
        parameter
        for name, parameter in _signature(command).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in {"project", "progress", "text"}
    ]
    return dict(zip(options(command), named, strict=True))


def _positional(command: Callable[..., Any]) -> list[inspect.Parameter]:
    parameters = _signature(command).parameters.values()
    return [each for each in parameters if each.kind is not each.KEYWORD_ONLY]


def _is_flag(parameter: inspect.Parameter) -> bool:
    return isinstance(parameter.default, bool)


@cache
def _said_of(command: Callable[..., Any]) -> Mapping[str, str]:
    doc = inspect.getdoc(command) or ""
    entries = re.findall(r"^(\w+(?:, \w+)*)\n((?: {4}.*\n?)+)", doc, re.MULTILINE)
    return {name: " ".join(text.split()) for names, text in entries for name in names.split(", ")}


def _said(command: Callable[..., Any], parameter: str) -> str:
    """Return what the help of a command says of a parameter: its first sentence."""
    return _said_of(command).get(parameter, "").partition(". ")[0].rstrip(".")


def role_of(verb: str, parameter: str) -> Role | None:
    """Return what a parameter of a verb stands for; None where nobody but the user knows its values."""
    return OF_VERBS.get((verb, parameter)) or ROLES.get(parameter)


def _of(
    parameter: inspect.Parameter, verb: str, words: Sequence[str], token: str, known: KnownNames, folder: Path
) -> list[Candidate]:
    choices = _choices(parameter.annotation)
    if choices:
        return _begun((Candidate(choice, "choice") for choice in choices), token)
    role = role_of(verb, parameter.name)
    if role is None:
        return []
    if role == "file":
        return [Candidate(path, "file", kind) for path, kind in known.files(token, folder=folder).items()][:MOST]
    return _begun(_FINDERS[role](_Here(tuple(words), token, known)), token)


def _choices(annotation: Any) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return tuple(map(str, get_args(annotation)))
    return tuple(choice for each in get_args(annotation) for choice in _choices(each))


def _begun(found: Iterator[Candidate] | Sequence[Candidate], token: str) -> list[Candidate]:
    kept: dict[str, Candidate] = {}
    for each in found:
        if each.text.startswith(token) and each.text not in kept:
            kept[each.text] = each
            if len(kept) == MOST:
                break
    return list(kept.values())


def _branches(known: KnownNames) -> Iterator[Candidate]:
    yield from (Candidate(name, "branch", objective) for name, objective in known.branches().items())


def _views(known: KnownNames, token: str) -> Iterator[Candidate]:
    for name, view in known.views.items():
        if name.startswith(token):
            of = f"of {', '.join(view.entities)}" if view.entities and not view.is_on_demand else ""
            told = [of, f"version {view.versions[0]}" if view.versions else "not published"]
            yield Candidate(name, "view", ", ".join(part for part in told if part))


def references(token: str, known: KnownNames) -> Iterator[Candidate]:
    """Yield what `token` may become of ``view[@version][:feature]``."""
    owner, colon, _ = token.partition(":")
    name, at, _ = owner.partition("@")
    if colon:
        view = known.views.get(name)
        if view is not None:
            yield from (Candidate(f"{owner}:{each}", "feature", kind) for each, kind in view.features.items())
        return
    if at:
        view = known.views.get(name)
        if view is not None:
            majors = dict.fromkeys(version.partition(".")[0] for version in view.versions)
            numbers = [*majors, *view.versions]
            yield from (Candidate(f"{name}@{number}", "version") for number in numbers)
        return
    yield from _views(known, token)
    yield from (Candidate(each, "feature set") for each in known.feature_sets())
    if token in known.views:
        yield from (Candidate(f"{token}:{each}", "feature", kind) for each, kind in known.views[token].features.items())


def _versions(here: _Here) -> Iterator[Candidate]:
    """Yield versions of the view that is named before, or views with their major versions."""
    view = here.view()
    if view is not None:
        yield from (Candidate(number, "version") for number in here.known.views[view].versions)
        return
    for name, each in here.known.views.items():
        majors = dict.fromkeys(number.partition(".")[0] for number in each.versions)
        yield from (Candidate(f"{name}@{major}", "version") for major in majors)


def _sides(here: _Here) -> Iterator[Candidate]:
    yield from _branches(here.known)
    view = here.view()
    if view is not None:
        yield from (Candidate(f"@{number}", "version", f"of {view}") for number in here.known.views[view].versions)
    yield from (Candidate(f"release/{name}", "release") for name in here.known.releases())
    yield from (Candidate(name, "experiment", f"on {branch}") for name, branch in here.known.experiments().items())
    yield from (Candidate(name, "training set") for name in here.known.training_sets())
    yield from (Candidate(run, "run", said) for run, said in here.known.runs().items())


def _entity(here: _Here) -> Iterator[Candidate]:
    """Yield ``key=`` of the view that is named before; behind the sign its values."""
    view = here.view()
    if view is None:
        return
    key, sign, begun = here.token.partition("=")
    given = {word.partition("=")[0] for word in here.words if "=" in word}
    keys = here.known.views[view].entities
    if not sign:
        yield from (Candidate(f"{each}=", "key", f"of {view}") for each in keys if each not in given)
    elif key in keys:
        values = (value for value in here.known.values(view, key) if value.startswith(begun))
        yield from (Candidate(f"{key}={value}", "value") for value in values)


def _members(here: _Here) -> Iterator[Candidate]:
    return (each for each in _views(here.known, here.token) if here.known.views[each.text].is_on_branch)


def _published(here: _Here) -> Iterator[Candidate]:
    return (each for each in _views(here.known, here.token) if here.known.views[each.text].versions)


def _views_and_sets(here: _Here) -> Iterator[Candidate]:
    yield from _views(here.known, here.token)
    yield from (Candidate(name, "feature set") for name in here.known.feature_sets())


def _tables(here: _Here) -> Iterator[Candidate]:
    yield from (Candidate(name, "source", said) for name, said in here.known.sources().items())
    yield from _views(here.known, here.token)


def _kinds(here: _Here) -> Iterator[Candidate]:
    from workbench.pipeline import KINDS

    suiting = (name for name in KINDS if name.startswith(here.token))
    return (Candidate(name, "choice", KINDS[name].summary) for name in suiting)


def _reproducible(here: _Here) -> Iterator[Candidate]:
    yield from (Candidate(name, "training set") for name in here.known.training_sets())
    yield from (each for each in references(here.token, here.known) if each.kind in {"view", "version"})
    yield from (Candidate(run, "run", said) for run, said in here.known.runs().items())


def _acceptable(here: _Here) -> Iterator[Candidate]:
    view = here.view()
    for name in [view] if view else here.known.views:
        yield Candidate(f"{name}=", "view", "the reason follows")
        yield from (Candidate(f"{name}:{each}=", "feature") for each in here.known.views[name].features)


def _key_columns(here: _Here) -> Iterator[Candidate]:
    view = here.view()
    return (Candidate(key, "key") for key in (here.known.views[view].entities if view else ()))


_FINDERS: Mapping[Role, Callable[[_Here], Iterator[Candidate]]] = {
    "branch": lambda here: _branches(here.known),
    "side": _sides,
    "view": _views_and_sets,
    "member": _members,
    "published": _published,
    "reference": lambda here: references(here.token, here.known),
    "version": _versions,
    "table": _tables,
    "kind": _kinds,
    "entity": _entity,
    "release": lambda here: (Candidate(name, "release") for name in here.known.releases()),
    "run": _reproducible,
    "accept": _acceptable,
    "column": _key_columns,
}


def split_line(text: str) -> tuple[list[str], str]:
    """Return the whole words of a line, and what of the next one stands at its end.

    Examples
    --------
    >>> split_line('branch exp/a --objective "Try this" --met')
    (['branch', 'exp/a', '--objective', 'Try this'], '--met')
    """
    begun = text.rpartition(" ")[2]
    try:
        return shlex.split(text[: len(text) - len(begun)]), begun
    except ValueError:  # a quote is open
        return text.split()[: -1 if begun else None], begun


def cell_candidates(text: str, offset: int, known: KnownNames) -> list[Candidate]:
    """Return what may stand at `offset` in the text of a ``%%feature`` cell, below its first line.

    In a string these are the columns of what the function reads; between the parentheses of a ``def`` sources and
    views; elsewhere the names that a cell knows without importing them.

    Examples
    --------
    None is run: the text is looked at as it is typed, whether it is Python by now or not.
    """
    before = text[:offset]
    begun = (re.search(r"[^\W\d]\w*$", before) or re.search(r"$", before))[0]  # type: ignore[index]  # `$` is found
    line = before.rpartition("\n")[2]
    quoted = open_string(line)
    if quoted is not None:
        return _begun(_columns(text, known), quoted)
    if re.search(r"\bdef\s+\w+\s*\([^)]*$", before) and not re.search(r":\s*[\w.]*$", line):
        tables = [*(Candidate(each, "source", said) for each, said in known.sources().items()), *_views(known, begun)]
        return _begun(tables, begun)
    if not begun or before[: len(before) - len(begun)].endswith("."):
        return []
    return _begun([Candidate(name, "name", said) for name, said in cell_names().items()], begun)


@cache
def cell_names() -> Mapping[str, str]:
    """Return the names that a cell knows without importing them, each with where it comes from."""
    from workbench.define import CELL_NAMES

    return CELL_NAMES


def open_string(line: str) -> str | None:
    """Return what stands behind a quote that is open at the end of `line`; None where there is none."""
    quote, start = "", 0
    for place, letter in enumerate(line):
        if quote and letter == quote and line[place - 1] != "\\":
            quote = ""
        elif not quote and letter == "#":
            return None
        elif not quote and letter in "\"'":
            quote, start = letter, place + 1
    return line[start:] if quote and not line[:start].endswith(quote * 3) else None


def _columns(text: str, known: KnownNames) -> Iterator[Candidate]:
    """Yield the columns of what the cell's functions read, and those of its model."""
    tables = {*known.sources(), *known.views}
    found = [each for each in _parameters(text) if each in tables]
    for table in found or known.sources():
        yield from (Candidate(name, "column", f"{kind} of {table}") for name, kind in known.columns(table).items())
    for name, kind in re.findall(r"^    (\w+): ([^=\n]+)", text, re.MULTILINE):
        yield Candidate(name, "column", f"{kind.strip()} of the model")


def _parameters(text: str) -> list[str]:
    """Return the parameters of the functions in a cell, whether it is whole or not."""
    try:
        functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
        return [each.arg for function in functions for each in function.args.args]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        heads = re.findall(r"^def\s+\w+\s*\(([^)]*)", text, re.MULTILINE)
        return [part.partition(":")[0].strip() for head in heads for part in head.split(",")]
