"""Commands derived from the verbs of `Project`: a method's signature and docstring are the command's.

The first parameter is a word of the line, or several where it takes a sequence; all others are options. A mapping is
written as ``key=value``, given as often as there are keys; dates, moments and rows are named by text.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

from cyclopts import Parameter

from workbench.cli.parameters import ProgressArg, ProjectArg, SuppliedArg, parse_pairs, save_report
from workbench.errors import PromotionRefused, UsageError
from workbench.project import Project, Verb, verbs_of

SAVED = "Write the report to this file too: .html, .md or .json."


class Commands(Mapping[str, Callable[..., Any]]):
    """A command for each verb of `Project` by its word, derived when it is first asked for.

    Parameters
    ----------
    made
        The commands that are not derived.
    """

    def __init__(self, made: Mapping[str, Callable[..., Any]]) -> None:
        self._verbs = {name.replace("_", "-"): (name, verb) for name, verb in verbs_of(Project).items()}
        self._commands = dict(made)

    def __getitem__(self, word: str) -> Callable[..., Any]:
        if word not in self._commands:
            self._commands[word] = command(*self._verbs[word])
        return self._commands[word]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._verbs, **self._commands})

    def __len__(self) -> int:
        return len({**self._verbs, **self._commands})


def command(name: str, verb: Verb, *, supplied: frozenset[str] = frozenset()) -> Callable[..., Any]:
    """Return the command that calls the method `name` of an open project."""
    method = getattr(Project, name)
    _, *parameters = inspect.signature(method).parameters.values()
    asked = [parameter for parameter in parameters if parameter.name not in supplied]
    read = [_Read(parameter, verb, is_first=not place) for place, parameter in enumerate(asked)]

    def call(*words: Any, project: Project, **given: Any) -> Any:
        out = given.pop("out", None)
        if words and not read[0].is_variadic:
            given[read[0].name], words = words[0], ()
        named = {each.name: each.value(given[each.name]) for each in read if given.get(each.name) is not None}
        named |= {each: given[each] for each in supplied}
        try:
            result = save_report(lambda: getattr(project, name)(*words, **named), out)
            return _listed(result) if isinstance(result, list) else result
        except PromotionRefused as refused:
            if refused.report is None:
                raise
            return refused.report

    shown = [each.shown for each in read]
    if verb.saves:
        shown.append(inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Path | None))
    shown += [inspect.Parameter(each, inspect.Parameter.KEYWORD_ONLY, annotation=SuppliedArg) for each in supplied]
    shown.append(inspect.Parameter("project", inspect.Parameter.KEYWORD_ONLY, annotation=ProjectArg))
    call.__name__ = name
    call.__doc__ = _help_text(inspect.getdoc(method) or "", read, saves=verb.saves)
    call.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]  # what inspect and cyclopts read
    call.__annotations__ = {each.name: each.annotation for each in shown}
    return call


def _listed(results: list[Any]) -> Any:
    """Return results as one that can be shown."""
    from workbench.pipeline import ResultList  # with all that draws a card

    return ResultList(tuple(results))


def from_file(command: Callable[..., Any], text: str, *, said: str) -> Callable[..., Any]:
    """Return a command that takes what another one is supplied with as `text` from a file, whose help is `said`."""

    def call(file: Path, **given: Any) -> Any:
        try:
            content = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{file} cannot be read: {error}.", remedy="Give the path of a UTF-8 text file.") from None
        return command(**given, **{text: content})

    shown = [each for each in inspect.signature(command).parameters.values() if each.name != text]
    shown.insert(0, inspect.Parameter("file", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Path))
    call.__name__ = command.__name__
    call.__doc__ = (
        (command.__doc__ or "")
        .replace(f" in {text}:", " in a file:", 1)
        .replace(_HEAD, f"{_HEAD}file\n    {said}\n", 1)
    )
    call.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]  # as above
    call.__annotations__ = {each.name: each.annotation for each in shown}
    return call


_HEAD = "Parameters\n----------\n"


class _Read:
    """How a parameter of a method is read from a line."""

    def __init__(self, parameter: inspect.Parameter, verb: Verb, *, is_first: bool) -> None:
        self.name = parameter.name
        self.is_variadic = parameter.kind is parameter.VAR_POSITIONAL
        self._type = str(parameter.annotation)
        self._default = parameter.default
        self._option = verb.options.get(self.name, self.name if is_first else _singular(self.name, self._type))
        positional = parameter.kind if self.is_variadic else parameter.POSITIONAL_OR_KEYWORD
        kind = positional if is_first and parameter.kind is not parameter.KEYWORD_ONLY else parameter.KEYWORD_ONLY
        is_needed = parameter.default is parameter.empty
        default = parameter.empty if is_needed else parameter.default if self._type == "bool" else None
        self.shown = parameter.replace(
            kind=kind, default=parameter.empty if self.is_variadic else default, annotation=self._annotation(is_needed)
        )

    @property
    def repeated(self) -> str:
        """What to say of an option that may be given several times; empty for any other."""
        if self.is_mapping:
            return "As NAME=VALUE; may be repeated."
        return "May be repeated." if "Sequence[" in self._type and self.shown.kind is self.shown.KEYWORD_ONLY else ""

    @property
    def is_mapping(self) -> bool:
        return "Mapping[" in self._type

    def _annotation(self, is_needed: bool) -> Any:  # noqa: FBT001 - a fact of the parameter
        if self.name == "progress":
            return ProgressArg
        if self._type == "bool":
            kind: Any = bool
        elif self.is_mapping or "Sequence[" in self._type:
            kind = list[str]
        else:
            kind = int if self._type.startswith("int") else str
        kind = kind if is_needed or self._type == "bool" else kind | None
        if self._type == "bool" and self._default is True:
            return Annotated[kind, Parameter(name=f"--{self._option}", negative=f"--no-{self._option}")]
        return kind if self._option == self.name else Annotated[kind, Parameter(name=f"--{self._option}")]

    def value(self, given: Any) -> Any:
        """Return what the method takes for what the line has."""
        if not self.is_mapping:
            return given
        return parse_pairs(given, option=f"--{self._option}", example=_EXAMPLES.get(self.name, "name=value"))


_EXAMPLES = {"accept": "'spend:total=new prices'", "entity": "carrier=UA"}


def _singular(name: str, annotation: str) -> str:
    """Return an option's name: one that may be repeated is called by one of its values."""
    is_many = "Sequence[" in annotation or "Mapping[" in annotation
    return (name.removesuffix("s") if is_many else name).replace("_", "-")


