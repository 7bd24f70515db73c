"""What verbs are given beside the user's words, and how options of the form ``key=value`` are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from cyclopts import Parameter

from workbench.errors import UsageError
from workbench.project import Project

if TYPE_CHECKING:
    from workbench.render import Reported

Shown = TypeVar("Shown", bound="Reported")
SuppliedArg = Annotated[str, Parameter(parse=False)]
ProjectArg = Annotated[Project, Parameter(parse=False)]
ProgressArg = Annotated[Callable[[Any], None] | None, Parameter(parse=False)]


def save_report(ask: Callable[[], Shown], out: Path | None) -> Shown:
    """Return what `ask` returns, written to the file `out` where one is named; what is no report is refused before."""
    if out is None:
        return ask()
    from workbench.render import report_kind

    report_kind(out)
    result = ask()
    result.save(out)
    return result


def parse_pairs(words: list[str], *, option: str = "--tag", example: str = "team=delay") -> dict[str, str]:
    """Return the mapping that words of the form ``key=value`` say."""
    found = {}
    for text in words:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise UsageError(f"{option} {text!r} is not key=value.", remedy=f"Write for example {option} {example}.")
        found[key.strip()] = value.strip()
    return found
