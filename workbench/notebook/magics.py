"""The notebook's front door: ``%load_ext workbench``, ``%feature`` and ``%%feature``."""

from __future__ import annotations

import json
import math
import shlex
import textwrap
import threading
import time
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from IPython import get_ipython
from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from IPython.core.magic import Magics, line_cell_magic, magics_class

from workbench.drivers import library_error, translate_errors
from workbench.errors import ContractViolation, Interrupted, PromotionRefused, UsageError, WorkbenchError
from workbench.notebook.cell_names import CellNames
from workbench.notebook.completer import Completer
from workbench.notebook.completion import open_string
from workbench.redaction import redact_urls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from IPython.core.interactiveshell import InteractiveShell

    from workbench.cli import Call
    from workbench.notebook.completion import Candidate
    from workbench.notebook.live_output import LiveOutput
    from workbench.pipeline import HelperModule, ViewResult
    from workbench.project import Project

MAGIC = "feature"
_VERBS = "        (``%feature --help`` lists them)"
"""What stands in the help until the verbs are loaded."""
READING = 2.0
"""Seconds without a verb after which the user is taken to be reading."""


@magics_class
class FeatureMagics(Magics):  # type: ignore[misc]  # IPython ships no types for its decorators
    """``%feature`` and ``%%feature``, on the project around the notebook."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._opened: dict[Path, tuple[str, Project]] = {}
        self._kernel = _kernel_id(shell)
        self._quiet_since = time.monotonic()
        self._charts: threading.Thread | None = None
        self._apart: Project | None = None
        self._verbs_loaded = threading.Event()
        self._names = CellNames()
        self._completer = Completer(self._own_handle, self._verbs_loaded.is_set)
        self._warm = threading.Thread(target=self._warm_up, name="workbench-warm-up", daemon=True)

    def warm_up(self) -> None:
        """Load what the first cell will need while the user types."""
        self._names.offer(self.shell)
        self._warm.start()

    def _warm_up(self) -> None:
        from workbench.cli import WITH_PROJECT, WITHOUT_PROJECT, summary
        from workbench.notebook import completion  # noqa: F401 - loaded for the first Tab

        verbs = (f"{word:13}{summary(command)}" for word, command in {**WITHOUT_PROJECT, **WITH_PROJECT}.items())
        text = "\n".join(textwrap.fill(line, 110, subsequent_indent=" " * 13) for line in verbs)
        type(self).feature.__doc__ = str(type(self).feature.__doc__).replace(_VERBS, textwrap.indent(text, " " * 8))
        self._verbs_loaded.set()
        self._names.load()
        try:
            project = self._project()
        except WorkbenchError:
            return  # no project yet: the first verb that needs one says so
        project.warm()

    def _ready(self) -> None:
        if self._warm.is_alive():
            self._warm.join()

    def _project(self) -> Project:
        from workbench.config import CONFIG_FILE
        from workbench.project import find_root, open_project

        root = find_root()
        settings = (root / CONFIG_FILE).read_text(encoding="utf-8", errors="replace")
        known, chosen = self._opened.get(root), self.chosen_branch(root)
        if known is not None and known[0] == settings:
            project = known[1]
            project.chosen_branch = chosen
        else:
            project = open_project(root, branch=chosen)
            self._opened[root] = (settings, project)
        return project

    def project(self) -> Project:
        """Return the project around the working directory, on the branch chosen in this notebook.

        Opened once, and again when its ``workbench.toml`` was changed.
        """
        self._ready()
        return self._project()

    def chosen_branch(self, root: Path) -> str | None:
        """Return the branch that was chosen for this notebook and the project in `root`, here or beside the notebook.

        It may be gone by now; `None` where none was chosen.
        """
        from workbench.project import kernel_branch

        chosen = None if self._kernel is None else kernel_branch(root, self._kernel)
        return chosen or (self._opened[root][1].chosen_branch if root in self._opened else None)

    def _keep_branch(self, project: Project, before: str | None) -> None:
        """Keep the branch that a verb chose where others find it."""
        from workbench.project import choose_kernel_branch

        if self._kernel is not None and project.chosen_branch != before:
            choose_kernel_branch(project.root, self._kernel, project.chosen_branch)

    @line_cell_magic(MAGIC)  # type: ignore[untyped-decorator]  # IPython's own
    def feature(self, line: str, cell: str | None = None) -> Any:
        """Define a feature view in a cell, or run one of Feature Workbench's verbs.

        In a cell
        ---------
        ``%%feature [--branch NAME] [--message TEXT] [--no-log]`` on the first line, then a FeatureModel and one
        function under @feature_view. The view is committed to the current experiment's branch, computed, checked
        and logged to MLflow; the card below the cell says how it went.

        --branch NAME    the branch to write; the current experiment's if absent
        --message TEXT   the commit's subject
        --no-log         send no run to MLflow
        --helper NAME    write the cell as a module that views import, not as a view
        --help           all of this again

        On a line
        ---------
        ``%feature VERB [words]``, the words of the command line's ``workbench VERB``; ``$name`` and ``{expression}``
        stand for values of the notebook:

        (``%feature --help`` lists them)

        ``%feature`` alone lists the verbs by what they are for, ``%feature VERB --help`` explains one. Names that a
        cell may use without importing them: pl, datetime, timedelta, LazyFrame, UTC, Feature, FeatureModel,
        feature_view, on_demand, feature_set, windowed.
        """
        try:
            self._quiet_since = math.inf
            with translate_errors(library_error):
                return self._line(line) if cell is None else self._cell(line, cell)
        except KeyboardInterrupt:
            raise _interrupted("the computation") from None
        finally:
            self._quiet_since = time.monotonic()
            self._warm_charts()

    def _line(self, line: str) -> Any:
        from IPython.display import display

        from workbench.cli import WITH_PROJECT, WITHOUT_PROJECT, Overview, parser
        from workbench.pipeline import DeclaredSources, NewCell
        from workbench.promote import PromotionReport

        line = line.rstrip()
        is_silent = line.endswith(";")
        if not line.strip(" ;"):
            self._ready()
            return Overview()
        call = self._bind(parser("%feature"), line.rstrip(";"))
        if call.is_help:
            call.run()
            return None
        result = self._run(call)
        if call.as_json:
            print(redact_urls(json.dumps(result.to_dict(), indent=2, default=str)))
            return None
        if call.function is WITH_PROJECT["ui"]:
            self._live().follow(result, self.project().ui)
            return None
        if call.function is WITHOUT_PROJECT["monitor"]:
            self._live().watch(result)
            return None
        if isinstance(result, PromotionReport) and result.is_refused:
            display(call.shown(result))
            raise PromotionRefused.of(result, result.plan.refusals).without_lines()
        if isinstance(result, NewCell):
            self.shell.set_next_input(result.cell.rstrip("\n"))
        if isinstance(result, DeclaredSources) and (first := result.first):
            begin = '%feature branch exp/first --objective "Try a first feature"'
            self.shell.set_next_input(f"{begin}\n%feature new {first.kind} {first.inputs[0]}")
        return None if is_silent else call.shown(result)

    def _warm_charts(self) -> None:
        """Load what interactive views need while the user reads what a first cell showed."""
        if self._charts is None and hasattr(self.shell, "kernel"):
            self._charts = threading.Thread(target=self._load_charts, name="workbench-reading", daemon=True)
            self._charts.start()

    def _load_charts(self) -> None:
        from workbench.notebook.explorer.show import warm_up

        while time.monotonic() - self._quiet_since < READING:
            time.sleep(READING / 10)
        warm_up()

    def _live(self) -> LiveOutput:
        from workbench.notebook.live_output import LiveOutput

        return LiveOutput(pushes=hasattr(self.shell, "kernel"))

    def _cell(self, line: str, cell: str) -> None:
        from workbench.cli import cell_parser
        from workbench.pipeline import HelperModule

        call = self._bind(cell_parser(), line)
        if call.is_help:
            call.run()
            return
        result: ViewResult | HelperModule = self._run(call, text=cell)
        self.shell.push(dict(result.namespace))
        if call.as_json:
            print(redact_urls(json.dumps(result.to_dict(), indent=2, default=str)))
        if not isinstance(result, HelperModule) and not result.passed:
            raise ContractViolation.of(result.view, result.failed)

    def _run(self, call: Call, **supplied: object) -> Any:
        if "project" not in call.wants:
            return call.run()
        live = self._live()
        verb = "define" if "text" in supplied else call.function.__name__
        try:
            with live.working(verb):
                project = self.project()
                project.recover()
                before = project.chosen_branch
                result = call.run(project=project, progress=live.tick, **supplied)
                self._keep_branch(project, before)
        except BaseException:
            live.clear()
            raise
        if "text" in supplied and not call.as_json:
            live.show(result)
        else:
            live.clear()
        return result

    def _bind(self, app: Any, line: str) -> Call:
        from workbench.cli import bind

        self._ready()
        try:
            return bind(app, shlex.split(line))
        except ValueError as error:
            raise UsageError(f"The line cannot be read: {error}.", remedy="Close the quotes.") from None

    def matcher(self) -> Callable[[CompletionContext], SimpleMatcherResult]:
        """Return the completer of our magics' lines, and of the cells below ``%%feature``."""

        def feature_matcher(context: CompletionContext) -> SimpleMatcherResult:
            found, typed, is_ours = self._complete(context)
            return SimpleMatcherResult(
                completions=[SimpleCompletion(each.text, type=each.kind) for each in found],
                matched_fragment=typed,
                suppress=is_ours,
                ordered=is_ours,
            )

        matcher: Callable[[CompletionContext], SimpleMatcherResult] = context_matcher()(feature_matcher)
        return matcher

    def _complete(self, context: CompletionContext) -> tuple[list[Candidate], str, bool]:
        """Return what may stand at the cursor, what of it is typed, and whether nothing else may stand there."""
        before = context.text_until_cursor
        is_cell = context.full_text.startswith(f"%%{MAGIC}")
        head = f"%%{MAGIC} " if is_cell and context.cursor_line == 0 else f"%{MAGIC} "
        if before.startswith(head):
            line = before.removeprefix(head)
            return self._completer.line(line, is_cell=head.startswith("%%")), line.rpartition(" ")[2], True
        if is_cell and context.cursor_line > 0:
            _, *lines = context.full_text.split("\n")
            offset = sum(len(line) + 1 for line in lines[: context.cursor_line - 1]) + context.cursor_position
            found = self._completer.cell("\n".join(lines), offset)
            is_column = bool(found) and found[0].kind == "column"
            typed = open_string(before) if is_column else None
            return found, context.token if typed is None else typed, is_column
        return [], context.token, False

    def _own_handle(self) -> Project:
        """Return a handle for completion, on the branch chosen here; it is opened again where something changed."""
        from workbench.project import Project, find_root

        root = find_root()
        chosen = self._opened[root][1].chosen_branch if root in self._opened else None
        if self._apart is None or (self._apart.root, self._apart.chosen_branch) != (root, chosen):
            self._apart = Project(root, branch=chosen)
        return self._apart


