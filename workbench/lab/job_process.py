"""The process of one job: runs a verb as the command line does, and says how far it is in lines of JSON.

It reads a line of ``{"root", "branch", "words"}`` from its input, whose end means that the server is gone: then it
interrupts itself. Whatever prints meanwhile prints to its errors.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.errors import WorkbenchError
from workbench.lab.answers import JobResult
from workbench.lab.problem import problem_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workbench.compute import Progress

    Say = Callable[[Mapping[str, object]], None]


def main() -> None:
    """Run the job that standard input describes."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a server in the background may have it ignored
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def say(said: Mapping[str, object]) -> None:
        out.write(msgspec.json.encode(said) + b"\n")
        out.flush()

    try:
        told = json.loads(_line())
        threading.Thread(target=_end_with_the_server, name="workbench-server", daemon=True).start()
        _run(told, say)
    except WorkbenchError as error:
        say({"problem": problem_of(error)})
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - the boundary of the process: the server logs what is printed
        traceback.print_exc()
        say({"problem": problem_of(error)})


def _line() -> bytes:
    """Return the first line of the input, and no more of it."""
    found = b""
    while not found.endswith(b"\n"):
        more = os.read(0, 65_536)
        if not more:
            sys.exit(1)
        found += more
    return found


def _end_with_the_server() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGINT)


def _run(told: Mapping[str, Any], say: Say) -> None:
    from workbench.cli import bind, parser
    from workbench.drivers import library_error, translate_errors
    from workbench.project import Project

    def tick(now: Progress) -> None:
        rows = "" if now.rows is None else f", {now.rows:,} rows"
        say({"step": now.view, "text": f"{now.phase} {now.seconds:.1f} s{rows}"})

    root = Path(told["root"])
    os.chdir(root)
    project = Project(root, branch=told["branch"])
    try:
        project.recover()
        with translate_errors(library_error):
            result = bind(parser("workbench"), told["words"]).run(project=project, progress=tick)
            say({"result": _result(root, result)})
    finally:
        project.close()


def _result(root: Path, result: Any) -> JobResult:
    """Return what a verb returned, as a notebook would show it."""
    saved = getattr(result, "saved", None)
    passed = getattr(result, "passed", None)
    return JobResult(
        mime=result._repr_mimebundle_(),
        refused=bool(getattr(result, "is_refused", False)),
        passed=passed if isinstance(passed, bool) else None,
        acceptable=list(getattr(getattr(result, "plan", None), "acceptable", ())),
        plan=None if saved is None else str(saved.relative_to(root) if saved.is_relative_to(root) else saved),
    )


if __name__ == "__main__":
    main()
