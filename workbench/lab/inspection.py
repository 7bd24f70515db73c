"""Completion, hover help and diagnostics of ``%%feature`` cells and ``%feature`` lines: read, never executed."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from workbench.errors import UsageError
from workbench.lab.answers import Completion, Diagnostic, Hover, Inspection
from workbench.lab.cell_text import CellText, said_of, units
from workbench.lab.inputs import inputs_of, names_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.lab.projects import Look
    from workbench.notebook import Candidate

CELL, LINE = "%%feature", "%feature"
_WORD = re.compile(r"\w+")


def inspect_cell(look: Look, source: str, line: int, column: int) -> Inspection:
    """Return what is to be said of a cell, and of the place `line`, `column` in it (from 0, in UTF-16 units)."""
    lines = source.split("\n")
    here = lines[line] if 0 <= line < len(lines) else ""
    before = _before(here, column)
    first = next((place for place, text in enumerate(lines) if text.strip()), 0)
    word = _word_at(here, len(before))
    if not lines[first].startswith(CELL):
        wrong = [found for place, text in enumerate(lines) if (found := _wrong_line(text, place)) is not None]
        if not here.lstrip().startswith(f"{LINE} "):
            return Inspection(completions=[], hover=None, diagnostics=wrong)
        completions = _of_line(look, before.lstrip().removeprefix(LINE), is_cell=False)
        return Inspection(completions=completions, hover=_help(look, word), diagnostics=wrong)
    text = "\n".join(lines[first + 1 :])
    cell = CellText(text, first + 1, inputs_of(look))
    if line <= first:
        completions = _of_line(look, before.removeprefix(CELL), is_cell=True)
        return Inspection(completions=completions, hover=None, diagnostics=[*cell.diagnostics()])
    offset = sum(len(each) + 1 for each in lines[first + 1 : line]) + len(before)
    return Inspection(
        completions=_of_cell(look, text, offset), hover=cell.hover(word), diagnostics=[*cell.diagnostics()]
    )


def _before(text: str, column: int) -> str:
    """Return the part of a line before a column that counts UTF-16 units."""
    return text.encode("utf-16-le")[: 2 * max(column, 0)].decode("utf-16-le", "ignore")


def _word_at(text: str, place: int) -> str:
    return next((found[0] for found in _WORD.finditer(text) if found.start() <= place <= found.end()), "")


def _of_line(look: Look, before: str, *, is_cell: bool) -> list[Completion]:
    """Return what may stand at the end of a magic's line, behind its name."""
    from workbench.notebook import line_candidates, option_candidates, split_line

    if not before.startswith(" "):
        return []
    words, token = split_line(before.lstrip())
    find = option_candidates if is_cell else line_candidates
    return _told(find(words, token, names_of(look), folder=look.project.root), token)


def _of_cell(look: Look, text: str, offset: int) -> list[Completion]:
    """Return what may stand at a place below the first line of a cell."""
    from workbench.notebook import cell_candidates

    found = cell_candidates(text, offset, names_of(look))
    return _told(found, text[:offset])


def _told(found: Sequence[Candidate], before: str) -> list[Completion]:
    """Return candidates, each with how much of it is typed already: the longest beginning of it that stands before."""
    told = []
    for each in found:
        sizes = range(min(len(each.text), len(before)), 0, -1)
        typed = next((size for size in sizes if before.endswith(each.text[:size])), 0)
        told.append(Completion(text=each.text, kind=each.kind, detail=each.detail, replaces=units(each.text[:typed])))
    return told


def _help(look: Look, word: str) -> Hover | None:
    """Return the help of a verb, or what is known of a source or view."""
    from workbench.cli import WITH_PROJECT, WITHOUT_PROJECT, summary

    verbs = {**WITHOUT_PROJECT, **WITH_PROJECT}
    if word in verbs:
        return Hover(text=f"**{word}** {summary(verbs[word])}")
    known = inputs_of(look)
    return said_of(known[word]) if word in known else None


def _wrong_line(text: str, place: int) -> Diagnostic | None:
    """Return what is wrong with the words of a ``%feature`` line; one with values of the notebook is not looked at."""
    if not text.lstrip().startswith(f"{LINE} ") or re.search(r"[${]", text):
        return None
    from workbench.cli import bind, parser

    words = text.strip().rstrip(";").removeprefix(LINE)
    try:
        bind(parser(LINE), shlex.split(words) or ["--help"])
    except UsageError as error:
        message, remedy = error.message, error.remedy
    except ValueError as error:
        message, remedy = f"The line cannot be read: {error}.", "Close the quotes."
    else:
        return None
    start = len(text) - len(text.lstrip())
    return Diagnostic(
        line=place,
        column=start,
        end_line=place,
        end_column=units(text.rstrip()),
        severity="error",
        message=message,
        remedy=remedy,
    )