def register(shell: InteractiveShell) -> None:
    """Register the magics and their completer with `shell`, and load the heavy packages in the background."""
    from workbench.notebook.explorer.display import offer

    magics = FeatureMagics(shell)
    shell.register_magics(magics)
    if shell.Completer is not None:
        shell.Completer.custom_matchers.append(magics.matcher())
    offer(shell)
    magics.warm_up()


@contextmanager
def show_work(what: str) -> Iterator[None]:
    """Show below the running cell that `what` is worked on, if it takes more than a moment."""
    from workbench.notebook.live_output import LiveOutput

    live = LiveOutput(pushes=hasattr(get_ipython(), "kernel"))
    try:
        with live.working(what):
            yield
    finally:
        live.clear()


def chosen_branch(root: Path) -> str | None:
    """Return the branch that ``%feature branch`` chose in this kernel for the project in `root`, if there is one."""
    shell = get_ipython()
    magics = shell.magics_manager.registry.get(FeatureMagics.__name__) if shell else None
    return magics.chosen_branch(root) if magics else None


def _kernel_id(shell: InteractiveShell) -> str | None:
    """Return the id of the kernel that `shell` is of, as a Jupyter server calls it; None in a terminal."""
    if not hasattr(shell, "kernel"):
        return None
    from ipykernel.kernelapp import IPKernelApp

    file = IPKernelApp.instance().connection_file if IPKernelApp.initialized() else ""
    return PurePath(file).stem.removeprefix("kernel-") or None


def _interrupted(what: str) -> Interrupted:
    """Return the error for a Ctrl-C, or a kernel's interrupt, during `what`."""
    return Interrupted(
        f"Interrupted during {what}.",
        remedy="Nothing is half done: what was computed before is kept. Run it again at any time.",
    )