def _help_text(doc: str, read: list[_Read], *, saves: bool) -> str:
    """Return a method's docstring in the words of a line, without the sections that are of no use there."""
    for old, new in _WORDS:
        doc = doc.replace(old, new)
    sections = [text for text in doc.split("\n\n") if not _SECTION.match(text) or text.startswith("Parameters")]
    said = {name: text for section in sections for names, text in _ENTRY.findall(section) for name in names.split(", ")}
    lines = [line for section in sections if not section.startswith("Parameters") for line in ("", section)][1:]
    lines += ["", "Parameters", "----------"]
    for each in (each for each in read if each.name != "progress"):
        repeated = f" {each.repeated}" if each.repeated else ""
        lines += [each.name, textwrap.indent(said.get(each.name, "").rstrip() + repeated, "    ")]
    if saves:
        lines += ["out", f"    {SAVED}"]
    return "\n".join(lines)


_WORDS = (
    ("``", ""),
    ("`", ""),
    ("this handle's branch", "the current branch"),
    ("this handle's", "the current one"),
    ("Return how", "Show how"),
    ("Return why", "Show why"),
    ("Return what", "Show what"),
    ("Return where", "Show where"),
    ("Return branches", "Show branches"),
)
"""What is said otherwise of a command than of a method."""

_SECTION = re.compile(r"\w+\n-{3,}$", re.MULTILINE)
_ENTRY = re.compile(r"^(\w+(?:, \w+)*)\n((?: {4}.*\n?)+)", re.MULTILINE)


def summary(command: Callable[..., Any]) -> str:
    """Return the first sentence of a command's help, and its options."""
    first = " ".join((inspect.getdoc(command) or "").split("\n\n")[0].split())
    return " ".join([first.partition(". ")[0].rstrip("."), *options(command)])


def options(command: Callable[..., Any]) -> list[str]:
    """Return the options of a command, from its signature."""
    found = []
    for name, parameter in inspect.signature(command).parameters.items():
        if parameter.kind is not parameter.KEYWORD_ONLY or name in {"project", "progress", "text"}:
            continue
        marks = [mark for mark in get_args(parameter.annotation) if isinstance(mark, Parameter)]
        named = next((each for mark in marks for each in mark.name or ()), name.strip("_").replace("_", "-"))
        word = named.removeprefix("--")
        found.append(f"--no-{word}" if parameter.default is True else f"--{word}")
    return found
