"""From a line of words to a call: what the command line and ``%feature`` have in common."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError
from workbench.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cyclopts import App


@dataclass(frozen=True, slots=True)
class Call:
    """A verb with its words bound, waiting for what the front end supplies."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    wants: frozenset[str]
    as_json: bool
    no_sign: bool
    everything: bool
    is_help: bool

    def run(self, **supplied: object) -> Any:
        """Call the verb, giving it those of `supplied` that it asks for."""
        project = supplied.get("project")
        with project.unsigned() if self.no_sign and isinstance(project, Project) else nullcontext():
            return self.function(*self.args, **self.kwargs, **{k: v for k, v in supplied.items() if k in self.wants})

    def shown(self, result: Any) -> Any:
        """Return what shows `result`: unfolded where all of it was asked for, and there is something to unfold."""
        return result.unfolded() if self.everything and hasattr(result, "unfolded") else result


def bind(app: App, words: Sequence[str]) -> Call:
    """Parse `words` with `app`."""
    from cyclopts import CycloptsError, UnusedCliTokensError

    tokens, as_json = _take("--json", words)
    tokens, no_sign = _take("--no-sign", tokens)
    tokens, everything = _take("--all", tokens)
    try:
        function, bound, ignored = app.parse_args(tokens, print_error=False, exit_on_error=False)[:3]
    except CycloptsError as error:
        name = app.name[0]
        remedy = f"{name} --help lists its options."
        if isinstance(error, UnusedCliTokensError):
            remedy = f'Put words that belong together in quotes, as in sql "select ..."; {remedy}'
        raise UsageError(f"{name}: {error}", remedy=remedy) from None
    is_help = getattr(function, "__name__", "") in {"help_print", "version_print"}
    return Call(
        function, tuple(bound.args), dict(bound.kwargs), frozenset(ignored), as_json, no_sign, everything, is_help
    )


def _take(flag: str, words: Sequence[str]) -> tuple[list[str], bool]:
    """Take a flag that every verb has out of `words`, wherever it stands before a bare ``--``."""
    end = words.index("--") if "--" in words else len(words)
    before = [word for word in words[:end] if word != flag]
    return [*before, *words[end:]], len(before) < end
