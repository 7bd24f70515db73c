"""The command line: ``workbench <verb>``."""

from __future__ import annotations

import json
import sys
import warnings
from typing import TYPE_CHECKING, Any, TextIO

from workbench.drivers import library_error, translate_errors
from workbench.errors import UsageError, WorkbenchError
from workbench.redaction import redact, redact_urls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from workbench.cli.call import Call
    from workbench.compute import Progress

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 (it failed), 2 (usage) or 130 (interrupted).

    Parameters
    ----------
    argv
        The words after the command's name; the process's own if absent.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            with translate_errors(library_error):
                return _run(words)
    except WorkbenchError as error:
        if as_json:
            _print_json(error.to_dict())
        else:
            print(
                "\n".join(error._render_traceback_() if sys.stderr.isatty() else [f"{type(error).__name__}: {error}"]),
                file=sys.stderr,
            )
        return USAGE if isinstance(error, UsageError) else FAILED
    except KeyboardInterrupt:
        print("Interrupted. No partial results were kept.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _run(words: Sequence[str]) -> int:
    from workbench.cli.call import bind
    from workbench.cli.parsers import WITHOUT_PROJECT, parser

    call = bind(parser("workbench", words), words or ["--help"])
    if call.is_help:
        call.run()
        return 0
    result = _call(call)
    if call.function is WITHOUT_PROJECT["serve"]:
        result.start()
    if call.as_json:
        _print_json(result.to_dict())
    elif isinstance(verbatim := getattr(result, "verbatim", None), str):
        print(verbatim, end="")
    else:
        _console().print(call.shown(result))
    return 0 if getattr(result, "passed", True) else FAILED


def _call(call: Call) -> Any:
    if "project" not in call.wants:
        return call.run()
    from workbench.project import open_project

    project = open_project(remembered=True)
    chosen = project.chosen_branch
    try:
        if call.as_json or not sys.stderr.isatty():
            return call.run(project=project)
        with _console(stderr=True).status("") as line:

            def tick(now: Progress) -> None:
                line.update(f"{now.view}: {now.phase} {now.seconds:.1f} s")

            return call.run(project=project, progress=tick)
    finally:
        if project.chosen_branch != chosen and project.branch_name != (chosen or project.repository.head()):
            project.use_branch_in_shell()
        project.close()


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,  # noqa: ARG001 - what is warned of is in the project, not in a line of ours
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: str | None = None,  # noqa: ARG001
) -> None:
    print(redact(f"{category.__name__}: {message}"), file=sys.stderr)


def _print_json(value: object) -> None:
    print(redact_urls(json.dumps(value, indent=2, default=str)))


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, force_jupyter=False)
